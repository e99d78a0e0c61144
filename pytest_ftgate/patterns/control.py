"""The negative control of the pattern search: the same search where there is nothing to find.

The failures stay where they are, case by case and arm by arm; what they are called is handed out anew. Each
case draws one of so many names that under the best arm none is truly above the floor, and keeps it in all
its failing trials of every arm, and is taken to recur: so the rate alone must tell (the least favourable case
of the intersection-union test, Berger 1982). What the search confirms is false. Cases of one group draw
together.

A plain shuffle of the grades would be no control: it leaves every rate as it was, and a pattern of 1 in 5
trials is one wherever its trials are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, comb, fsum
from random import Random

from pytest_ftgate.model.pattern import PatternControl
from pytest_ftgate.patterns.mining import Candidate, Failing
from pytest_ftgate.patterns.reproducibility import assess_candidates, count_at_floor
from pytest_ftgate.patterns.survey import Survey

SHUFFLES = 100
MAX_FALSE = 0.05
"""Share of the shuffles in which something may be found: what DESIGN section 7 promises of a verdict."""
MAX_P = 0.01
"""The control fails where more is found than this explains by chance."""


@dataclass(frozen=True, slots=True)
class _Cluster:
    """The failing trials of cases that draw together. `weight`: what they add to a rate of the best arm."""

    hits: Mapping[str, Mapping[str, int]]
    trials: Sequence[Failing]
    weight: float


def run_control(survey: Survey, *, shuffles: int = SHUFFLES) -> PatternControl | None:
    """How often the search confirms a pattern in shuffled grades; None where nothing failed.

    Seeded by `decision.seed`: the same records give the same answer, whatever their order.
    """
    rate = survey.rates[survey.best].rate(survey.failures).value
    if not rate:
        return None
    clusters = _list_clusters(survey)
    floor = survey.decision.floor
    names = min(ceil(rate / floor), len(clusters)) if floor > 0 else len(clusters)
    rng = Random(f"{survey.decision.seed}:control")  # noqa: S311 - a seeded draw, nothing to do with secrets
    # However names are handed out, together they have all failing trials.
    most = count_at_floor(_make_candidates(clusters, [0] * len(clusters), 1), survey) if floor > 0 else names
    found = sum(_finds_any(survey, clusters, names, rng, most) for _ in range(shuffles))
    p = _find_p(found, shuffles)
    return PatternControl(shuffles=shuffles, found=found, names=names, p=p, holds=p > MAX_P)


def _find_p(found: int, shuffles: int) -> float:
    """p-value of H0 "at most MAX_FALSE of the shuffles find something", from the binomial tail."""
    chances = (
        comb(shuffles, count) * MAX_FALSE**count * (1 - MAX_FALSE) ** (shuffles - count)
        for count in range(found, shuffles + 1)
    )
    return min(1.0, fsum(chances))


def _list_clusters(survey: Survey) -> list[_Cluster]:
    """The cases that fail under some arm, those of a group together, in an order that is always the same."""
    trials: dict[tuple[str, str], list[Failing]] = {}
    hits: dict[tuple[str, str], dict[str, dict[str, int]]] = {}
    for arm in survey.arms:
        for trial in survey.trials[arm].failing:
            group = survey.groups.get(trial.case)
            name = ("case", trial.case) if group is None else ("group", group)
            trials.setdefault(name, []).append(trial)
            by_case = hits.setdefault(name, {}).setdefault(arm, {})
            by_case[trial.case] = by_case.get(trial.case, 0) + 1
    graded = survey.trials[survey.best].graded
    return [
        _Cluster(
            hits=hits[name],
            trials=trials[name],
            weight=fsum(count / graded[case] for case, count in hits[name].get(survey.best, {}).items())
            / len(graded),
        )
        for name in sorted(hits)
    ]


def _finds_any(survey: Survey, clusters: Sequence[_Cluster], names: int, rng: Random, most: int) -> bool:
    """Whether the search confirms a name that was handed out; at most `most` of them count as tests.

    It is left out where the best arm alone refutes all of them: by Holm the smallest p-value is multiplied by
    all tests, and that of all arms together is never smaller than that of one.
    """
    rates, random = [0.0] * names, rng.random
    drawn = [int(random() * names) for _ in clusters]
    for name, cluster in zip(drawn, clusters, strict=True):
        rates[name] += cluster.weight
    tests = max(1, min(len(set(drawn)), most))
    decision = survey.decision
    least = survey.rates[survey.best].find_least_above(decision.floor, decision.alpha_fine_tune / tests)
    likely = (name for name, rate in enumerate(rates) if rate >= least)
    if not any(_is_shown(survey, clusters, drawn, name, tests) for name in likely):
        return False
    candidates = _make_candidates(clusters, drawn, names)
    return any(one.reproducible for one in assess_candidates(candidates, survey, recurs=True))


def _is_shown(
    survey: Survey, clusters: Sequence[_Cluster], drawn: Sequence[int], name: int, tests: int
) -> bool:
    """Whether the name is shown above the floor under the best arm, as the first of so many tests."""
    hits: dict[str, int] = {}
    for cluster, each in zip(clusters, drawn, strict=True):
        if each == name:
            hits.update(cluster.hits.get(survey.best, {}))
    decision = survey.decision
    return survey.rates[survey.best].p_above(hits, decision.floor) * tests <= decision.alpha_fine_tune


def _make_candidates(clusters: Sequence[_Cluster], drawn: Sequence[int], names: int) -> list[Candidate]:
    candidates = [Candidate(f"control:{number}", "leaf") for number in range(names)]
    for cluster, name in zip(clusters, drawn, strict=True):
        candidates[name].trials.extend(cluster.trials)
        for arm, by_case in cluster.hits.items():
            candidates[name].hits.setdefault(arm, {}).update(by_case)
    return [candidate for candidate in candidates if candidate.trials]

"""Which candidates are reproducible patterns (STATISTICS 3.4, DESIGN 7).

A pattern holds in EVERY arm that was run: its rate is shown above the floor, it hits at least three
cases, and it recurs across repeats. The p-value of a candidate is its largest over the arms
(intersection-union, Berger 1982); Holm (1979) corrects over the candidates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, fsum

from pytest_ftgate.patterns.agreement import (
    Agreement,
    list_draws,
    measure_agreement,
    measure_cross_agreement,
)
from pytest_ftgate.patterns.mining import LEVELS, Candidate, Failing, Hits, count_hits
from pytest_ftgate.patterns.recurrence import find_weak_arms, list_further
from pytest_ftgate.patterns.signature import is_within, needs_agreement
from pytest_ftgate.patterns.survey import Survey

MIN_CASES = 3


@dataclass(frozen=True, slots=True)
class Assessment:
    """What is known of a candidate. `reproducible` None = it could not be assessed.

    `p_by_arm` are p-values of H0 "rate <= floor". `is_covered`: it says nothing beyond narrower
    patterns that are confirmed. `open_arms`: where it lacks nothing but recurrence, the arms without it.
    """

    candidate: Candidate
    p_by_arm: Mapping[str, float]
    p_holm: float | None
    reproducible: bool | None
    why_not: str = ""
    agreements: Mapping[str, Agreement] = field(default_factory=dict)
    is_covered: bool = False
    open_arms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Tested:
    """A candidate after the tests. `multiplier` is what its p-value was multiplied with."""

    candidate: Candidate
    p_by_arm: Mapping[str, float]
    p_holm: float | None
    multiplier: int


def assess_candidates(
    candidates: Sequence[Candidate], survey: Survey, *, recurs: bool = False
) -> list[Assessment]:
    """Test all candidates together; narrow ones are confirmed before wider ones.

    A wider candidate is confirmed beside a narrower one only where what the narrower one leaves is
    itself shown above the floor: its rate can only be larger, so the error rate holds. `recurs`: they are
    taken to recur, so that the other conditions alone decide.
    """
    tested = sorted(_test_rates(candidates, survey), key=_order)
    confirmed: set[str] = set()
    assessments = []
    for one in tested:
        assessment = _assess(one, survey, confirmed, recurs=recurs)
        if assessment.reproducible:
            confirmed.add(one.candidate.signature)
        assessments.append(assessment)
    return assessments


def _order(tested: _Tested) -> tuple[int, float, int, str]:
    candidate = tested.candidate
    p_worst = max(tested.p_by_arm.values())
    return LEVELS.index(candidate.level), p_worst, -len(candidate.trials), candidate.signature


def _test_rates(candidates: Sequence[Candidate], survey: Survey) -> list[_Tested]:
    floor = survey.decision.floor
    p_values = [
        {arm: survey.rates[arm].p_above(candidate.hits.get(arm, {}), floor) for arm in survey.arms}
        for candidate in candidates
    ]
    own = [index for index, candidate in enumerate(candidates) if candidate.is_of_the_model]
    worst = [max(p_values[index].values()) for index in own]
    tests = count_tests([candidates[index] for index in own], survey)
    adjusted = dict(zip(own, survey.statistics.adjust(worst, tests), strict=True))
    ranked = sorted(range(len(own)), key=lambda i: worst[i])
    multipliers = {own[i]: max(tests - rank, 1) for rank, i in enumerate(ranked)}
    return [
        _Tested(candidate, p_values[index], adjusted.get(index), multipliers.get(index, 1))
        for index, candidate in enumerate(candidates)
    ]


def count_tests(candidates: Sequence[Candidate], survey: Survey) -> int:
    """The number of tests to correct for: the candidates, but no more than can sit at the floor.

    If the rates of all candidates add up to S under some arm, at most S / floor of them can be at
    the floor there, and below it the chance of a false rejection falls faster than the rate: the sum
    of all chances is at most (S / floor) x level. With leaves alone S is at most 1 (STATISTICS 3.4);
    a trial that counts in a leaf, a roll-up and a family counts three times.
    """
    return max(1, min(len(candidates), count_at_floor(candidates, survey)))


def count_at_floor(candidates: Sequence[Candidate], survey: Survey) -> int:
    """The most candidates that can sit at the floor in every arm; all of them where there is no floor."""
    if survey.decision.floor <= 0:
        return len(candidates)
    sums = []
    for arm in survey.arms:
        graded = survey.trials[arm].graded
        if graded:
            shares = (
                count / graded[case]
                for candidate in candidates
                for case, count in candidate.hits.get(arm, {}).items()
            )
            sums.append(fsum(shares) / len(graded))
    return ceil(min(sums, default=0.0) / survey.decision.floor)


def _assess(tested: _Tested, survey: Survey, confirmed: set[str], *, recurs: bool) -> Assessment:
    candidate = tested.candidate
    unknown = Assessment(candidate, tested.p_by_arm, tested.p_holm, None)
    if not candidate.is_of_the_model:
        return replace(unknown, reproducible=False, why_not=_not_the_model(candidate.kind))
    weakness = _find_weakness(candidate.hits, tested.p_holm, survey)
    if survey.is_single and not recurs:
        open_arms = () if weakness else survey.arms
        return replace(unknown, why_not="not assessed: one repeat per case", open_arms=open_arms)
    if weakness:
        return replace(unknown, reproducible=False, why_not=weakness)
    trials: Sequence[Failing] = candidate.trials
    hits: Hits = candidate.hits
    members = {name for name in confirmed if is_within(name, candidate.signature)}
    rest = [trial for trial in trials if trial.names.isdisjoint(members)]
    if len(rest) < len(trials):
        trials, hits = rest, count_hits(rest, survey.arms)
        if _find_weakness(hits, _find_worst_p(hits, survey) * tested.multiplier, survey):
            why_not = "covered by narrower patterns"
            return replace(unknown, reproducible=False, why_not=why_not, is_covered=True)
    name = candidate.signature
    open_arms, does_recur, why_not = ((), True, "") if recurs else find_weak_arms(hits, survey, name, members)
    if not does_recur or not needs_agreement(name, candidate.level):
        return replace(unknown, reproducible=does_recur, why_not=why_not, open_arms=open_arms)
    further = [trial for arm in survey.arms for trial in list_further(survey, arm, name, members)]
    agreements = measure_by_arm([*trials, *further], name, survey)
    agrees, why_not = _read_agreements(agreements, survey)
    return replace(unknown, reproducible=agrees, why_not=why_not, agreements=agreements)


def _not_the_model(kind: str) -> str:
    cause = "the vendor's content filter" if kind == "filtered" else "the call"
    return f"caused by {cause}, not by the model"


def _find_worst_p(hits: Hits, survey: Survey) -> float:
    floor = survey.decision.floor
    return max(survey.rates[arm].p_above(hits.get(arm, {}), floor) for arm in survey.arms)


def _find_weakness(hits: Hits, p_holm: float | None, survey: Survey) -> str:
    """Why the candidate is not shown above the floor in every arm; '' where it is."""
    for arm in survey.arms:
        if len(hits.get(arm, ())) < MIN_CASES:
            return f"hits fewer than {MIN_CASES} cases under {arm}"
    if p_holm is None or p_holm > survey.decision.alpha_fine_tune:
        return f"rate not shown above {survey.decision.floor:.0%} in every arm"
    return ""


def measure_by_arm(trials: Sequence[Failing], name: str, survey: Survey) -> dict[str, Agreement]:
    """Agreement of the wrong answers under each arm."""
    by_arm: dict[str, list[Failing]] = {arm: [] for arm in survey.arms}
    for trial in trials:
        by_arm[trial.arm].append(trial)
    seed = survey.decision.seed
    agreements = {}
    for arm, own in by_arm.items():
        draws, label = list_draws(own, name), f"{arm}/{name}"
        if arm not in survey.identical:
            agreements[arm] = measure_agreement(draws, seed=seed, name=label)
            continue
        others = [other for other in survey.sources if other != survey.roots[arm]]
        further = [draw for other in others for draw in list_draws(by_arm[other], name)]
        agreements[arm] = measure_cross_agreement(draws, further, seed=seed, name=label)
    return agreements


def _read_agreements(agreements: Mapping[str, Agreement], survey: Survey) -> tuple[bool | None, str]:
    weak = [arm for arm, agreement in agreements.items() if not agreement.holds]
    if not weak:
        return True, ""
    if all(arm in survey.identical for arm in weak):
        return None, f"not assessed: repeats under {weak[0]} are identical"
    arm = next(arm for arm in weak if arm not in survey.identical)
    return False, f"the wrong answer does not repeat under {arm}"

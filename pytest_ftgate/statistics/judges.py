"""How far the votes of judges agree with each other, and what a reader should know of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import comb

from pytest_ftgate.model.evalset import CANDIDATE, JUDGE, RECORDED_MODEL, GraderSpec
from pytest_ftgate.model.finding import Finding
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.summary import JudgeAgreement
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.statistics.intervals import Groups, build_sample
from pytest_ftgate.statistics.rates import DISPLAY_ALPHA

LOW_AGREEMENT = 0.8
"""Below it a judge is hardly more than a coin for the trials it is unsure of."""


def measure_judges(plan: Plan, records: Iterable[Record], groups: Groups) -> dict[str, JudgeAgreement]:
    """Grader → mean agreement of its votes, over all its trials with two votes or more.

    A trial's share is that of the pairs of votes which agree (Fleiss, 1971); the interval is that of any
    rate, clustered by case. Graders of one name are told apart by their option `name`.
    """
    shares: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        if not record.grades:
            continue
        for name, votes in _list_votes(record, plan.graders.get(record.key.case, ())):
            if sum(votes) >= 2:
                shares[name][record.key.case].append(_agree(votes))
    return {name: _summarise(shares[name], groups) for name in sorted(shares)}


def explain_judges(plan: Plan, judges: Mapping[str, JudgeAgreement]) -> tuple[Finding, ...]:
    """Judges that contradict themselves, and a judge that is the model it judges."""
    found = [
        Finding(
            rule="judge-disagrees",
            severity="warning",
            what=f"votes of judge {name} agree in {100 * judge.value:.1f} % of pairs only "
            f"({judge.trials:,} trials): its grades are noisy",
            remedy="say in the rubric what decides, take a stronger judge, or ask for more `votes`",
        )
        for name, judge in judges.items()
        if judge.value < LOW_AGREEMENT
    ]
    judge_model, candidate = (
        spec.model if (spec := plan.evalset.models.get(role)) else RECORDED_MODEL
        for role in (JUDGE, CANDIDATE)
    )
    if judges and judge_model == candidate != RECORDED_MODEL:
        found.append(
            Finding(
                rule="judge-judges-itself",
                severity="note",
                what=f"the judge is the model it judges ({candidate}); models favour their own answers",
                remedy="name another model for role judge: --ftgate-use-model judge=vendor/name",
            )
        )
    return tuple(found)


def _list_votes(record: Record, specs: Sequence[GraderSpec]) -> Iterator[tuple[str, tuple[int, int]]]:
    # Where a judge voted, every grader has a grade: they stand in the order of the specs.
    names = [spec.options.get("name") for spec in specs]
    is_aligned = len(record.grades) == len(specs)
    for index, grade in enumerate(record.grades):
        if grade.votes is not None:
            name = names[index] if is_aligned else None
            yield (f"{grade.grader}:{name}" if name else grade.grader), grade.votes


def _agree(votes: tuple[int, int]) -> float:
    return sum(comb(count, 2) for count in votes) / comb(sum(votes), 2)


def _summarise(shares: Mapping[str, Sequence[float]], groups: Groups) -> JudgeAgreement:
    graded = {case: len(values) for case, values in shares.items()}
    estimate = build_sample(graded, groups).estimate(
        {case: sum(values) / len(values) for case, values in shares.items()}
    )
    return JudgeAgreement(
        value=estimate.value,
        low=estimate.lower(DISPLAY_ALPHA),
        high=estimate.upper(DISPLAY_ALPHA),
        trials=sum(graded.values()),
        cases=len(graded),
    )

"""Evalsets with `split: dev`: arms are compared on dev, and the chosen ones judged on the other cases.

The choice looks at dev alone, so that what it picks needs no correction for what it picked from (sample
splitting: Cox, 1975, "A note on data-splitting for the evaluation of significance levels").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from pytest_ftgate.model.evalset import AS_IS, CANDIDATE, Evalset
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.summary import ArmSummary, Rate, SplitSummary
from pytest_ftgate.statistics.intervals import Groups
from pytest_ftgate.statistics.rates import measure_rate
from pytest_ftgate.statistics.tallies import Counts


def shows_dev(evalset: Evalset, records: Iterable[Record], *, partial: bool) -> bool:
    """Whether rates are those of dev: only its cases were selected, as their authors do who iterate."""
    dev = evalset.dev_cases
    return partial and bool(dev) and all(record.key.case in dev for record in records)


def keep_judging(evalset: Evalset, records: Sequence[Record], *, partial: bool = False) -> Sequence[Record]:
    """The records, those of dev cases as ungraded, unless only dev was selected.

    They were answered and paid for; the prompts were chosen by them, so that they judge none.
    """
    dev = evalset.dev_cases
    if not dev or shows_dev(evalset, records, partial=partial):
        return records
    return [
        replace(record, outcome="ungraded", signature=None)
        if record.key.case in dev and record.is_judged
        else record
        for record in records
    ]


def keep_dev(evalset: Evalset, records: Sequence[Record]) -> list[Record]:
    """The records of dev cases."""
    dev = evalset.dev_cases
    return [record for record in records if record.key.case in dev]


def compare_on_dev(
    evalset: Evalset,
    arms: Sequence[ArmSummary],
    counts: Mapping[tuple[str, str], Counts],
    groups: Groups,
) -> tuple[ArmSummary, ...]:
    """The arms with their accuracy on dev, and of each question the best one there as chosen.

    `counts` are those of the dev cases; `arms` stand in ladder order. Where arms are equal on dev, the first
    on the ladder is chosen: it is the cheaper one. `as_is` needs no choosing.
    """
    if not evalset.dev_cases:
        return tuple(arms)
    alpha = evalset.decision.alpha
    rates = {
        key: measure_rate(counted.passed, counted.graded, groups, alpha=alpha)
        for key, counted in counts.items()
        if counted.graded
    }
    chosen = _choose(arms, rates)
    return tuple(
        replace(
            arm,
            dev_accuracy=rates.get((arm.arm, arm.role)),
            is_chosen=arm.arm in chosen if _competes(arm) else None,
        )
        for arm in arms
    )


def _competes(arm: ArmSummary) -> bool:
    return arm.role == CANDIDATE and arm.status == "run" and arm.arm != AS_IS


def _choose(arms: Sequence[ArmSummary], rates: Mapping[tuple[str, str], Rate]) -> frozenset[str]:
    best: dict[int, tuple[float, str]] = {}
    for arm in filter(_competes, arms):
        rate = rates.get((arm.arm, arm.role))
        value = rate.value if rate is not None else None
        if value is not None and (arm.question not in best or value > best[arm.question][0]):
            best[arm.question] = (value, arm.arm)
    return frozenset(name for _, name in best.values())


def describe_split(
    evalset: Evalset, arms: Iterable[ArmSummary], records: Iterable[Record], *, partial: bool
) -> SplitSummary | None:
    """How the cases are split and what was chosen; None where all cases judge."""
    dev = len(evalset.dev_cases)
    if not dev:
        return None
    return SplitSummary(
        dev=dev,
        holdout=len(evalset.cases) - dev,
        shown="dev" if shows_dev(evalset, records, partial=partial) else "holdout",
        chosen=tuple(arm.arm for arm in arms if arm.is_chosen),
    )

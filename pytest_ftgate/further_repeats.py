"""Further repeats of cases that failed, where nothing but recurrence keeps the verdict open.

They are asked after the ladder, of cases that a signature hit and under arms where it is not shown to recur.
They count for recurrence alone (STATISTICS section 0): no rate, interval or p-value changes by them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from pytest_ftgate.decision.questions import find_verdict
from pytest_ftgate.decision.situation import Situation
from pytest_ftgate.model.evalset import CANDIDATE
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.summary import Summary
from pytest_ftgate.model.trial import Plan, PlannedItem, Trial
from pytest_ftgate.patterns.find import find_unrecurring
from pytest_ftgate.planning.fingerprint import rename_draw
from pytest_ftgate.registry import Registries
from pytest_ftgate.statistics.pattern_statistics import PATTERN_STATISTICS
from pytest_ftgate.statistics.splits import keep_judging

MAX_CASES = 20
"""Cases asked again for each signature and arm. Two that recur are enough: a failure that hits another draw
of its case in 1 of 5 trials recurs in two of 20 cases of four further draws with a chance of 0.9999."""

_OPEN = frozenset(("no_pattern", "partial_pattern", "inconclusive"))
"""Verdicts that a pattern more would change."""


def list_further_trials(
    plan: Plan, records: Sequence[Record], summary: Summary, registries: Registries
) -> tuple[Trial, ...]:
    """The trials to ask beyond the plan, in its order; empty where recurrence is not what is lacking.

    `records` are all those of the planned trials, `summary` is theirs; the same ones give the same trials.
    """
    if not plan.evalset.decision.further_repeats or plan.shard is not None or summary.partial:
        return ()
    if not summary.patterns.lacks_recurrence:
        return ()
    situation = Situation(evalset=plan.evalset, summary=summary, registries=registries)
    if not situation.is_all_below or situation.missing_arms:
        return ()
    if find_verdict(situation).decision not in _OPEN:
        return ()
    judging = keep_judging(plan.evalset, records)
    cases = find_unrecurring(plan, judging, summary, PATTERN_STATISTICS, most=MAX_CASES)
    return tuple(_list_trials(plan, _add_sources(plan, cases)))


def count_most_further(plan: Plan) -> int:
    """The most calls that further repeats of one signature can take."""
    arms = {item.arm for item in plan.items if item.role == CANDIDATE and item.trials[0].source_arm is None}
    cases = min(MAX_CASES, len(plan.evalset.cases))
    return len(arms) * cases * plan.evalset.decision.further_repeats


def _add_sources(plan: Plan, cases_of: Mapping[str, Iterable[str]]) -> set[tuple[str, str]]:
    """(arm, case) to ask again, also under the arms whose answers others read."""
    wanted = {(arm, case) for arm, cases in cases_of.items() for case in cases}
    sources = {(item.arm, item.trials[0].source_arm) for item in plan.items if item.trials}
    for arm, source in sources:
        if source is not None:
            wanted |= {(source, case) for name, case in wanted if name == arm}
    return wanted


def _list_trials(plan: Plan, wanted: set[tuple[str, str]]) -> Iterator[Trial]:
    for item in plan.items:
        if item.role == CANDIDATE and (item.arm, item.case) in wanted:
            yield from make_further(item, plan)


def make_further(item: PlannedItem, plan: Plan) -> Iterator[Trial]:
    """The trials that an item is given beyond the plan: fresh draws of its item's request."""
    last = item.trials[-1]
    for repeat in range(plan.repeats + 1, plan.repeats + plan.evalset.decision.further_repeats + 1):
        yield replace(last, key=last.key._replace(repeat=repeat), draw=rename_draw(last.draw, repeat))

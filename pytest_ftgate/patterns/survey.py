"""The arms that patterns are sought in, and what is known of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_ftgate.model.evalset import CANDIDATE, DecisionSpec
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.summary import ArmSummary, Summary
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.patterns.mining import ArmTrials, gather_trials
from pytest_ftgate.patterns.protocols import ArmRates, Groups, PatternStatistics


@dataclass(frozen=True, slots=True)
class Survey:
    """All arms that were run by the candidate, in plan order.

    `roots` maps an arm to the arm whose answers it judges: arms with one root are one observation.
    `identical`: arms whose repeats are all the same, so that their repeats are no evidence.
    `best` is the arm with the highest accuracy; `tags` are those of the cases judged under it.
    `is_single`: no case was drawn twice.
    """

    arms: tuple[str, ...]
    trials: Mapping[str, ArmTrials]
    rates: Mapping[str, ArmRates]
    roots: Mapping[str, str]
    identical: frozenset[str]
    best: str
    is_single: bool
    groups: Groups
    tags: Mapping[str, tuple[str, ...]]
    decision: DecisionSpec
    statistics: PatternStatistics

    @property
    def failures(self) -> Mapping[str, int]:
        """Case id → failed trials under the best arm."""
        return self.trials[self.best].failed

    @property
    def sources(self) -> tuple[str, ...]:
        """The arms with answers of their own."""
        return tuple(arm for arm in self.arms if self.roots[arm] == arm)


def build_survey(
    plan: Plan, records: Sequence[Record], summary: Summary, statistics: PatternStatistics
) -> Survey | None:
    """The survey of an evalset; None where no arm of the candidate has a judged trial."""
    run = [arm for arm in summary.arms if arm.role == CANDIDATE and arm.status == "run"]
    judged = [arm for arm in run if arm.accuracy is not None and arm.accuracy.value is not None]
    if not judged:
        return None
    names = tuple(arm.arm for arm in run)
    decision = plan.evalset.decision
    groups = {case.id: case.group for case in plan.evalset.cases if case.group is not None}
    trials = gather_trials(records, names, plan.repeats)
    best = max(judged, key=_accuracy_of).arm
    return Survey(
        arms=names,
        trials=trials,
        rates={name: statistics.over(trials[name].graded, groups, alpha=decision.alpha) for name in names},
        roots=find_roots(plan, names),
        identical=frozenset(arm.arm for arm in run if arm.identical_repeats or arm.repeats_dropped),
        best=best,
        is_single=all(trials[name].draws <= 1 for name in names)
        and not any(arm.repeats_dropped for arm in run),
        groups=groups,
        tags={case.id: case.tags for case in plan.evalset.cases if case.id in trials[best].graded},
        decision=decision,
        statistics=statistics,
    )


def _accuracy_of(arm: ArmSummary) -> float:
    value = arm.accuracy.value if arm.accuracy else None
    return -1.0 if value is None else value


def find_roots(plan: Plan, arms: Sequence[str]) -> dict[str, str]:
    """Arm → the arm whose answers it shares; itself where its answers are its own.

    Arms share answers where one says so (`source_arm`) or where they want the same draw of the same
    request: the store then serves one answer to both.
    """
    roots = {arm: arm for arm in arms}
    seen: dict[tuple[str, str, str], str] = {}
    for item in plan.items:
        if item.role != CANDIDATE or item.arm not in roots:
            continue
        # Arms that share the first draw of a case share them all.
        for trial in item.trials[:1]:
            other = trial.source_arm
            if other is None and trial.request_hash:
                other = seen.setdefault((item.case, trial.request_hash, trial.draw), item.arm)
            if other in roots:
                roots[item.arm] = min(roots[other], roots[item.arm], key=arms.index)
    return {arm: _follow(roots, arm) for arm in arms}


def _follow(roots: Mapping[str, str], arm: str) -> str:
    while roots[arm] != arm:
        arm = roots[arm]
    return arm

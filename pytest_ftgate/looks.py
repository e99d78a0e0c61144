"""Which arms may be stopped before all their cases are in, when they are looked at, and in what order.

All of it is fixed by the plan before the first answer (DESIGN section 7, STATISTICS section 5).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from pytest_ftgate.model.evalset import AS_IS, CANDIDATE, Case
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.trial import Plan, PlannedItem
from pytest_ftgate.statistics.intervals import Estimate, build_sample
from pytest_ftgate.statistics.sequential import find_level, list_look_ends

FEWEST_CASES = 20
"""At the first look. As many are asked twice before later repeats may be dropped."""

_READS_WHAT_RAN = frozenset(("complete", "accuracy"))
"""Gates that do not need every case of an arm."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When an arm is looked at: after how many cases (in their order) → which look. The end is none."""

    looks: int
    at: Mapping[int, int]

    def next_end(self, cases: int, total: int) -> int:
        """How many cases are in at the next look (or at the end) when `cases` are."""
        return min((end for end in self.at if end > cases), default=total)


def climbs(plan: Plan, count: int, settings: Settings, *, together: bool) -> bool:
    """Whether the ladder may stop early: one process finishes all items of a plan that asks a question, and
    nobody wants all of them.
    """
    is_whole = count == len(plan.items) and plan.shard is None
    return together and is_whole and plan.evalset.decision.enabled and not settings.exhaustive


def plan_looks(plan: Plan, count: int, settings: Settings, *, together: bool) -> Mapping[str, Schedule]:
    """The arms that may be stopped, with their schedules; `count` items of the plan were selected."""
    if not _may_look(plan, count, settings, together=together):
        return {}
    return _plan_arms(plan, order_cases(plan.evalset.cases, plan.evalset.decision.seed))


def _may_look(plan: Plan, count: int, settings: Settings, *, together: bool) -> bool:
    if plan.evalset.decision.looks < 2 or not climbs(plan, count, settings, together=together):
        return False
    # Other roles and runs are there to be compared, case by case (but for what a recording lacks); arms are
    # chosen by all of dev.
    is_compared = not settings.replay and (settings.save or settings.compare)
    return set(plan.roles) == {CANDIDATE} and not plan.evalset.dev_cases and not is_compared


def _plan_arms(plan: Plan, order: Sequence[Case]) -> Mapping[str, Schedule]:
    whole = _find_whole_arms(plan)
    arms = [arm.name for arm in plan.arms if arm.status == "run" and arm.name not in whole]
    schedules = {arm: _plan_arm(plan, arm, order) for arm in arms}
    return {arm: schedule for arm, schedule in schedules.items() if schedule.at}


def _find_whole_arms(plan: Plan) -> Collection[str]:
    """Arms of which every case is needed.

    Those that a gate reads whole; those of question 2, held against every prompt arm case by case; those
    that judge another arm's answers again, which costs nothing, and that arm where they must run.
    """
    gated = {gate.arm for gate in plan.evalset.gates}
    whole = {gate.arm for gate in plan.evalset.gates if gate.name not in _READS_WHAT_RAN}
    whole |= {arm.name for arm in plan.arms if arm.question == 2}
    sources = {(item.arm, item.trials[0].source_arm) for item in plan.items}
    for arm, source in sources:
        if source is not None:
            whole |= {arm, source} if arm in gated else {arm}
    return whole


def _plan_arm(plan: Plan, arm: str, order: Sequence[Case]) -> Schedule:
    """The looks at which a perfect score would be proven; the others could not stop the arm."""
    looks = plan.evalset.decision.looks
    at: dict[int, int] = {}
    for look, end in enumerate(list_look_ends(_list_sizes(order), looks)[:-1], start=1):
        if FEWEST_CASES <= end < len(order):
            level = find_level(look, looks, arm_alpha(plan, arm))
            if _bound_perfection(order[:end], plan.repeats, level) >= plan.evalset.bar:
                at[end] = look
    return Schedule(looks, at)


def _bound_perfection(cases: Sequence[Case], repeats: int, level: float) -> float:
    """The lower bound of an accuracy when all these cases pass."""
    groups = {case.id: case.group for case in cases if case.group is not None}
    if not groups:
        return Estimate(1.0, len(cases)).lower(level)
    sample = build_sample({case.id: repeats for case in cases}, groups)
    return sample.estimate({case.id: 1.0 for case in cases}).lower(level)


def arm_alpha(plan: Plan, arm: str) -> float:
    """The error allowed to the claim that this arm reaches the bar (STATISTICS section 4)."""
    alpha = plan.evalset.decision.alpha
    return alpha if arm == AS_IS else alpha / max(plan.multiplicity, 1)


def order_cases(cases: Iterable[Case], seed: int) -> list[Case]:
    """The cases in random order, those of a group together.

    Each has its place by its own id: an edit of anything else leaves the order, so that a recording of a
    run that stopped early still holds.
    """

    def place(case: Case) -> tuple[bytes, bytes]:
        own = _draw(seed, f"case:{case.id}")
        return (own, own) if case.group is None else (_draw(seed, f"group:{case.group}"), own)

    return sorted(cases, key=place)


def _draw(seed: int, name: str) -> bytes:
    # A seeded draw that is the same everywhere, nothing to do with secrets.
    return sha256(f"{seed}:{name}".encode("utf-8", "surrogatepass")).digest()


def _list_sizes(order: Sequence[Case]) -> list[int]:
    """Sizes of the clusters, in their order."""
    sizes: list[int] = []
    last: str | None = None
    for case in order:
        if sizes and case.group is not None and case.group == last:
            sizes[-1] += 1
        else:
            sizes.append(1)
        last = case.group
    return sizes


def sort_items(
    plan: Plan, items: Sequence[PlannedItem], settings: Settings, *, together: bool
) -> list[PlannedItem]:
    """Selected items in the order in which they run: that of the plan, where nothing may be stopped.

    Else arm by arm in the random order of the cases.
    """
    order: Sequence[Case] = ()
    if _may_look(plan, len(items), settings, together=together):
        order = order_cases(plan.evalset.cases, plan.evalset.decision.seed)
    if not order or not _plan_arms(plan, order):
        places = {id(item): index for index, item in enumerate(plan.items)}
        return sorted(items, key=lambda item: places[id(item)])
    cases = {case.id: index for index, case in enumerate(order)}
    arms: dict[tuple[str, str], int] = {}
    for item in plan.items:
        arms.setdefault((item.arm, item.role), len(arms))
    return sorted(items, key=lambda item: (arms[item.arm, item.role], cases[item.case]))

"""What is simulated: a plan, its arms with the column of a world that each follows, and its clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pytest_ftgate.model.evalset import (
    AS_IS,
    CANDIDATE,
    DEFAULT_BAR,
    ArmSpec,
    Case,
    DecisionSpec,
    Evalset,
    GateSpec,
    GraderSpec,
    Knowledge,
)
from pytest_ftgate.model.trial import Plan, PlannedArm, PlannedItem, Request, Trial, TrialKey
from pytest_ftgate.simulation.world import COLUMNS

REPAIR = "repair"
_NAME = "simulated"
_LARGE = 100_000
"""Tokens of knowledge that no prompt holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmTruth:
    """An arm of the plan. `column` of a world it follows; `source`: the arm whose answers it reads again."""

    name: str
    column: int
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """`cases` are those that are judged, in the plan's order; `clusters` numbers their groups.

    The plan holds items of these cases, by the candidate, and no gate but `accuracy`.
    """

    plan: Plan
    arms: tuple[ArmTruth, ...]
    cases: tuple[str, ...]
    clusters: tuple[int, ...]

    @property
    def size(self) -> tuple[int, int]:
        """(cases, repeats)"""
        return len(self.cases), self.plan.repeats

    def has(self, need: str) -> bool:
        """Whether an arm is run that follows that column, or repairs."""
        if need == REPAIR:
            return any(arm.source is not None for arm in self.arms)
        return any(arm.source is None and COLUMNS[arm.column] == need for arm in self.arms)


def build_plan(
    cases: int,
    repeats: int,
    *,
    bar: float = DEFAULT_BAR,
    arms: Sequence[str] = COLUMNS,
    decision: DecisionSpec | None = None,
) -> Plan:
    """The plan of a made-up evalset with arms of these kinds; `as_is` stands before them."""
    names = (AS_IS, *(name for name in arms if name != AS_IS))
    all_cases = tuple(
        Case(id=f"c{number:04}", input=f"in {number}", expected="x", has_expected=True, context="c")
        for number in range(cases)
    )
    if decision is None:
        decision = DecisionSpec(knowledge=Knowledge(stated=True, changes="weekly"))
    evalset = Evalset(
        path=f"{_NAME}.evalset.yaml",
        name=_NAME,
        bar=bar,
        graders=(GraderSpec(name="is-json"),),
        arms=tuple(ArmSpec(name=name, kind=name) for name in names),
        gates=(GateSpec(name="accuracy", options={"min": bar}),),
        decision=decision,
        cases=all_cases,
    )
    return Plan(
        evalset=evalset,
        items=tuple(_plan_item(name, case.id, repeats) for name in names for case in all_cases),
        arms=tuple(
            PlannedArm(name=name, kind=name, question=2 if name == "context" else 1, status="run")
            for name in names
        ),
        roles=(CANDIDATE,),
        repeats=repeats,
        multiplicity=len(names),
        graders={case.id: evalset.graders for case in all_cases},
        knowledge_tokens=_LARGE,
    )


def build_setting(cases: int, repeats: int, *, bar: float = DEFAULT_BAR, repair: bool = False) -> Setting:
    """The setting of a made-up evalset with one arm of each column, and `repair` where wanted."""
    arms = (AS_IS, *([REPAIR] if repair else []), *COLUMNS[1:])
    return adopt_plan(build_plan(cases, repeats, bar=bar, arms=arms))


def keep_judged(plan: Plan) -> Plan:
    """The plan with the cases that are judged: those with an expected output, or all where none has one."""
    judged = tuple(case for case in plan.evalset.cases if case.has_expected)
    return replace(plan, evalset=replace(plan.evalset, cases=judged or plan.evalset.cases))


def resize_plan(plan: Plan, cases: int, repeats: int) -> Plan:
    """The plan with another number of cases and repeats: its own cases in turn, each under an id of its own.

    Cases of one group stay together in each turn.
    """
    own = plan.evalset.cases
    ids = [(own[number % len(own)], number // len(own)) for number in range(cases)]
    made = {(case.id, turn): _copy_case(case, turn) for case, turn in ids}
    items = {(item.arm, item.role, item.case): item for item in plan.items}
    rungs = dict.fromkeys((item.arm, item.role) for item in plan.items)
    return replace(
        plan,
        evalset=replace(plan.evalset, cases=tuple(made.values())),
        items=tuple(
            _copy_item(items[arm, role, case.id], made[case.id, turn].id, repeats)
            for arm, role in rungs
            for case, turn in ids
            if (arm, role, case.id) in items
        ),
        graders={made[case.id, turn].id: plan.graders.get(case.id, ()) for case, turn in ids},
        repeats=repeats,
    )


def _copy_case(case: Case, turn: int) -> Case:
    if not turn:
        return case
    return replace(case, id=f"{case.id}+{turn}", group=case.group and f"{case.group}+{turn}")


def _copy_item(item: PlannedItem, case: str, repeats: int) -> PlannedItem:
    first = item.trials[0]
    trials = tuple(
        replace(
            first,
            key=first.key._replace(case=case, repeat=repeat),
            request_hash=f"{first.source_arm or item.arm}/{case}",
            draw=str(repeat),
        )
        for repeat in range(1, repeats + 1)
    )
    return replace(item, case=case, trials=trials)


def adopt_plan(plan: Plan) -> Setting:
    """The setting of a plan. A schema counts as enforced; other gates and other roles are left out."""
    plan = keep_judged(plan)
    judged = plan.evalset.cases
    kept = {case.id for case in judged}
    evalset = replace(
        plan.evalset,
        gates=tuple(
            gate for gate in plan.evalset.gates if gate.name == "accuracy" and gate.role == CANDIDATE
        ),
    )
    items = tuple(item for item in plan.items if item.role == CANDIDATE and item.case in kept)
    arms = tuple(
        replace(arm, schema_enforced="enforced") if arm.kind == "structured" and arm.status == "run" else arm
        for arm in plan.arms
    )
    plan = replace(plan, evalset=evalset, items=items, arms=arms, roles=(CANDIDATE,))
    groups: dict[str, int] = {}
    clusters = [groups.setdefault(case.group or f"\0{case.id}", len(groups)) for case in judged]
    return Setting(
        plan=plan,
        arms=tuple(_assign_columns(arms, items)),
        cases=tuple(case.id for case in judged),
        clusters=tuple(clusters),
    )


def _plan_item(arm: str, case: str, repeats: int) -> PlannedItem:
    source = AS_IS if arm == REPAIR else None
    request = Request(model="simulated", messages=())
    trials = tuple(
        Trial(
            key=TrialKey(evalset=_NAME, case=case, arm=arm, role=CANDIDATE, repeat=repeat),
            request=request,
            request_hash=f"{source or arm}/{case}",
            draw=str(repeat),
            source_arm=source,
        )
        for repeat in range(1, repeats + 1)
    )
    return PlannedItem(evalset=_NAME, case=case, arm=arm, role=CANDIDATE, trials=trials)


def _assign_columns(arms: Sequence[PlannedArm], items: Sequence[PlannedItem]) -> list[ArmTruth]:
    """The first other prompt of question 1 follows few_shot; further ones are as good as structured."""
    sources = {item.arm: item.trials[0].source_arm for item in items}
    found: list[ArmTruth] = []
    is_taken = False
    for arm in arms:
        if arm.status != "run" or arm.name not in sources:
            continue
        if arm.name == AS_IS:
            column = "as_is"
        elif arm.question == 2:
            column = "context"
        elif arm.kind == "structured" or is_taken:
            column = "structured"
        else:
            column = "few_shot"
            is_taken = sources[arm.name] is None
        found.append(ArmTruth(name=arm.name, column=COLUMNS.index(column), source=sources[arm.name]))
    return found

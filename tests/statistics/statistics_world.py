"""Plans and records by hand, for the summary."""

from __future__ import annotations

from typing import Any

from pytest_ftgate.model.evalset import Case, Evalset, GraderSpec
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.trial import Plan, PlannedArm, PlannedItem, Request, Trial, TrialKey


def key(case: str, arm: str, repeat: int, role: str = "candidate") -> TrialKey:
    return TrialKey(evalset="w", case=case, arm=arm, role=role, repeat=repeat)


def make_plan(
    cases: tuple[Case, ...],
    arms: tuple[PlannedArm, ...],
    *,
    repeats: int = 2,
    roles: tuple[str, ...] = ("candidate",),
    graders: tuple[str, ...] = ("equals",),
    sources: dict[str, str] | None = None,
    **evalset: Any,
) -> Plan:
    request = Request(model="m", messages=())
    items = []
    for arm in arms:
        if arm.status != "run":
            continue
        for role in roles:
            for case in cases:
                trials = tuple(
                    Trial(
                        key=key(case.id, arm.name, repeat + 1, role),
                        request=request,
                        request_hash="h",
                        draw=str(repeat),
                        source_arm=(sources or {}).get(arm.name),
                    )
                    for repeat in range(repeats)
                )
                items.append(PlannedItem(evalset="w", case=case.id, arm=arm.name, role=role, trials=trials))
    specs = tuple(GraderSpec(name=name) for name in graders)
    return Plan(
        evalset=Evalset(path="w.evalset.yaml", name="w", cases=cases, **evalset),
        items=tuple(items),
        arms=arms,
        roles=roles,
        repeats=repeats,
        multiplicity=sum(arm.status == "run" for arm in arms),
        graders={case.id: specs for case in cases},
    )


def arm(name: str, question: Any = 1, status: Any = "run", reason: str = "") -> PlannedArm:
    return PlannedArm(name=name, kind=name, question=question, status=status, reason=reason)


def passed(case: str, name: str, repeat: int, role: str = "candidate", **fields: Any) -> Record:
    return Record(key=key(case, name, repeat, role), outcome="passed", **{"output": "ok", **fields})


def failed(case: str, name: str, repeat: int, signature: str = "value:text", **fields: Any) -> Record:
    fields = {"output": "no", **fields}
    return Record(key=key(case, name, repeat), outcome="failed", signature=signature, **fields)


def unanswered(case: str, name: str, repeat: int, signature: str = "infra:timeout") -> Record:
    return Record(key=key(case, name, repeat), outcome="error", signature=signature, error="late")

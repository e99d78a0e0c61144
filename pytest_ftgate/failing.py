"""What fails a build, each with its place: gates, broken `must_pass` cases, crashed graders, problems."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pytest_ftgate.model.build_failure import BuildFailure
from pytest_ftgate.model.evalset import Location
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.model.verdict import GateResult


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedItem:
    """An item whose status is `failed` or `error`: it fails a build by itself."""

    arm: str
    role: str
    case: str
    status: str
    reason: str


def list_failures(plan: Plan, gates: Sequence[GateResult], items: Iterable[FailedItem]) -> list[BuildFailure]:
    """All that fails of one evalset: its gates, then its items."""
    found = [
        _make(plan, "gate", f"gate::{name_gate(plan, gate)}", gate.reason, find_gate(plan, gate))
        for gate in gates
        if gate.outcome == "failed"
    ]
    cases = {case.id: case.where for case in plan.evalset.cases}
    for item in items:
        role = f"[{item.role}]" if len(plan.roles) > 1 else ""
        sort = "must_pass" if item.status == "failed" else "error"
        name = f"{item.arm}::{item.case}{role}"
        found.append(_make(plan, sort, name, item.reason, cases.get(item.case)))
    return found


def name_gate(plan: Plan, gate: GateResult) -> str:
    """The gate's name, with arm and role where several have it."""
    same = [spec for spec in plan.evalset.gates if spec.name == gate.name]
    return f"{gate.name}[{gate.arm}-{gate.role}]" if len(same) > 1 else gate.name


def find_gate(plan: Plan, gate: GateResult) -> Location | None:
    """Where the gate is written; None for one that is implied."""
    written = [spec for spec in plan.evalset.gates if spec.name == gate.name and spec.where]
    exact = [spec for spec in written if (spec.arm, spec.role) == (gate.arm, gate.role)]
    return next((spec.where for spec in (*exact, *written)), None)


def list_problems(problems: Iterable[str]) -> list[BuildFailure]:
    """Problems of the run as such."""
    return [BuildFailure(sort="problem", evalset="", name="run", reason=what) for what in problems]


def _make(plan: Plan, sort: str, name: str, reason: str, where: Location | None) -> BuildFailure:
    return BuildFailure(
        sort=sort,  # type: ignore[arg-type]
        evalset=plan.evalset.name,
        name=name,
        reason=reason,
        file=where.file if where and where.file else plan.evalset.path,
        line=where.line if where else None,
    )

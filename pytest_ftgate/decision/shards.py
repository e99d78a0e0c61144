"""What a shard answers: nothing. A part of the cases proves nothing; `pytest-ftgate merge` decides."""

from __future__ import annotations

from pytest_ftgate.decision.rules import list_gates
from pytest_ftgate.model.evalset import Evalset
from pytest_ftgate.model.settings import Shard
from pytest_ftgate.model.verdict import GateResult, Judgement, Verdict


def leave_to_merge(evalset: Evalset, shard: Shard) -> Judgement:
    """No verdict, and every gate skipped: whatever became of the shard, the merge sees it."""
    reason = f"shard {shard}: merge decides"
    return Judgement(
        verdict=Verdict(
            decision="not_asked",
            reason=f"Shard {shard} has a part of the cases only; pytest-ftgate merge decides.",
            next_command="pytest-ftgate merge RUN...",
        ),
        gates=tuple(
            GateResult(name=spec.name, arm=spec.arm, role=spec.role, outcome="skipped", reason=reason)
            for spec in list_gates(evalset)
        ),
    )

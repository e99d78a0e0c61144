"""Baselines by hand: cases with counts, for the tests of several layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_ftgate.model.baseline import Baseline, BaselineArm, BaselineCase, CaseOutcome

Counts = Mapping[str, tuple[int, int]]
"""Case → trials passed and judged."""


def outcome(passed: int, graded: int, *signatures: str, answer: str | None = None) -> CaseOutcome:
    """Failures are shared out among the signatures in turn (default `value:text`)."""
    names = signatures or ("value:text",)
    failures: dict[str, int] = {}
    for number in range(graded - passed):
        name = names[number % len(names)]
        failures[name] = failures.get(name, 0) + 1
    return CaseOutcome(graded=graded, passed=passed, failures=failures, answer=answer)


def build_arm(cases: Mapping[str, CaseOutcome], **more: Any) -> BaselineArm:
    usual: dict[str, Any] = {
        "arm": "as_is", "role": "candidate", "kind": "as_is", "question": 1, "model": "m", "repeats": 5,
    }  # fmt: skip
    return BaselineArm(**{**usual, "cases": cases, **more})


def build_baseline(counts: Counts, *, groups: Mapping[str, str] | None = None, **more: Any) -> Baseline:
    """One arm `as_is`; each case's hash is its id."""
    usual: dict[str, Any] = {
        "evalset": "t", "path": "t.evalset.yaml", "bar": 0.8, "alpha": 0.05, "graded_by": "0.1",
        "graders": "g",
        "cases": {
            case: BaselineCase(id=case, hash=f"h-{case}", graders="g", group=(groups or {}).get(case))
            for case in counts
        },
        "arms": (build_arm({case: outcome(*both, answer=f"a-{case}") for case, both in counts.items()}),),
    }  # fmt: skip
    return Baseline(**{**usual, **more})

"""Graders `latency` and `cost`: what one answer may take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from pytest_ftgate.grading.grades import GraderError, fail_grade, pass_grade, show
from pytest_ftgate.model.evalset import GraderSpec, Json
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.protocols import GradeContext

_LIMIT: dict[str, Any] = {"type": "number", "minimum": 0}


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is measured: its unit, the signatures of too much and too little, how to make it known."""

    name: str
    above: str
    below: str
    remedy: str


_UNITS = {
    "latency": _Unit(
        "ms", "call:slow", "call:fast", "the recorded answer has no `latency_s`: record it, or ask the model"
    ),
    "cost": _Unit(
        "USD",
        "call:expensive",
        "call:cheap",
        "state `price:` of the model in the evalset (`cost_usd` of a recorded answer)",
    ),
}


class Budget:
    """The answer took at most so many milliseconds (`latency`) or US dollars (`cost`): the value, or
    `threshold`. An answer from the response store counts with what the original call took.

    A failure is of kind `call`: the case fails, and no tuning of the model would mend it. What is not
    known is not judged. Grade.score is what was measured.
    """

    is_format = False
    needs_expected = False
    options: Mapping[str, Json] = {"threshold": _LIMIT}
    value: Mapping[str, Json] = _LIMIT
    reads_expected = None

    def __init__(self, measured: Literal["latency", "cost"]) -> None:
        self.measured, self.unit = measured, _UNITS[measured]

    def grade(self, ctx: GradeContext) -> Grade:
        limit = self._read_limit(ctx.spec)
        used = self._measure(ctx)
        if used is None or math.isnan(used):
            reason = f"the {self.measured} of this answer is not known: {self.unit.remedy}"
            return Grade(grader=ctx.spec.label, outcome="ungraded", reason=reason)
        reason = f"{self.measured} {used:.6g} {self.unit.name}, the limit is {limit:.6g} {self.unit.name}"
        grade = pass_grade(ctx, reason) if used <= limit else fail_grade(ctx, self.unit.above, reason)
        return replace(grade, score=used)

    def problems(self, spec: GraderSpec) -> tuple[str, ...]:
        if spec.has_value == ("threshold" in spec.options):
            return (f"needs one limit in {self.unit.name}: `{self.measured}: N`, or `threshold: N`",)
        return ()

    def negated_signature(self, _: GradeContext) -> str:
        return self.unit.below

    def _read_limit(self, spec: GraderSpec) -> float:
        for problem in self.problems(spec):
            raise GraderError(problem)
        limit = spec.value if spec.has_value else spec.options["threshold"]
        if isinstance(limit, bool) or not isinstance(limit, int | float) or not limit >= 0:
            raise GraderError(f"the limit must be a number of {self.unit.name} from 0 up, got {show(limit)}")
        return limit

    def _measure(self, ctx: GradeContext) -> float | None:
        if self.measured == "cost":
            return ctx.response.cost_usd
        latency = ctx.response.latency_s
        return None if latency is None else latency * 1000

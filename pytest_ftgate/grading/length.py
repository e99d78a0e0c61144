"""Grader `max-length`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pytest_ftgate.grading.grades import GraderError, fail_grade, pass_grade
from pytest_ftgate.model.evalset import GraderSpec, Json
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.protocols import GradeContext

_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_CHARS_PER_TOKEN = 4


class MaxLength:
    """The answer has at most so many `chars` (also the plain value), `words` or `tokens`.

    Tokens are the vendor's count of the answer (reasoning aside) where it is known and the trial had one
    turn, else a quarter of the characters.
    """

    is_format = False
    needs_expected = False
    options: Mapping[str, Json] = {"chars": _COUNT, "words": _COUNT, "tokens": _COUNT}
    value: Mapping[str, Json] = _COUNT
    reads_expected = "contains"

    def grade(self, ctx: GradeContext) -> Grade:
        options = ctx.spec.options
        limits = {unit: options[unit] for unit in ("chars", "words", "tokens") if unit in options}
        if ctx.spec.has_value:
            limits["chars"] = ctx.spec.value
        if not limits:
            raise GraderError("needs a limit: a number of characters, or `chars`, `words` or `tokens`")
        for unit, limit in limits.items():
            length = self._measure(ctx, unit)
            if length > limit:
                return fail_grade(ctx, "style:too_long", f"{length} {unit}, at most {limit} are allowed")
        return pass_grade(ctx)

    def problems(self, spec: GraderSpec) -> tuple[str, ...]:
        return () if spec.has_value or spec.options else ("needs a limit: `chars`, `words` or `tokens`",)

    def _measure(self, ctx: GradeContext, unit: str) -> int:
        text, usage = ctx.parsed.text, ctx.response.usage
        if unit == "words":
            return len(text.split())
        if unit == "tokens":
            if usage is not None and usage.completion_tokens and ctx.response.turns == 1:
                return max(0, usage.completion_tokens - usage.reasoning_tokens)
            return math.ceil(len(text) / _CHARS_PER_TOKEN)
        return len(text)

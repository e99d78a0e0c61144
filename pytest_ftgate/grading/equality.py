"""Grader `equals`."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_ftgate.grading.grades import fail_grade, pass_grade, read_text, show
from pytest_ftgate.grading.schema import freeze
from pytest_ftgate.grading.standing import find_standing
from pytest_ftgate.model.evalset import GraderSpec, Json
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.protocols import GradeContext


class Equals:
    """The answer is the expected text, white space around it aside; or, where the expected value is no
    text, the same JSON value (1 equals 1.0).

    An expected text that stands alone after a prefix or before a suffix is right in content and wrong in
    form: `format:prose_before` / `format:prose_after`.
    """

    is_format = False
    needs_expected = True
    options: Mapping[str, Json] = {"ignore_case": {"type": "boolean"}}
    value: Mapping[str, Json] = {}
    reads_expected = "whole"

    def grade(self, ctx: GradeContext) -> Grade:
        is_text = isinstance(ctx.expected, str)
        expected = read_text(ctx.expected) if not isinstance(ctx.expected, dict | list) else None
        if expected is not None and self._is_equal(ctx.parsed.text, expected, ctx.spec):
            return pass_grade(ctx)
        if not is_text:
            reading = ctx.parsed.reading
            if reading.has_value and freeze(reading.value) == freeze(ctx.expected):
                if not reading.signatures:
                    return pass_grade(ctx)
                return fail_grade(ctx, reading.signatures[0], reading.reason, reading.signatures[1:])
            if reading.signatures and expected is None:
                secondary = [*reading.signatures[1:], *(["value:text"] if reading.has_value else [])]
                return fail_grade(ctx, reading.signatures[0], reading.reason, secondary)
        around = find_standing(ctx.parsed.text, expected) if expected is not None else ()
        if around and ctx.parsed.tolerant:
            return pass_grade(ctx, "the expected text stands alone beside other text")
        if around:
            reason = f"the expected text stands beside other text: {show(ctx.parsed.text)}"
            return fail_grade(ctx, around[0], reason, around[1:])
        reason = f"expected {show(ctx.expected)}, got {show(ctx.parsed.text)}"
        return fail_grade(ctx, "value:text", reason)

    def _is_equal(self, text: str, expected: str, spec: GraderSpec) -> bool:
        if text == expected:
            return True
        # White space can only be a small part of the difference: no need to copy a 10 MB answer.
        left, right = text.strip(), expected.strip()
        if spec.options.get("ignore_case"):
            return left.casefold() == right.casefold()
        return left == right

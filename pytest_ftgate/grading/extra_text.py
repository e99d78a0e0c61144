"""Grader `no-extra-text`: the answer and nothing around it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pytest_ftgate.grading.grades import fail_grade, pass_grade, read_text, show
from pytest_ftgate.grading.standing import find_standing
from pytest_ftgate.model.evalset import Json
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.protocols import GradeContext

_AROUND = ("format:fenced", "format:prose_before", "format:prose_after", "format:two_documents")
_LEAD = re.compile(
    r"\s*(?:sure|certainly|of course|okay|ok|great|absolutely|here (?:is|are)|here['’]s"
    r"|the (?:answer|result) is"
    r"|(?:category|label|class|intent|answer|output|result|response)\s*:)(?![\w-])?[\s,!.:]",
    re.IGNORECASE,
)


class NoExtraText:
    """No fence, no prose before or after the answer, no lead such as "Sure, here is".

    The answer is the JSON document in the text, or the expected text where it stands alone.
    """

    is_format = True
    needs_expected = False
    options: Mapping[str, Json] = {}
    value = None
    reads_expected = "contains"

    def grade(self, ctx: GradeContext) -> Grade:
        expected = None
        if ctx.has_expected and isinstance(ctx.expected, str | int | float):
            expected = read_text(ctx.expected)
            if ctx.parsed.text.strip() == expected.strip():
                return pass_grade(ctx)
        if ctx.parsed.strict.is_valid:
            return pass_grade(ctx)
        if expected is not None:
            around = find_standing(ctx.parsed.text, expected)
            if around:
                return self._judge(ctx, around, show(ctx.parsed.text), is_recovered=True)
        diagnosis = ctx.parsed.diagnosis
        found = [signature for signature in diagnosis.signatures if signature in _AROUND]
        if found:
            what = f"{ctx.parsed.describe_defects()}: {show(ctx.parsed.text)}"
            return self._judge(ctx, found, what, is_recovered=diagnosis.has_value)
        if _LEAD.match(ctx.parsed.text[:200]):
            return fail_grade(ctx, "style:extra_text", f"starts with a lead: {show(ctx.parsed.text)}")
        return pass_grade(ctx)

    def _judge(self, ctx: GradeContext, signatures: Any, what: str, *, is_recovered: bool) -> Grade:
        if ctx.parsed.tolerant and is_recovered:
            return pass_grade(ctx)
        return fail_grade(ctx, signatures[0], f"text around the answer: {what}", signatures[1:])

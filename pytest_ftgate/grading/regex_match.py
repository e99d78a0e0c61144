"""Grader `regex`."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_ftgate.grading.grades import GraderError, fail_grade, pass_grade, show
from pytest_ftgate.grading.signatures import clean
from pytest_ftgate.grading.timed_regex import PatternBudget, compile_pattern
from pytest_ftgate.model.evalset import GraderSpec, Json
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.protocols import GradeContext


class Regex:
    """The pattern is found in the text; `whole: true` wants it to match all of it.

    A pattern that is not valid or takes too long is the evalset's fault: an error, never a failure.
    """

    is_format = True
    needs_expected = True
    options: Mapping[str, Json] = {"ignore_case": {"type": "boolean"}, "whole": {"type": "boolean"}}
    value: Mapping[str, Json] = {"type": "string"}
    reads_expected = "contains"

    def grade(self, ctx: GradeContext) -> Grade:
        pattern = ctx.expected
        if not isinstance(pattern, str):
            raise GraderError(f"takes a pattern as text, not {type(pattern).__name__}")
        options = ctx.spec.options
        is_found = PatternBudget().search(
            pattern,
            ctx.parsed.text,
            ignore_case=bool(options.get("ignore_case")),
            whole=bool(options.get("whole")),
        )
        if is_found:
            return pass_grade(ctx)
        return fail_grade(ctx, "format:no_match", f"{show(pattern)} is not found in {show(ctx.parsed.text)}")

    def expected_holds(self, _: GraderSpec) -> str:
        return "a pattern"

    def problems(self, spec: GraderSpec) -> tuple[str, ...]:
        if not spec.has_value or not isinstance(spec.value, str):
            return ()
        try:
            compile_pattern(spec.value)
        except GraderError as error:
            return (str(error),)
        return ()

    def negated_signature(self, ctx: GradeContext) -> str:
        return f"style:forbidden:{clean(str(ctx.expected), 40)}" if ctx.spec.has_value else "value:text"

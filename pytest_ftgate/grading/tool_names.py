"""Grader `tool-call-f1`: which tools were called, whatever the arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pytest_ftgate.grading.grades import GraderError, fail_grade, pass_grade, show
from pytest_ftgate.grading.tool_grader import FROM, read_calls
from pytest_ftgate.grading.tool_match import read_wanted
from pytest_ftgate.model.evalset import GraderSpec, Json
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.protocols import GradeContext


class ToolCallF1:
    """F1 (van Rijsbergen 1979) of the set of tools called against the set wanted is at least `threshold`
    (1.0): order, repetition and arguments do not count. Grade.score is F1.

    Wanted are names (a list, or one text with commas) or calls in the forms of `tool-call`; [] = none,
    and then F1 is 1 where nothing was called, else 0.
    """

    is_format = False
    needs_expected = True
    options: Mapping[str, Json] = {
        "threshold": {"type": "number", "minimum": 0, "maximum": 1},
        "from": FROM,
    }
    value: Mapping[str, Json] = {"type": ["array", "object", "string"]}
    reads_expected = None

    def grade(self, ctx: GradeContext) -> Grade:
        wanted = read_names(ctx.expected)
        called = frozenset(_standardise(call.name) for call in read_calls(ctx).calls)
        score = _measure_f1(called, wanted)
        limit = ctx.spec.options.get("threshold", 1.0)
        reason = f"F1 {score:.3f}, at least {limit} is wanted: called {_list(called)}, wanted {_list(wanted)}"
        is_met = score >= limit
        grade = pass_grade(ctx, reason) if is_met else fail_grade(ctx, _name(called, wanted), reason)
        return replace(grade, score=score)

    def expected_holds(self, _: GraderSpec) -> str:
        return "names of tools"

    def problems(self, spec: GraderSpec) -> tuple[str, ...]:
        if not spec.has_value or (isinstance(spec.value, str) and "{{" in spec.value):
            return ()
        try:
            read_names(spec.value)
        except GraderError as error:
            return (str(error),)
        return ()

    def negated_signature(self, ctx: GradeContext) -> str:
        return "tool:unneeded_call" if read_calls(ctx).calls else "tool:no_call"


def read_names(expected: Json) -> frozenset[str]:
    """The names of the tools wanted. Raises GraderError for anything but names or calls."""
    names = expected.split(",") if isinstance(expected, str) else expected
    if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
        stripped = [name.strip() for name in names if name.strip()]
        if len(names) and not stripped:
            raise GraderError(f"needs at least one name of a tool, got {show(expected)}")
        return frozenset(_standardise(name) for name in stripped)
    return frozenset(_standardise(want.name) for want in read_wanted(expected))


def _standardise(name: str) -> str:
    """Vendors take no dot in a name: `math.add` is offered, and called, as `math_add`."""
    return name.replace(".", "_")


def _measure_f1(called: frozenset[str], wanted: frozenset[str]) -> float:
    if not called and not wanted:
        return 1.0
    return 2 * len(called & wanted) / (len(called) + len(wanted))


def _name(called: frozenset[str], wanted: frozenset[str]) -> str:
    if not called:
        return "tool:no_call"
    if not wanted:
        return "tool:unneeded_call"
    return "tool:count" if called < wanted or wanted < called else "tool:wrong_name"


def _list(names: frozenset[str]) -> str:
    return ", ".join(show(name, 40) for name in sorted(names)[:5]) or "none"

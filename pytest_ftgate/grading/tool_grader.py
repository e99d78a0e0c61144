"""Grader `tool-call`."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_ftgate.grading.grades import Problem, Problems, fail_grade, judge_problems, pass_grade, show
from pytest_ftgate.grading.signatures import clean, type_name
from pytest_ftgate.grading.tool_calls import Call, Calls, read_native, read_written
from pytest_ftgate.grading.tool_match import (
    compare_calls,
    has_type,
    name_arguments,
    read_parameters,
    read_wanted,
)
from pytest_ftgate.model.evalset import Case, Json
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.protocols import GradeContext

_MAX_ARGUMENT_CHARS = 100_000
FROM: Mapping[str, Json] = {"enum": ["any", "native", "text"]}
"""Schema of option `from`: where calls are read."""


class ToolCallGrader:
    """The answer makes the expected calls: [{function: {argument: [allowed values]}}], {name, arguments}, or
    [] for none. Native calls count; without any, calls written in the text do (`from: native` forbids it).
    """

    is_format = True
    needs_expected = True
    options: Mapping[str, Json] = {"from": FROM}
    value: Mapping[str, Json] = {"type": ["array", "object"]}
    reads_expected = "whole"

    def grade(self, ctx: GradeContext) -> Grade:
        wanted = read_wanted(ctx.expected)
        made = read_calls(ctx)
        problems = compare_calls(made.calls, wanted, index_tools(ctx.case))
        if made.signatures and wanted:
            secondary = [*made.signatures[1:], *(problem.signature for problem in problems)]
            reason = f"the call is not written as JSON: {', '.join(made.signatures)}"
            return fail_grade(ctx, made.signatures[0], reason, secondary)
        return judge_problems(ctx, problems)

    def format_grade(self, ctx: GradeContext) -> Grade:
        """Whether the calls made fit the tools on offer, whatever call was expected."""
        made = read_calls(ctx)
        if made.signatures:
            reason = "the arguments of the call are not a JSON object"
            return fail_grade(ctx, made.signatures[0], reason)
        tools = index_tools(ctx.case)
        problems = [problem for call in made.calls[:20] for problem in _check_call(call, tools)]
        return judge_problems(ctx, problems) if problems else pass_grade(ctx)


def read_calls(ctx: GradeContext) -> Calls:
    """The calls of the answer: native ones, else those written in its text, as option `from` allows."""
    source = ctx.spec.options.get("from", "any")
    native = ctx.response.tool_calls
    if sum(len(call.arguments) for call in native) > _MAX_ARGUMENT_CHARS:
        calls = tuple(Call(name=call.name, arguments={}) for call in native[:50])
        return Calls(calls=calls, signatures=("format:too_large",))
    if native and source != "text":
        return read_native(native, tolerant=ctx.parsed.tolerant)
    return Calls() if source == "native" else read_written(ctx.parsed)


def index_tools(case: Case) -> dict[str, Json]:
    """The tools of the case by name."""
    tools: dict[str, Json] = {}
    for tool in case.tools or ():
        function = tool.get("function", tool) if isinstance(tool, Mapping) else {}
        name = function.get("name") if isinstance(function, Mapping) else None
        if isinstance(name, str):
            tools[name] = tool
    return tools


def _check_call(call: Call, tools: Mapping[str, Json]) -> Problems:
    if not tools:
        return ()
    if call.name not in tools:
        known = ", ".join(tools)
        return (
            Problem("tool:wrong_name", f"there is no tool {show(call.name, 60)}; the tools are: {known}"),
        )
    properties, required = read_parameters(tools[call.name])
    arguments = name_arguments(call, list(properties))
    problems = [
        Problem(f"tool:missing_arg:{clean(name, 40)}", f"argument {name!r} of {call.name} is missing")
        for name in sorted(required)
        if name not in arguments
    ]
    for name, value in arguments.items():
        if name not in properties:
            reason = f"{call.name} has no argument {show(name, 40)}"
            problems.append(Problem(f"tool:unknown_arg:{clean(name, 40)}", reason))
        elif not has_type(value, properties[name]):
            wanted, have = properties[name].get("type"), type_name(value)
            what = f"{wanted}, not {have}" if have != wanted else f"{wanted} with items of the type it names"
            reason = f"argument {name!r} of {call.name} must be {what}"
            problems.append(Problem(f"tool:arg_type:{clean(name, 40)}", reason))
    return problems

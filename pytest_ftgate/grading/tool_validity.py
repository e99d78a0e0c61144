"""Graders `is-valid-openai-tools-call` and `is-valid-function-call`: calls that the tools would take."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pytest_ftgate.grading.grades import GraderError, Problem, Problems, fail_grade, judge_problems, show
from pytest_ftgate.grading.schema import CompiledSchema, compile_schema
from pytest_ftgate.grading.signatures import clean
from pytest_ftgate.grading.tool_calls import CALL_KEYS, Call, Calls, read_native
from pytest_ftgate.grading.tool_grader import FROM, index_tools, read_calls
from pytest_ftgate.grading.tool_match import name_arguments, read_parameters
from pytest_ftgate.model.evalset import Case, GraderSpec, Json
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.protocols import GradeContext
from pytest_ftgate.model.response import ToolCall

_NO_TOOLS = "has no tools to hold a call against: give it `tools:`, a list of tools in OpenAI form"
_MAX_STATED = 40
_MAX_NAMED = 20
_UNKNOWN_KEYWORDS = ("additionalProperties", "unevaluatedProperties")


class ValidCalls:
    """The answer makes at least one call (`single`: exactly one), and each call names a tool of the case
    with arguments that are valid under that tool's JSON Schema.

    Native calls count; without any, calls written in the text do (`from: native` forbids it). Extra
    arguments are wrong where the schema says so (`additionalProperties: false`).
    """

    is_format = True
    needs_expected = False
    options: Mapping[str, Json] = {"from": FROM}
    value = None
    reads_expected = None

    def __init__(self, *, single: bool = False) -> None:
        self.single = single

    def grade(self, ctx: GradeContext) -> Grade:
        tools = index_tools(ctx.case)
        if not tools:
            raise GraderError(f"case {ctx.case.id} {_NO_TOOLS}")
        made = _read_answer(ctx)
        problems = [*self._count(made), *(p for call in made.calls for p in check_call(call, tools))]
        if made.signatures:
            secondary = [*made.signatures[1:], *(problem.signature for problem in problems)]
            reason = f"the call is not written as JSON: {', '.join(made.signatures)}"
            return fail_grade(ctx, made.signatures[0], reason, secondary)
        return judge_problems(ctx, problems)

    def case_problems(self, _: GraderSpec, case: Case) -> tuple[str, ...]:
        return () if index_tools(case) else (f"the case {_NO_TOOLS}",)

    def negated_signature(self, _: GradeContext) -> str:
        return "tool:unneeded_call"

    def _count(self, made: Calls) -> Problems:
        if not made.calls:
            return (Problem("tool:no_call", "no call was made"),)
        if self.single and len(made.calls) > 1:
            return (Problem("tool:count", f"{len(made.calls)} calls were made, one was wanted"),)
        return ()


def check_call(call: Call, tools: Mapping[str, Json]) -> Problems:
    """What is wrong with a call under the JSON Schema of its tool, as `tool:*` signatures.

    Raises GraderError where that schema is not a usable one.
    """
    tool = tools.get(call.name)
    if tool is None:
        known = ", ".join(tools)
        return (
            Problem("tool:wrong_name", f"there is no tool {show(call.name, 60)}; the tools are: {known}"),
        )
    function = tool.get("function", tool)
    try:
        schema = compile_schema(function.get("parameters") or {})
        arguments = name_arguments(call, list(read_parameters(tool)[0]))
        found = schema.problems(arguments)
        return tuple(problem for entry in found for problem in _convert(entry, call.name, arguments, schema))
    except GraderError as error:
        raise GraderError(f"the parameters of tool {call.name}: {error}") from None


def _convert(problem: Problem, tool: str, arguments: Mapping[str, Json], schema: CompiledSchema) -> Problems:
    """A problem of a schema as one of a call: the argument is the first part of its JSON pointer."""
    if not problem.signature.startswith("schema:"):
        return (problem,)
    keyword, _, rest = problem.signature.removeprefix("schema:").partition(":")
    pointer = rest.rpartition(":")[0] if keyword == "type" else rest
    name, _, inner = pointer.removeprefix("/").partition("/")
    if not name:
        unknown = _find_unknown(arguments, schema) if keyword in _UNKNOWN_KEYWORDS else []
        return [
            Problem(f"tool:unknown_arg:{clean(extra, 40)}", f"{tool} has no argument {show(extra, 40)}")
            for extra in unknown
        ] or [Problem("tool:arg_value:/", f"the arguments of {tool}: {problem.reason}")]
    name = clean(name.replace("~1", "/").replace("~0", "~"), 40)
    what = {"required": "missing_arg" if not inner else "arg_value", "type": "arg_type"}
    signature = f"tool:{what.get(keyword, 'arg_value')}:{name}"
    return (Problem(signature, f"argument of {tool}: {problem.reason}"),)


def _find_unknown(arguments: Mapping[str, Json], schema: CompiledSchema) -> list[str]:
    """The arguments that the schema does not take, by asking it about each alone."""
    known = schema.schema.get("properties", {}) if isinstance(schema.schema, Mapping) else {}
    extras = [name for name in arguments if name not in known][:_MAX_NAMED]
    refused = tuple(f"schema:{keyword}:/" for keyword in _UNKNOWN_KEYWORDS)
    return [
        name
        for name in extras
        if any(entry.signature in refused for entry in schema.problems({name: arguments[name]}))
    ]


def _read_answer(ctx: GradeContext) -> Calls:
    source = ctx.spec.options.get("from", "any")
    if source == "native" or (ctx.response.tool_calls and source != "text") or "{" not in ctx.parsed.text:
        return read_calls(ctx)
    reading = ctx.parsed.reading
    stated = _list_stated(reading.value) if reading.has_value else ()
    if not stated:
        return read_calls(ctx)
    made = read_native(stated)
    return Calls(calls=made.calls, signatures=tuple(dict.fromkeys((*reading.signatures, *made.signatures))))


def _list_stated(value: Json) -> tuple[ToolCall, ...]:
    """Calls of OpenAI's forms in a JSON value, arguments as their raw text; () where it is none."""
    if isinstance(value, dict) and isinstance(value.get("tool_calls"), list):
        value = value["tool_calls"]
    entries = value if isinstance(value, list) else [value]
    stated = [_read_stated(entry) for entry in entries[: _MAX_STATED + 1]]
    calls = tuple(call for call in stated if call is not None)
    return calls if len(calls) == len(entries) <= _MAX_STATED else ()


def _read_stated(entry: Any) -> ToolCall | None:
    if not isinstance(entry, dict):
        return None
    inner = entry.get("function", entry.get("function_call"))
    entry = inner if isinstance(inner, dict) else entry
    name = entry.get("name")
    if not isinstance(name, str) or not entry.keys() <= CALL_KEYS:
        return None
    arguments = entry.get("arguments", entry.get("parameters", entry.get("args", "")))
    return ToolCall(name=name, arguments=arguments if isinstance(arguments, str) else json.dumps(arguments))

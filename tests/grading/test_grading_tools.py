"""The `tool-call` grader on BFCL's cases: right calls pass, each kind of wrong one is typed."""

from __future__ import annotations

import json

import pytest
from grading_world import case, judge, parts, read_rows, spec, trial, verdict
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_ftgate.grading.apply import find_format_problem
from pytest_ftgate.grading.faults import render_calls
from pytest_ftgate.model.response import Response, ToolCall

ROWS = read_rows("bfcl_cases.jsonl")
CALLING = [row for row in ROWS if row["expected"]]
GRADER = spec("tool-call")


def judge_calls(row, calls, text=None):
    return judge(text, GRADER, expected=row["expected"], tools=row["tools"], calls=tuple(calls))


def arguments_of(call):
    return json.loads(call.arguments)


def with_arguments(call, arguments):
    return ToolCall(name=call.name, arguments=json.dumps(arguments))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_the_expected_calls_pass_in_any_order_and_in_any_writing(row):
    calls = render_calls(row["expected"])
    if not calls:
        assert judge_calls(row, (), "No tool fits this question.").outcome == "passed"
        return
    assert judge_calls(row, reversed(calls)).outcome == "passed"
    as_json = json.dumps([{"name": call.name, "arguments": arguments_of(call)} for call in calls])
    assert judge_calls(row, (), as_json).outcome == "passed"
    blocks = "".join(f"<tool_call>{item}</tool_call>" for item in map(json.dumps, json.loads(as_json)))
    assert judge_calls(row, (), blocks).outcome == "passed"
    python = ", ".join(
        f"{call.name}({', '.join(f'{key}={value!r}' for key, value in arguments_of(call).items())})"
        for call in calls
    )
    assert judge_calls(row, (), f"[{python}]").outcome == "passed"
    assert verdict(judge_calls(row, (), f"```json\n{as_json}\n```")) == "format:fenced"


@pytest.mark.parametrize("row", CALLING, ids=lambda row: row["id"])
def test_wrong_calls_are_typed(row):
    calls = render_calls(row["expected"])
    first, rest = calls[0], calls[1:]
    assert verdict(judge_calls(row, (), "I would call a tool here.")) == "tool:no_call"
    assert verdict(judge_calls(row, (), "")) == "empty:blank"
    assert verdict(judge_calls(row, (*calls, first))) == "tool:count"
    renamed = ToolCall(name="no_such_tool", arguments=first.arguments)
    assert verdict(judge_calls(row, (renamed, *rest))) == "tool:wrong_name"
    extra = with_arguments(first, {**arguments_of(first), "zz_extra": 1})
    assert verdict(judge_calls(row, (extra, *rest))) == "tool:unknown_arg:zz_extra"
    broken = ToolCall(name=first.name, arguments="{'a': 1}")
    assert verdict(judge_calls(row, (broken, *rest))) == "format:single_quotes"
    allowed = row["expected"][0][first.name]
    for name, value in arguments_of(first).items():
        wrong_type = with_arguments(first, {**arguments_of(first), name: {"no": ["such"]}})
        if not isinstance(value, dict):
            assert verdict(judge_calls(row, (wrong_type, *rest))) == f"tool:arg_type:{name}"
        if isinstance(value, str):
            wrong = with_arguments(first, {**arguments_of(first), name: "certainly not this"})
            assert verdict(judge_calls(row, (wrong, *rest))) == f"tool:arg_value:{name}"
        fewer = with_arguments(first, {k: v for k, v in arguments_of(first).items() if k != name})
        result = verdict(judge_calls(row, (fewer, *rest)))
        assert result == ("passed" if "" in allowed[name] else f"tool:missing_arg:{name}")


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_optional_arguments_may_be_dropped_and_strings_written_loosely(data):
    row = data.draw(st.sampled_from(CALLING))
    calls = []
    for call, wanted in zip(render_calls(row["expected"]), row["expected"], strict=True):
        kept = {}
        for name, value in arguments_of(call).items():
            if "" in wanted[call.name][name] and data.draw(st.booleans()):
                continue
            loose = isinstance(value, str) and data.draw(st.booleans())
            kept[name] = f" {value.upper()}." if loose else value
        calls.append(with_arguments(call, kept))
    assert judge_calls(row, data.draw(st.permutations(calls))).outcome == "passed"


def test_an_unneeded_call():
    row = next(row for row in ROWS if not row["expected"])
    name = row["tools"][0]["function"]["name"]
    assert verdict(judge_calls(row, (ToolCall(name=name, arguments="{}"),))) == "tool:unneeded_call"


def test_name_and_arguments_form_wants_exact_strings():
    expected = {"name": "f", "arguments": {"city": "New York", "n": 2}}
    good = (ToolCall(name="f", arguments='{"city": "New York", "n": 2.0}'),)
    loose = (ToolCall(name="f", arguments='{"city": "new york", "n": 2}'),)
    assert judge(None, GRADER, expected=expected, calls=good).outcome == "passed"
    assert verdict(judge(None, GRADER, expected=expected, calls=loose)) == "tool:arg_value:city"


def test_any_of_values_are_matched_as_a_whole_not_greedily():
    expected = [{"f": {"x": [1, 2]}}, {"f": {"x": [1]}}]
    calls = tuple(ToolCall(name="f", arguments=f'{{"x": {x}}}') for x in (1, 2))
    assert judge(None, GRADER, expected=expected, calls=calls).outcome == "passed"


def test_calls_in_text_can_be_refused_and_a_useless_expected_value_is_an_error():
    text = '{"name": "f", "arguments": {}}'
    assert (
        verdict(judge(text, spec("tool-call", **{"from": "native"}), expected=[{"f": {}}])) == "tool:no_call"
    )
    assert judge(text, GRADER, expected="f()").outcome == "error"


def test_the_format_problem_tells_what_the_tools_allow_and_never_the_expected_call():
    tools = [
        {
            "type": "function",
            "function": {
                "name": "f",
                "parameters": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
            },
        }
    ]
    wanted = case([{"f": {"n": [7]}}], tools)

    def problem(arguments, name="f"):
        calls = (ToolCall(name=name, arguments=arguments),)
        return find_format_problem(trial(), Response(text=None, tool_calls=calls), wanted, (GRADER,), parts())

    assert problem('{"n": 3}') is None
    assert "must be integer" in problem('{"n": "3"}')
    assert "missing" in problem("{}")
    assert "no tool" in problem("{}", name="g")
    assert "JSON object" in problem("{'n': 3}")
    plain = find_format_problem(trial(), Response(text="hello"), wanted, (GRADER,), parts())
    assert plain is None

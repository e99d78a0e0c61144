"""Calls held against the schemas of the tools, and the names called against those wanted."""

from __future__ import annotations

import json
import time

import pytest
from grading_world import case, judge, parts, read_rows, spec, trial, verdict
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_ftgate.grading.apply import find_format_problem, judge_trial
from pytest_ftgate.grading.faults import render_calls
from pytest_ftgate.model.response import Response, ToolCall

BFCL = [row for row in read_rows("bfcl_cases.jsonl") if row["expected"]]
BOOK = {
    "type": "function",
    "function": {
        "name": "book",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"enum": ["Oslo", "Rome"]},
                "nights": {"type": "integer", "minimum": 1},
                "guests": {"type": "array", "items": {"type": "string"}},
                "card": {"type": "object", "required": ["number"]},
            },
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
PING = {"type": "function", "function": {"name": "ping", "parameters": {"type": "object"}}}
TOOLS = [BOOK, PING]
OPENAI, FUNCTION, F1 = "is-valid-openai-tools-call", "is-valid-function-call", "tool-call-f1"


AGAINST_THEIR_SCHEMA = {
    "live_simple_142-94-1": "tool:arg_value:unit",
    "live_simple_151-95-8": "tool:arg_value:unit",
    "live_simple_158-95-15": "tool:arg_value:unit",
    "live_simple_159-95-16": "tool:arg_value:unit",
    "live_multiple_596-158-2": "tool:arg_type:number_of_rooms",
    "live_multiple_61-23-0": "tool:arg_type:cinema_hall",
    "live_multiple_848-179-2": "tool:arg_value:price_range",
}
"""Cases of BFCL whose own expected call is not valid under their tool's schema: "N/A" or "dontcare" where an
enum leaves it out, a number or null where a string is asked for."""


def call(name="book", arguments='{"city": "Oslo"}'):
    return ToolCall(name=name, arguments=arguments if isinstance(arguments, str) else json.dumps(arguments))


def judge_native(grader, *calls, text=None, tools=TOOLS):
    return judge(text, spec(grader), tools=tools, calls=calls)


ARGUMENTS = [
    ({"city": "Oslo"}, None),
    ({"city": "Oslo", "nights": 2, "guests": ["Ann"], "card": {"number": 1}}, None),
    ({}, "tool:missing_arg:city"),
    ({"city": "Paris"}, "tool:arg_value:city"),
    ({"city": "Rome", "nights": "2"}, "tool:arg_type:nights"),
    ({"city": "Rome", "nights": 0}, "tool:arg_value:nights"),
    ({"city": "Rome", "guests": [1]}, "tool:arg_type:guests"),
    ({"city": "Rome", "card": {}}, "tool:arg_value:card"),
    ({"city": "Rome", "pet": True}, "tool:unknown_arg:pet"),
    ("", "tool:missing_arg:city"),
    ("{'city': 'Oslo'}", "format:single_quotes"),
    ('{"city": "Oslo"', "format:unclosed"),
    ("[1]", "format:not_json"),
]


@pytest.mark.parametrize(("arguments", "signature"), ARGUMENTS)
@pytest.mark.parametrize("grader", [OPENAI, FUNCTION])
def test_arguments_are_held_against_the_schema_of_the_tool(grader, arguments, signature):
    record = judge_native(grader, call(arguments=arguments))
    assert record.signature == signature
    assert record.grades[0].is_format
    negated = judge_native(f"not-{grader}", call(arguments=arguments))
    assert negated.signature == ("tool:unneeded_call" if signature is None else None)


@pytest.mark.parametrize(("arguments", "signature"), ARGUMENTS)
@pytest.mark.parametrize("grader", [OPENAI, FUNCTION])
def test_calls_written_in_the_text_are_judged_alike(grader, arguments, signature):
    stated = {"name": "book", "arguments": call(arguments=arguments).arguments}
    assert judge(json.dumps(stated), spec(grader), tools=TOOLS).signature == signature
    assert judge(json.dumps({"function_call": stated}), spec(grader), tools=TOOLS).signature == signature
    listed = json.dumps({"tool_calls": [{"type": "function", "function": stated}]})
    assert judge(listed, spec(grader), tools=TOOLS).signature == signature
    fenced = judge(f"```json\n{listed}\n```", spec(grader), tools=TOOLS)
    assert fenced.signature == "format:fenced"
    assert signature is None or signature in fenced.secondary
    tolerant = judge(f"```json\n{listed}\n```", spec(grader), tools=TOOLS, tolerant=True)
    assert tolerant.signature == signature
    if isinstance(arguments, dict):
        nested = json.dumps({"name": "book", "arguments": arguments})
        assert judge(nested, spec(grader), tools=TOOLS).signature == signature


def test_every_call_counts_and_several_are_too_many_for_the_older_form():
    good, bad = call("ping", "{}"), call(arguments={"city": "Rome", "nights": 0.5})
    assert judge_native(OPENAI, good, good).outcome == "passed"
    assert verdict(judge_native(OPENAI, good, bad)) == "tool:arg_type:nights"
    assert verdict(judge_native(FUNCTION, good, good)) == "tool:count"
    assert judge_native(FUNCTION, good, bad).secondary == ("tool:arg_type:nights",)


@pytest.mark.parametrize("grader", [OPENAI, FUNCTION])
def test_no_call_and_an_unknown_tool(grader):
    assert verdict(judge_native(grader, text="I would book Oslo.")) == "tool:no_call"
    assert verdict(judge_native(grader, text='{"city": "Oslo"}')) == "tool:no_call"
    assert verdict(judge_native(grader, text="")) == "empty:blank"
    assert verdict(judge_native(grader, call("cancel"))) == "tool:wrong_name"
    assert judge_native(f"not-{grader}", text="I would book Oslo.").outcome == "passed"
    written = '{"name": "ping", "arguments": {}}'
    assert judge(written, spec(grader), tools=TOOLS).outcome == "passed"
    native = spec(grader, **{"from": "native"})
    assert verdict(judge(written, native, tools=TOOLS)) == "tool:no_call"
    text_only = spec(grader, **{"from": "text"})
    assert verdict(judge("none", text_only, tools=TOOLS, calls=(call(),))) == "tool:no_call"


@pytest.mark.parametrize("grader", [OPENAI, FUNCTION])
def test_a_case_without_tools_or_with_a_bad_schema_is_the_evalsets_fault(grader):
    assert "`tools:`" in judge_native(grader, call(), tools=None).error
    broken = {"type": "function", "function": {"name": "book", "parameters": {"type": "nonsense"}}}
    error = judge_native(grader, call(), tools=[broken]).error
    assert "tool book" in error
    assert "not a valid JSON Schema" in error


def test_extra_arguments_are_wrong_only_where_the_schema_says_so():
    patterned = {
        "type": "function",
        "function": {
            "name": "tag",
            "parameters": {"patternProperties": {"^x-": {"type": "integer"}}, "additionalProperties": False},
        },
    }
    assert judge_native(OPENAI, call("ping", {"any": 1})).outcome == "passed"
    record = judge_native(OPENAI, call("tag", {"x-a": 1, "y": 1, "z": 1}), tools=[patterned])
    assert (record.signature, record.secondary) == ("tool:unknown_arg:y", ("tool:unknown_arg:z",))
    few = {"name": "few", "parameters": {"maxProperties": 1}}
    assert verdict(judge_native(OPENAI, call("few", {"a": 1, "b": 2}), tools=[few])) == "tool:arg_value:/"


@pytest.mark.parametrize("row", BFCL, ids=lambda row: row["id"])
def test_the_expected_calls_of_bfcl_are_valid_and_named_right(row):
    calls = render_calls(row["expected"])
    names = [wanted_call.name for wanted_call in calls]
    assert judge_native(F1, *calls, tools=row["tools"]).outcome == "ungraded"
    for wanted in (names, ",".join(names), row["expected"]):
        grade = judge(None, spec(F1), expected=wanted, calls=calls).grades[0]
        assert (grade.outcome, grade.score) == ("passed", 1.0)
    valid = judge_native(OPENAI, *calls, tools=row["tools"])
    assert valid.signature == AGAINST_THEIR_SCHEMA.get(row["id"])
    required = row["tools"][0]["function"]["parameters"].get("required")
    if len(row["tools"]) == 1 and required:
        empty = ToolCall(name=calls[0].name, arguments="{}")
        missing = judge_native(OPENAI, empty, tools=row["tools"])
        found = {missing.signature, *missing.secondary}
        assert found == {f"tool:missing_arg:{name}" for name in required}


@pytest.mark.parametrize(
    ("wanted", "called", "score", "signature"),
    [
        (["a", "b"], ["a", "b"], 1, None),
        ("a, b", ["b", "a", "a"], 1, None),
        (["a", "b"], ["a"], 2 / 3, "tool:count"),
        (["a"], ["a", "b"], 2 / 3, "tool:count"),
        (["a", "b"], ["a", "c"], 0.5, "tool:wrong_name"),
        (["a"], ["c"], 0, "tool:wrong_name"),
        (["a"], [], 0, "tool:no_call"),
        ([], [], 1, None),
        ([], ["a"], 0, "tool:unneeded_call"),
        ([{"a": {"x": [1]}}], ["a"], 1, None),
        ({"name": "a", "arguments": {}}, ["a"], 1, None),
        (["math.add"], ["math_add"], 1, None),
    ],
)
def test_tool_call_f1_and_its_negation(wanted, called, score, signature):
    calls = tuple(call(name, "{broken") for name in called)
    for args, fields in (((wanted,), {}), ((), {"expected": wanted})):
        record = judge("Done.", spec(F1, *args), calls=calls, **fields)
        assert record.signature == signature
        assert record.grades[0].score == pytest.approx(score)
        negated = judge("Done.", spec(f"not-{F1}", *args), calls=calls, **fields)
        assert (negated.outcome == "passed") == (record.outcome == "failed")
        assert negated.signature in (None, "tool:unneeded_call", "tool:no_call")


def test_the_threshold_of_f1_and_calls_in_the_text():
    text = '[{"name": "a", "arguments": {}}, {"name": "c", "arguments": {}}]'
    assert judge(text, spec(F1, ["a", "b"], threshold=0.5)).outcome == "passed"
    assert judge(text, spec(F1, ["a", "b"], threshold=0.51)).outcome == "failed"
    assert verdict(judge(text, spec(F1, ["a"], **{"from": "native"}))) == "tool:no_call"


@pytest.mark.parametrize("wanted", ["", " , ", [" "], [1], 5, [{"a": 1}]])
def test_f1_needs_names_or_calls(wanted):
    grader = spec(F1, wanted)
    assert judge("x", grader).outcome == "error"
    assert len(parts().graders.get(F1).problems(grader)) == 1
    assert parts().graders.get(F1).problems(spec(F1, ["a"])) == ()


def test_the_format_problem_names_what_the_schema_wants():
    def problem(*calls):
        response = Response(text=None if calls else "hello", tool_calls=calls)
        return find_format_problem(trial(), response, case(tools=TOOLS), (spec(OPENAI),), parts())

    assert problem(call()) is None
    assert "city" in problem(call(arguments="{}"))
    assert "no tool" in problem(call("cancel"))
    assert "no call" in problem()


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(JSON_VALUES, st.sampled_from(["{}", '{{"name": "book", "arguments": {}}}', '[{{"function": {}}}]']))
@settings(max_examples=120, deadline=None)
def test_any_json_is_judged(value, form):
    text = form.format(json.dumps(value))
    for grader in (spec(OPENAI), spec(FUNCTION), spec(F1, ["book"])):
        assert judge(text, grader, tools=TOOLS).outcome in ("passed", "failed")
        assert judge(None, grader, tools=TOOLS, calls=(call(arguments=text),)).outcome in ("passed", "failed")


@given(st.text(max_size=20), st.text(max_size=60))
@settings(max_examples=80, deadline=None)
def test_any_call_is_judged(name, arguments):
    for grader in (spec(OPENAI), spec(FUNCTION), spec(F1, ["book"])):
        record = judge(arguments, grader, tools=TOOLS, calls=(call(name, arguments),))
        assert record.outcome in ("passed", "failed")
        for signature in (record.signature, *record.secondary):
            assert signature is None or (len(signature) < 100 and signature.isprintable())


HOSTILE = {
    "one character": "{" * 1_000_000,
    "many calls": json.dumps([{"name": "book", "arguments": "{}"}] * 20_000),
    "many arguments": json.dumps({"name": "book", "arguments": {f"k{i}": i for i in range(20_000)}}),
    "many items": json.dumps({"name": "book", "arguments": {"guests": list(range(40_000))}}),
    "long arguments": json.dumps({"name": "book", "arguments": "[" * 900_000}),
    "deep arguments": json.dumps({"name": "book", "arguments": "[" * 1000 + "]" * 1000}),
    "surrogates": '{"name": "\ud800", "arguments": "\udfff"}',
    "huge numbers": '{"name": "book", "arguments": {"nights": 1e999, "city": ' + "9" * 5_000 + "}}",
    "not a number": '{"name": "book", "arguments": {"nights": NaN}}',
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("grader", [spec(OPENAI), spec(FUNCTION), spec(F1, ["book"])], ids=lambda g: g.name)
def test_hostile_calls_are_judged_in_time(name, grader):
    text = HOSTILE[name]
    started = time.process_time()
    assert judge(text, grader, tools=TOOLS).outcome in ("passed", "failed")
    calls = (call(arguments=text),) * 3
    assert judge(None, grader, tools=TOOLS, calls=calls).outcome in ("passed", "failed")
    assert time.process_time() - started < 3.0


@pytest.mark.parametrize("grader", [OPENAI, FUNCTION])
def test_an_object_with_a_name_is_no_call_by_that_alone(grader):
    assert verdict(judge('{"name": "ping", "age": 3}', spec(grader), tools=TOOLS)) == "tool:no_call"
    assert verdict(judge('{"name": "ping"}', spec(grader), tools=TOOLS)) == "passed"


@pytest.mark.parametrize(
    ("value", "limits", "signatures"),
    [
        ("right", {}, (None, ())),
        ("right", {"latency": 1.0}, ("call:slow", ())),
        ("wrong", {"latency": 1.0}, ("value:text", ("call:slow",))),
    ],
)
def test_a_wrong_answer_that_is_also_slow_failed_as_a_wrong_answer(value, limits, signatures):
    graders = (spec("equals", "right"), *(spec(name, limit) for name, limit in limits.items()))
    record = judge_trial(trial(), Response(text=value, latency_s=2.0), case(), graders, parts())
    assert (record.signature, record.secondary) == signatures

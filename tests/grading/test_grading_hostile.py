"""No text, however hostile, makes a grader raise, hang, or blame itself."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
from grading_world import JSON_VALUES, judge, spec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_ftgate.grading.parsed import TextOutput
from pytest_ftgate.model.grade import KINDS, kind_of
from pytest_ftgate.model.response import ToolCall

GRADERS = [
    spec("equals", "abc"),
    spec("equals", {"a": 1}),
    spec("contains", "abc"),
    spec("icontains-any", ["a", "b"]),
    spec("starts-with", "x"),
    spec("regex", "^a+b"),
    spec("is-json"),
    spec("is-json", schema={"type": "array", "items": {"type": "integer"}, "uniqueItems": True}),
    spec("is-json", schema={"patternProperties": {"^(a+)+$": {}}, "additionalProperties": False}),
    spec("contains-json", schema={"type": "object", "required": ["q"]}),
    spec("json-fields", {"a": [1, 2], "b": {"c": "x"}}, sets=True, extra="fail"),
    spec("label", "abc", labels=["abc", "b c", "d_e"]),
    spec("label", "abc", labels=["abc", "b c"], match="in_text"),
    spec("numeric", "42"),
    spec("choice", "A"),
    spec("tool-call", [{"f": {"a": [1]}}]),
    spec("is-refusal"),
    spec("no-extra-text"),
    spec("max-length", 10),
]
JSONISH = st.text(alphabet="{}[]()\"':,\\ \n`truefalsnNone0123456789.-+eEab<>/*#\ud800\x00", max_size=80)


def assert_sound(record):
    assert record.outcome in ("passed", "failed"), record.error
    for signature in (record.signature, *record.secondary):
        if signature is not None:
            assert kind_of(signature) in KINDS
            assert len(signature) < 300
            assert not any(ord(char) < 32 for char in signature)
            signature.encode()


def check_all(text, *, tolerant=False):
    for grader in GRADERS:
        started = time.process_time()
        record = judge(text, grader, tolerant=tolerant)
        assert time.process_time() - started < 3.0, grader
        assert_sound(record)


@given(JSONISH | st.text(max_size=60))
@example("{'a")
@example("[1,,2]")
@example('{"a":(1,}')
@settings(max_examples=150, deadline=None)
def test_any_text(text):
    check_all(text)
    check_all(text, tolerant=True)


@given(JSON_VALUES)
@settings(max_examples=80, deadline=None)
def test_any_json_value_is_read_back_whole_or_with_nan_named(value):
    text = json.dumps(value)
    check_all(text)
    output = TextOutput(text)
    if any(word in text for word in ("NaN", "Infinity")) and not output.strict.is_valid:
        assert "nan" in output.diagnosis.kinds
    else:
        assert json.dumps(output.strict.value) == text
        assert TextOutput(f"```json\n{text}\n```").diagnosis.value == output.strict.value


@given(JSON_VALUES)
@settings(max_examples=80, deadline=None)
def test_a_python_repr_is_recovered(value):
    value = {"k": value}
    text = repr(value)
    output = TextOutput(text)
    if "\\" in text or "inf" in text or "nan" in text:
        return
    assert output.strict.is_valid or output.diagnosis.has_value
    assert (output.strict.value if output.strict.is_valid else output.diagnosis.value) == value


@given(JSON_VALUES, st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_a_cut_document_is_never_taken_for_something_else(value, lost):
    text = json.dumps({"key": value})
    if "NaN" in text or "Infinity" in text:
        return
    cut = TextOutput(text[:-lost])
    assert not cut.strict.is_valid
    if len(text) - lost > 1:
        assert cut.diagnosis.kinds[0] == "unclosed"


@given(st.text(max_size=20), st.text(max_size=60))
@settings(max_examples=80, deadline=None)
def test_any_tool_call(name, arguments):
    call = ToolCall(name=name, arguments=arguments)
    assert_sound(judge(None, spec("tool-call", [{"f": {"a": [1]}}]), calls=(call,)))


NUMBERS = (
    st.integers(-(10**420), 10**420)
    | st.sampled_from([10**400, -(10**400), 10**308, 10**309, 2**1024, 2**1023])
    | st.floats(allow_nan=False, allow_infinity=False)
)
NUMBER_GRADERS = [
    spec("equals"),
    spec("numeric"),
    spec("numeric", tolerance=0.5, relative_tolerance=0.1),
    spec("json-fields"),
    spec("json-fields", numeric_tolerance=0.5),
    spec("json-fields", sets=True),
    spec("tool-call"),
]


@given(NUMBERS, NUMBERS)
@example(10**400, 5)
@example(5, 10**400)
@example(10**400, 5.5)
@example(5.5, 10**400)
@settings(max_examples=60, deadline=None)
def test_huge_numbers_are_right_or_wrong_but_never_an_error(got, expected):
    for grader in NUMBER_GRADERS:
        for right in (expected, got):
            wanted, text = right, json.dumps(got)
            if grader.name == "json-fields":
                wanted, text = {"total": [right]}, json.dumps({"total": [got]})
            elif grader.name == "tool-call":
                wanted, text = [{"f": {"total": [right]}}], f"f(total={got!r})"
            record = judge(text, grader, expected=wanted)
            assert_sound(record)
            if right is got:
                assert record.outcome == "passed", (grader.name, record.grades)
        if abs(got) > 10**309 and abs(expected) < 10**308:
            assert record_of_other(grader, got, expected) == "failed"


def record_of_other(grader, got, expected):
    if grader.name == "json-fields":
        return judge(json.dumps([got]), grader, expected=[expected]).outcome
    if grader.name == "tool-call":
        return judge(f"f(x={got!r})", grader, expected=[{"f": {"x": [expected]}}]).outcome
    return judge(json.dumps(got), grader, expected=expected).outcome


LIMITS = st.floats(1e-300, 1e300, allow_nan=False) | st.integers(1, 10**400)
KEYWORDS = ("multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "const")


@given(NUMBERS, LIMITS, st.sampled_from(KEYWORDS))
@example(10**400, 0.5, "multipleOf")
@example(5.5, 10**400, "multipleOf")
@settings(max_examples=150, deadline=None)
def test_huge_numbers_under_any_keyword_of_a_schema(got, limit, keyword):
    for drafted in ({}, {"$schema": "http://json-schema.org/draft-07/schema#"}):
        schema = {**drafted, "properties": {"total": {keyword: limit}}}
        assert_sound(judge(json.dumps({"total": got}), spec("is-json", schema=schema)))
    assert_sound(judge('{"total": 1e999}', spec("is-json", schema=schema)))


@pytest.mark.parametrize(
    ("text", "divisor", "outcome"),
    [
        ("1" + "0" * 400, 0.5, "passed"),
        ("1" + "0" * 400, 0.3, "failed"),
        ("1" + "0" * 400, 7, "failed"),
        ("1e999", 0.5, "failed"),
        ("1e999", 2, "failed"),
        ("1.5", 10**400, "failed"),
        ("7.5", 2.5, "passed"),
        ("7.5", 2, "failed"),
    ],
)
def test_multiples_beyond_the_range_of_floats(text, divisor, outcome):
    record = judge(text, spec("is-json", schema={"multipleOf": divisor}))
    assert record.outcome == outcome
    assert record.signature in (None, "schema:multipleOf:/")


HOSTILE = {
    "10 MB": "x" * 10_000_000,
    "10 MB of JSON": '{"a":"' + "x" * 10_000_000,
    "brackets": "[" * 100_000,
    "1000 deep": "[" * 1000 + "]" * 1000,
    "1000 objects": '{"a":' * 1000 + "1" + "}" * 1000,
    "unclosed objects": '{"a":' * 1000,
    "many numbers": "[" + ",".join("1" * 49_000) + "]",
    "many objects": "[" + ",".join(['{"a":1}'] * 40_000) + "]",
    "many keys": "{" + ",".join(f'"k{i}":1' for i in range(40_000)) + "}",
    "many documents": "[1]" * 60_000,
    "unclosed numbers": "[" + "1," * 49_000,
    "dirty": '{a b c "d ","' * 10_000,
    "escapes": '"' + "\\" * 199_999,
    "quotes": "{'" * 60_000,
    "comments": "/*" * 90_000,
    "ticks": "```json\n" * 20_000,
    "calls": "f(" * 9_000,
    "signs": "f(" + "-" * 9_000 + "1)",
    "blocks": '<tool_call>{a b c "d ","</tool_call>' * 5_000,
    "thoughts": "<think>" * 100_000,
    "answers": "answer is " * 100_000,
    "digits": "1" * 1_000_000,
    "thousands": "1,111" * 100_000,
    "huge numbers": "[1e999, -1e999, " + "9" * 5_000 + "]",
    "surrogates": '{"a":"\ud800"} \udfff',
    "nuls": "\0" * 1_000,
    "lines": "\n" * 1_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts(name):
    check_all(HOSTILE[name])


@pytest.mark.parametrize("name", ["dirty", "quotes", "unclosed numbers", "surrogates", "blocks"])
def test_hostile_texts_read_tolerantly(name):
    check_all(HOSTILE[name], tolerant=True)


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("10 MB of JSON", "format:too_large"),
        ("brackets", "format:unclosed"),
        ("1000 deep", "format:too_deep"),
        ("1000 objects", "format:too_deep"),
        ("unclosed objects", "format:unclosed"),
        ("nuls", "format:not_json"),
        ("lines", "empty:whitespace"),
        ("surrogates", "format:prose_after"),
    ],
)
def test_hostile_json_is_a_typed_failure(name, signature):
    assert judge(HOSTILE[name], spec("is-json")).signature == signature


def test_importing_the_graders_imports_nothing_heavy():
    code = (
        "import sys, pytest_ftgate.grading.builtin;"
        "import pytest_ftgate.grading.apply, pytest_ftgate.grading.faults;"
        "heavy = 'jsonschema jsonschema_rs regex json_repair yaml jinja2 litellm aiohttp scipy'.split();"
        "bad = [name for name in heavy if name in sys.modules];"
        "sys.exit(', '.join(bad) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr

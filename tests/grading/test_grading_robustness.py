"""Every registered grader survives every answer: no exception, no hang, no recursion to death."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
from grading_world import JSON_VALUES, judge, parts, read_rows, spec
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_ftgate.grading.json_documents import find_schema_problem
from pytest_ftgate.model.grade import KINDS, kind_of
from pytest_ftgate.model.response import ToolCall, Usage

ORDER = {"id": "AB-1", "total": 12.5, "tags": ["x", "y"], "due": "2026-01-02", "items": [{"sku": "a"}]}
SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^[A-Z]+-[0-9]+$"},
        "items": {"type": "array", "items": {"$ref": "#"}, "uniqueItems": True},
        "any": {"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"required": ["a"]}]},
    },
    "required": ["id"],
    "additionalProperties": False,
}
FIELDS = {"due": "date", "tags": "set", "id": "case_insensitive", "total": {"relative_tolerance": 0.1}}
CALLS = [{"book": {"city": ["Rome"], "nights": [2, ""]}}]
WORDS = [
    {"id": "length_constraints:number_words", "kwargs": {"relation": "at least", "num_words": 3}},
    {"id": "keywords:existence", "kwargs": {"keywords": ["rome"]}},
    {"id": "detectable_format:json_format", "kwargs": {}},
    {"id": "change_case:english_lowercase", "kwargs": {}},
]

# What each grader is tried with; every registered one must be here, or say why it is not.
TRIED = {
    "citations": [spec("citations")],
    "equals": [spec("equals", "abc"), spec("equals", ORDER), spec("equals", 12.5, ignore_case=True)],
    "contains": [spec("contains", "abc")],
    "icontains": [spec("icontains", "Abc")],
    "contains-any": [spec("contains-any", ["abc", "d"])],
    "contains-all": [spec("contains-all", ["abc", "d"])],
    "icontains-any": [spec("icontains-any", ["Abc", "d"])],
    "icontains-all": [spec("icontains-all", ["Abc", "d"])],
    "starts-with": [spec("starts-with", "abc")],
    "regex": [spec("regex", "^a+b"), spec("regex", r"\w+\s\w+", whole=True, ignore_case=True)],
    "is-json": [spec("is-json"), spec("is-json", schema=SCHEMA)],
    "contains-json": [spec("contains-json"), spec("contains-json", schema=SCHEMA)],
    "json-fields": [spec("json-fields", ORDER), spec("json-fields", ORDER, fields=FIELDS, extra="fail")],
    "label": [
        spec("label", "refund", labels=["refund", "card payment", "a"]),
        spec("label", "refund", labels=["refund", "card payment"], match="in_text"),
        spec("label", "refund"),
    ],
    "numeric": [spec("numeric", 42), spec("numeric", "1,234.5", tolerance=0.1, decimal=".")],
    "choice": [spec("choice", "B"), spec("choice", "B", rule="answer_is")],
    "tool-call": [spec("tool-call", CALLS), spec("tool-call", [])],
    "tool-call-f1": [spec("tool-call-f1", ["book", "pay"], threshold=0.5)],
    "is-valid-openai-tools-call": [spec("is-valid-openai-tools-call")],
    "is-valid-function-call": [spec("is-valid-function-call")],
    "levenshtein": [
        spec("levenshtein", "abc abc", threshold=3),
        spec("levenshtein", "abc", min_similarity=0.5),
    ],
    "rouge-n": [spec("rouge-n", "the abc of d", n=2, threshold=0.3)],
    "terms": [spec("terms", required=["abc"], forbidden=["x y"], any_of=["a", "b"])],
    "latency": [spec("latency", 100)],
    "cost": [spec("cost", 0.01)],
    "is-refusal": [spec("is-refusal")],
    "no-extra-text": [spec("no-extra-text"), spec("no-extra-text")],
    "max-length": [spec("max-length", 10), spec("max-length", words=10, tokens=5)],
    "instructions": [spec("instructions", WORDS), spec("instructions", WORDS, mode="loose")],
}
NOT_TRIED = {
    "python": "runs a function of the project, whose faults are its own",
    "code": "runs the answer in a sandbox, a process a call: test_grading_code.py",
}
ALL = [entry for name, entries in TRIED.items() if name in parts().graders for entry in entries]
TOOLS = [{"type": "function", "function": {"name": "book", "parameters": SCHEMA}}]
KNOWN = {
    "tools": TOOLS,
    "latency_s": 1.0,
    "cost_usd": 0.1,
    "usage": Usage(completion_tokens=7),
    "finish_reason": "stop",
}
TRANSFORMS = ["strip_think", "strip_fence", "extract_json", "lower", "strip"]


def test_every_registered_grader_that_asks_no_model_is_tried():
    asking = {name for name in parts().graders if hasattr(parts().graders.get(name), "ask")}
    assert set(parts().graders) - asking - set(NOT_TRIED) <= set(TRIED)


def assert_sound(record, entry):
    assert record.outcome in ("passed", "failed"), (entry, record.error)
    for signature in (record.signature, *record.secondary):
        if signature is not None:
            assert kind_of(signature) in KINDS
            assert len(signature) < 300
            assert not any(ord(char) < 32 for char in signature)
            signature.encode()
    for grade in record.grades:
        grade.reason.encode()
        assert len(grade.reason) <= 1_000


def try_text(text, *, transform=(), **answer):
    for entry in ALL:
        entry = replace(entry, options={**entry.options, "transform": transform})
        assert_sound(judge(text, entry, **KNOWN, **answer), entry)


ANSWERS = st.text(max_size=60) | st.text(
    alphabet="{}[]()\"':,\\ \n\t`~#*<>/=-+.|truefalsnNone0123456789eEabAB$€%\ud800\x00\ufeffİſ", max_size=80
)
PARTS = [
    "<think>", "</think>", "```json\n", "```", '{"id": ', '"AB-1"', "[", "]", "}", ",", ":",
    "book(city='Rome'",
    ")", "<tool_call>", "</tool_call>", "answer is", "(B)", "1,234", ".5", "refund", "\n", " ", "NaN", "None",
    "\\", "'",
]  # fmt: skip
PIECES = st.lists(st.sampled_from(PARTS), max_size=14).map("".join)


@given(ANSWERS | PIECES, st.booleans())
@settings(max_examples=80, deadline=None)
def test_any_text(text, tolerant):
    try_text(text, tolerant=tolerant)


@given(PIECES, st.sampled_from(TRANSFORMS))
@settings(max_examples=40, deadline=None)
def test_any_text_under_any_transform(text, transform):
    try_text(text, transform=[transform, "extract_json"])


@given(JSON_VALUES)
@settings(max_examples=60, deadline=None)
def test_any_json_value_as_the_answer(value):
    try_text(json.dumps(value))
    try_text(json.dumps({"id": value, "items": [value], "any": value, "due": value, "total": value}))


@given(st.text(max_size=20) | st.just("book"), ANSWERS | JSON_VALUES.map(json.dumps))
@settings(max_examples=60, deadline=None)
def test_any_native_call(name, arguments):
    try_text(None, calls=(ToolCall(name=name, arguments=arguments),))


@given(PIECES)
@settings(max_examples=40, deadline=None)
def test_the_opposite_of_each_grader(text):
    for entry in ALL:
        assert_sound(judge(text, replace(entry, negated=True), **KNOWN), entry)


SUITE = [
    row["params"]["schema"] for row in read_rows("grader_vectors.jsonl") if row["grader"] == "json_schema"
]


@given(st.sampled_from(SUITE), JSON_VALUES, st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_value_under_any_schema_of_the_test_suite(schema, value, is_inside):
    text = json.dumps({"foo": value, "bar": [value]} if is_inside else value)
    for name in ("is-json", "contains-json"):
        assert_sound(judge(text, spec(name, schema=schema)), schema)


MEGABYTE = 1_000_000
UNITS = {
    "letters": "a", "capitals": "A ", "spaces": " ", "lines": "\n", "tabs": "x\t", "digits": "1",
    "thousands": "1,111", "decimals": "1.1 ", "signs": "-", "commas": ",", "colons": ":", "quotes": '"',
    "single quotes": "'", "backslashes": "\\", "open brackets": "[", "open braces": '{"a":',
    "pairs": "[]", "parentheses": "(", "calls": "book(city='Rome')\n", "fences": "```",
    "fences with lines": "```json\n", "ticks": "`", "tildes": "~", "thoughts": "<think>",
    "thoughts closed": "<think></think>", "tool calls": "<tool_call>", "angles": "<", "stars": "*",
    "hashes": "# ", "dots": ". ", "bullets": "* a\n", "answers": "answer is (", "labels": "refund ",
    "refusals": "I can't ", "words": "abc d ", "surrogates": "\ud800", "marks": "\u0301", "nuls": "\x00",
    "paragraphs": "a\n\n***\n\n", "dates": "2 January 2026 ", "money": "$1,000 ", "long words": "a_",
}  # fmt: skip
WRAPPED = {
    "string": ('{"id": "', '"}'),
    "key": ('{"', '": 1}'),
    "open string": ('["', ""),
    "think": ("<think>", "</think>\nrefund"),
    "fence": ("```json\n", "\n```"),
}


@pytest.fixture(scope="module")
def warm():
    """What graders import when they are used first is no cost of an answer."""
    try_text("warm")


def time_all(text):
    for entry in ALL:
        started = time.process_time()
        record = judge(text, entry, **KNOWN)
        spent = time.process_time() - started
        assert_sound(record, entry)
        assert spent < 1.0, (entry.name, entry.options, spent)


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("unit", ["letters", "spaces", "open braces", "quotes", "digits", "thoughts"])
def test_a_hundred_kilobytes_of_one_thing(unit):
    time_all((UNITS[unit] * 100_000)[:100_000])


@pytest.mark.slow
@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("unit", UNITS)
def test_a_megabyte_of_one_thing(unit):
    time_all((UNITS[unit] * MEGABYTE)[:MEGABYTE])


@pytest.mark.slow
@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("wrapped", WRAPPED)
@pytest.mark.parametrize(
    "unit", ["letters", "spaces", "backslashes", "commas", "single quotes", "open brackets", "fences"]
)
def test_a_megabyte_of_one_thing_inside_another(wrapped, unit):
    before, after = WRAPPED[wrapped]
    time_all(before + (UNITS[unit] * MEGABYTE)[: MEGABYTE - 100] + after)


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["letters", "open braces", "fences", "thoughts", "backslashes", "spaces"])
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_megabyte_under_each_transform(unit, transform):
    started = time.process_time()
    record = judge((UNITS[unit] * MEGABYTE)[:MEGABYTE], spec("contains", "zzz", transform=transform))
    assert time.process_time() - started < 1.0
    assert_sound(record, transform)


CATASTROPHIC = {
    r"^(a+)+$": "a" * 60 + "!",
    r"^(a|a)*$": "a" * 60 + "!",
    r"(x+x+)+y": "x" * 60,
    r"^(([a-z])+.)+[A-Z]([a-z])+$": "a" * 60,
    r"(.*)*\d!": "b" * 60,
    r"^(\w+\s?)*$": "word " * 30 + "!",
    r"(a*)*b\1": "a" * 60,
}


@pytest.mark.parametrize("pattern", CATASTROPHIC)
def test_a_catastrophic_pattern_of_an_evalset_is_cut_off_and_named(pattern):
    text = CATASTROPHIC[pattern]
    document = json.dumps({"id": text})
    graders = [
        (text, spec("regex", pattern)),
        (text, spec("regex", pattern, whole=True, ignore_case=True)),
        (document, spec("is-json", schema={"properties": {"id": {"pattern": pattern}}})),
        (document, spec("is-json", schema={"additionalProperties": {"anyOf": [{"pattern": pattern}, True]}})),
        (json.dumps({text: 1}), spec("contains-json", schema={"propertyNames": {"pattern": pattern}})),
    ]
    for answer, entry in graders:
        started = time.process_time()
        record = judge(answer, entry)
        assert time.process_time() - started < 2.0
        if record.outcome == "error":
            assert "cut off" in record.error
            assert "simplify it" in record.error
            assert pattern[:6] in record.error
        else:
            # Some engines' optimisations see at once that nothing matches.
            assert_sound(record, entry)


def test_the_classic_catastrophe_is_an_error_of_the_evalset_everywhere():
    text = "a" * 60 + "b"
    for entry, answer in (
        (spec("regex", "^(a|a)*$"), text),
        (spec("is-json", schema={"pattern": "^(a|a)*$"}), f'"{text}"'),
        (spec("is-json", schema={"not": {"pattern": "^(a|a)*$"}}), f'"{text}"'),
    ):
        record = judge(answer, entry)
        assert record.outcome == "error"
        assert record.signature is None
        assert "cut off" in record.error


def test_a_pattern_too_long_to_be_searched_safely_is_an_error_of_the_evalset():
    """`regex` takes hours before it looks for a long text that repeats itself, whatever the answer."""
    pattern = "y" * 20_000
    for entry, answer in (
        (spec("regex", pattern), "y"),
        (spec("not-regex", pattern, whole=True), pattern),
        (spec("is-json", schema={"pattern": pattern}), json.dumps(pattern)),
        (spec("is-json", schema={"patternProperties": {pattern: {}}}), json.dumps({pattern: 1})),
        (spec("is-json", schema={"not": {"pattern": pattern}}), json.dumps(pattern)),
        (spec("is-json", schema={"if": {"pattern": pattern}, "then": False}), json.dumps(pattern)),
        (spec("is-json", schema={"oneOf": [{"pattern": pattern}, {"type": "string"}]}), json.dumps(pattern)),
    ):
        record = judge(answer, entry)
        assert record.outcome == "error"
        assert "20000 characters, at most 1000" in record.error
        assert "contains-any" in record.error
    assert judge("y" * 1_000, spec("regex", "y" * 1_000)).outcome == "passed"


@pytest.mark.parametrize("pattern", ["(", "y" * 2_000])
def test_a_schema_whose_pattern_cannot_be_searched_never_says_yes(pattern):
    part = {"pattern": pattern}
    for schema, value in (
        ({"not": part}, "yyyyyy"),
        ({"if": part, "then": {"maxLength": 3}}, "yyyyyy"),
        ({"oneOf": [part, {"type": "string"}]}, "yyyyyy"),
        ({"not": {"contains": part}}, ["yyyyyy"]),
        ({"items": {"not": part}}, ["yyyyyy"]),
    ):
        assert judge(json.dumps(value), spec("is-json", schema=schema)).outcome == "error"


def test_a_pattern_too_long_is_told_before_a_model_is_asked():
    told = find_schema_problem(spec("is-json", schema={"properties": {"a": {"pattern": "y" * 2_000}}}))
    assert told is not None
    assert "2000 characters" in told
    data = {"const": {"pattern": "y" * 2_000}}
    assert find_schema_problem(spec("is-json", schema=data)) is None

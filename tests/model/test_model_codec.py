"""Records and responses survive their way through JSON; what is no record is refused by its key."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ftgate.model.codec import (
    decode_record,
    decode_response,
    dump_json,
    encode_record,
    encode_response,
    load_json,
)
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.response import Response, ToolCall, Usage
from pytest_ftgate.model.trial import TrialKey

# Any code point, lone surrogates and NUL included.
TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)
OPTIONAL_TEXTS = st.none() | TEXTS
COUNTS = st.integers(0, 10**9)
NUMBERS = st.none() | st.floats(allow_nan=False, allow_infinity=False)
OUTCOMES = st.sampled_from(["passed", "failed", "error", "ungraded"])
ENFORCED = st.sampled_from([None, "enforced", "unsupported", "unverified"])
USAGES = st.none() | st.builds(
    Usage, prompt_tokens=COUNTS, completion_tokens=COUNTS, cached_tokens=COUNTS, reasoning_tokens=COUNTS
)
TOOL_CALLS = st.lists(st.builds(ToolCall, name=TEXTS, arguments=TEXTS, id=OPTIONAL_TEXTS), max_size=2).map(
    tuple
)
LISTS = st.lists(TEXTS, max_size=3).map(tuple)
GRADES = st.builds(
    Grade, grader=TEXTS, outcome=OUTCOMES, signature=OPTIONAL_TEXTS, reason=TEXTS, secondary=LISTS,
    is_format=st.booleans(), expected_label=OPTIONAL_TEXTS, predicted=OPTIONAL_TEXTS,
    fields=st.dictionaries(TEXTS, st.booleans(), max_size=2),
)  # fmt: skip
KEYS = st.builds(TrialKey, evalset=TEXTS, case=TEXTS, arm=TEXTS, role=TEXTS, repeat=st.integers(1, 99))
RECORDS = st.builds(
    Record, key=KEYS, outcome=OUTCOMES, signature=OPTIONAL_TEXTS, secondary=LISTS,
    grades=st.lists(GRADES, max_size=2).map(tuple), output=OPTIONAL_TEXTS, tool_calls=TOOL_CALLS,
    finish_reason=OPTIONAL_TEXTS, usage=USAGES, latency_s=NUMBERS, cost_usd=NUMBERS, model=OPTIONAL_TEXTS,
    system_fingerprint=OPTIONAL_TEXTS, cached=st.booleans(), answered_at=OPTIONAL_TEXTS, attempts=COUNTS,
    turns=COUNTS, request_hash=TEXTS, tied_to_prompt=st.booleans(), schema_enforced=ENFORCED, flags=LISTS,
    error=OPTIONAL_TEXTS,
)  # fmt: skip
RESPONSES = st.builds(
    Response, text=OPTIONAL_TEXTS, tool_calls=TOOL_CALLS, finish_reason=OPTIONAL_TEXTS, usage=USAGES,
    latency_s=NUMBERS, cost_usd=NUMBERS, model=OPTIONAL_TEXTS, system_fingerprint=OPTIONAL_TEXTS,
    cached=st.booleans(), answered_at=OPTIONAL_TEXTS, attempts=COUNTS, turns=COUNTS, schema_enforced=ENFORCED,
    tied_to_prompt=st.booleans(),
)  # fmt: skip

RECORD = Record(
    key=TrialKey(evalset="tickets", case="tk-1", arm="as_is", role="candidate", repeat=1),
    outcome="failed",
    signature="label:confusion:a→b",
    grades=(Grade(grader="label", outcome="failed", signature="label:confusion:a→b", reason="x"),),
    output="b",
    usage=Usage(prompt_tokens=5),
    latency_s=0.5,
    request_hash="0" * 64,
)


@given(RECORDS)
def test_records_survive_a_file(record):
    written = dump_json(encode_record(record)).encode("utf-8")
    assert decode_record(load_json(written.decode("utf-8"))) == record


@given(RESPONSES)
def test_responses_survive_a_store(response):
    written = dump_json(encode_response(response)).encode("utf-8")
    assert decode_response(load_json(written.decode("utf-8"))) == response


def test_a_line_has_the_published_keys():
    line = encode_record(RECORD)
    assert list(line) == [
        "evalset", "case", "arm", "role", "repeat", "outcome", "signature", "grades", "output", "tool_calls",
        "finish_reason", "usage", "latency_s", "cost_usd", "model", "cached", "attempts", "request_hash",
    ]  # fmt: skip
    assert line["grades"] == [
        {"grader": "label", "outcome": "failed", "signature": "label:confusion:a→b", "reason": "x"}
    ]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_nan_is_never_written(bad):
    line = encode_record(replace(RECORD, latency_s=bad, cost_usd=bad))
    assert (line["latency_s"], line["cost_usd"]) == (None, None)
    assert decode_response(encode_response(Response(text="x", latency_s=bad))).latency_s is None
    with pytest.raises(ValueError, match="JSON"):
        dump_json([bad])


def test_text_beyond_ascii_is_written_as_it_is_and_lone_surrogates_as_escapes():
    assert dump_json("é→") == '"é→"'
    assert dump_json("é\ud800") == '"\\u00e9\\ud800"'
    assert load_json(dump_json("é\ud800")) == "é\ud800"


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "-Infinity", '{"a":NaN}', "", "{", "[" * 100_000])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        load_json(text)


def test_endless_nesting_cannot_be_written():
    value: list = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ValueError, match="deep"):
        dump_json(value)
    while value:  # taken apart by hand: the interpreter would recurse
        value = value.pop()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"case": None}, "case: must be text, not None"),
        ({"case": 5}, "case: must be text, not 5"),
        ({"repeat": 0}, "repeat: must be a whole number, 1 or more"),
        ({"repeat": True}, "repeat"),
        ({"repeat": 1.0}, "repeat"),
        ({"outcome": "ok"}, "outcome: must be one of error, failed, passed, ungraded, not 'ok'"),
        ({"outcome": ["passed"]}, "outcome"),
        ({"signature": 7}, "signature"),
        ({"grades": {}}, "grades: must be a list of objects"),
        ({"grades": [1]}, "grades/0: must be an object"),
        ({"grades": [{"grader": "x"}]}, "grades/0/outcome: is missing"),
        ({"grades": [{"grader": "x", "outcome": "passed", "fields": {"a": 1}}]}, "grades/0/fields"),
        ({"tool_calls": [{"name": "x"}]}, "tool_calls/0/arguments"),
        ({"usage": []}, "usage"),
        ({"usage": {"prompt_tokens": -1}}, "usage/prompt_tokens"),
        ({"latency_s": "1"}, "latency_s"),
        ({"latency_s": True}, "latency_s"),
        ({"latency_s": 10**400}, "latency_s"),
        ({"latency_s": float("nan")}, "latency_s"),
        ({"cached": 1}, "cached"),
        ({"flags": "x"}, "flags"),
        ({"flags": [1]}, "flags"),
        ({"secondary": {}}, "secondary"),
        ({"schema_enforced": "maybe"}, "schema_enforced"),
        ({"tied_to_prompt": None}, "tied_to_prompt"),
    ],
)
def test_wrong_values_are_refused_by_key(changes, message):
    with pytest.raises(ValueError, match=r".+") as caught:
        decode_record({**encode_record(RECORD), **changes})
    assert message in str(caught.value)


@pytest.mark.parametrize("key", ["evalset", "case", "arm", "role", "repeat", "outcome"])
def test_missing_keys_are_named(key):
    line = encode_record(RECORD)
    del line[key]
    with pytest.raises(ValueError, match=f"^{key}: is missing"):
        decode_record(line)


def test_unknown_keys_are_ignored_and_whole_numbers_taken_as_seconds():
    line = {**encode_record(RECORD), "later": {"x": [1]}, "latency_s": 2}
    assert decode_record(line) == replace(RECORD, latency_s=2.0)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | TEXTS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
        max_leaves=8,
    )
)
def test_any_json_for_any_key_is_decoded_or_refused_with_a_value_error(value):
    base = encode_record(RECORD)
    for key in base:
        try:
            decode_record({**base, key: value})
        except ValueError as error:
            assert key in str(error)  # noqa: PT017 - most values are refused, not all


def test_one_record_costs_little():
    line = dump_json(encode_record(RECORD))
    best = min(_time(line) for _ in range(5))
    assert best < 300e-6, "a record must cost some 30 us; ten times that is a defect, not a slow machine"


def _time(line: str) -> float:
    start = time.perf_counter()
    for _ in range(200):
        dump_json(encode_record(decode_record(json.loads(line))))
    return (time.perf_counter() - start) / 200

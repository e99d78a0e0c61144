"""Option `transform`: what it leaves of an answer, and that nothing known of the answer is lost by it."""

from __future__ import annotations

import json

import pytest
from grading_world import JSON_VALUES, judge, spec, verdict
from hypothesis import given
from hypothesis import strategies as st

NAMES = ["strip_think", "strip_fence", "extract_json", "lower", "strip"]
CUT = '{"a": 1, "b": "hel'


@pytest.mark.parametrize(
    "text",
    [
        '{"total": 12',
        '{"total": 12, "items": [',
        '{"total": 12,}',
        "{'total': 12}",
        '{"total": 12} {"total": 13}',
        '{"total": NaN}',
        'Sorry: {"total": 12',
        '```json\n{"total": 12,}\n```',
        "I like {curly} braces",
    ],
)
def test_json_that_is_not_strict_where_it_stands_is_not_extracted(text):
    plain, extracting = spec("is-json"), spec("is-json", transform="extract_json")
    assert judge(text, extracting).outcome == "failed"
    assert judge(text, extracting).signature == judge(text, plain).signature
    fields = spec("json-fields", transform="extract_json")
    assert judge(text, fields, expected={"total": 12}).outcome == "failed"


@pytest.mark.parametrize(
    "text",
    [
        '```json\n{"total": 12}\n```',
        'Here: ```json\n{"total": 12}\n``` as you wished',
        '`{"total": 12}`',
        'The total [1] is {"total": 12}.',
    ],
)
def test_strict_json_is_taken_out_of_fence_and_prose(text):
    fields = spec("json-fields", transform="extract_json")
    assert judge(text, fields, expected={"total": 12}).outcome == "passed"
    assert judge(text, spec("is-json")).outcome == "failed"


@given(
    JSON_VALUES.filter(lambda value: isinstance(value, dict) and value), st.sampled_from(["```\n", "So:\n"])
)
def test_what_is_extracted_is_the_document_or_the_text(value, before):
    try:
        document, is_strict = json.dumps(value, allow_nan=False), True
    except ValueError:
        document, is_strict = json.dumps(value), False
    record = judge(before + document, spec("equals", value, transform="extract_json"))
    assert (record.outcome == "passed") == is_strict


def test_the_arm_that_repairs_extracts_what_it_recovers():
    text = 'Here: {"total": 12,}'
    for name in ("json-fields", "equals"):
        grader = spec(name, {"total": 12}, transform="extract_json")
        assert judge(text, grader, tolerant=True).outcome == "passed"
        assert judge(text, grader).outcome == "failed"


@pytest.mark.parametrize("transform", NAMES)
@pytest.mark.parametrize("text", [CUT, f"\n {CUT}", f"<think>hm</think>{CUT}"])
def test_a_cut_answer_is_seen_through_any_transform(transform, text):
    assert verdict(judge(text, spec("is-json", transform=transform))) == "call:truncated"
    fields = spec("json-fields", transform=transform)
    assert verdict(judge(text, fields, expected={"a": 1})) == "call:truncated"


def test_flags_are_of_what_the_graders_read():
    assert judge(' {"a": 1, "a": 2}', spec("is-json", transform="strip")).flags == ("duplicate_keys",)
    record = judge('See {"a": 1, "a": 2}', spec("is-json", transform="extract_json"))
    assert (record.outcome, record.flags) == ("passed", ("duplicate_keys",))
    assert judge(' {"a": 1,}', spec("is-json", transform="strip")).flags == ("recovered",)
    assert judge(" curly", spec("is-json", transform="strip")).flags == ("not_recovered",)


def test_reasoning_is_split_off_once():
    text = "<think>x</think> Write </think> to end "
    assert judge(text, spec("equals", "Write </think> to end", transform="strip")).outcome == "passed"
    assert judge(text, spec("equals", "to end", transform="strip")).outcome == "failed"


def test_a_place_says_of_which_text_it_is():
    def reason(**options):
        return judge('\n\n{"a": 1,}', spec("is-json", **options)).grades[0].reason

    assert "trailing comma at 3:8;" in reason()
    assert "trailing comma at 1:8 of the transformed text;" in reason(transform="strip")
    assert reason(transform="strip_fence") == reason()

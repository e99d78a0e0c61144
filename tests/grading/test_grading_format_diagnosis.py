"""Every defect of a JSON answer is named with its place, and a cut answer is told from a broken one."""

from __future__ import annotations

import json

import pytest
from grading_world import JSON_VALUES, judge, read_rows, spec
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_ftgate.model.response import Usage


def diagnose(text, **response):
    record = judge(text, spec("is-json"), **{"finish_reason": "stop", **response})
    return record.signature, record.grades[0].reason, record.flags


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('```json\n{"a": 1}\n```', "fenced at 1:1"),
        ('\n  ```json\n{"a": 1}\n```', "fenced at 2:3"),
        ('Sure:\n```json\n{"a": 1}\n```\nDone.', "fenced at 2:1, prose before at 1:1, prose after at 5:1"),
        ('\n Here: {"a": 1}', "prose before at 2:2"),
        ('{"a": 1}\n\n  as asked', "prose after at 3:3"),
        ('{"a": 1}\n{"a": 2}', "two documents at 2:1"),
        ('{"a": 1,\n "b": True}', "python literal at 2:7"),
        ('{"a": ("x", 1)}', "python literal at 1:7"),
        ("None", "python literal at 1:1"),
        ('{\n  "a": 1,\n  "b": [1, 2],\n}', "trailing comma at 3:14"),
        ("[\n'a', 'b']", "single quotes at 2:1"),
        ('{"a": 1,\n\tb: 2}', "unquoted key at 2:2"),
        ('{"a": [1, {"b": 2]}', "unclosed at 1:11"),
        ('{"a": 1, "b": {"c": 2', "unclosed at 1:15"),
        ('{"a": [{"b": 2}}, "c": 3}', "unclosed at 1:7"),
        ('{"a": 1, "b": "cut he', "unclosed at 1:15"),
        ('[1, NaN, "x", -Infinity]', "nan at 1:5"),
        ("-Infinity", "nan at 1:1"),
        ("  hello", "not json at 1:3 (Expecting value)"),
        ("[" * 200 + "]" * 200, "too deep at 1:129"),
        ('<think>hm\n</think>\n[1,]', "trailing comma at 3:3"),
        ("\ufeff[1,]", "trailing comma at 1:4"),
        ('"café 🎉": [1,]', "prose before at 1:1, trailing comma at 1:13"),
    ],
)  # fmt: skip
def test_each_kind_is_named_with_the_place_of_its_first_defect(text, named):
    signature, reason, _ = diagnose(text)
    assert reason.startswith(f"not one JSON document: {named}"), reason
    assert signature == "format:" + named.partition(" at ")[0].replace(" ", "_")


@pytest.mark.parametrize(
    ("text", "signature", "reason"),
    [
        ("{}", "format:schema_echo", "schema echo at 1:1: "),
        ("\n {}", "format:schema_echo", "schema echo at 2:2: "),
        ("<think>a\n</think>{}", "format:schema_echo", "schema echo at 2:9: "),
        ("Here: {}", "format:prose_before", "not one JSON document: prose before at 1:1; "),
    ],
)
def test_a_schema_in_place_of_a_value_has_its_place(text, signature, reason):
    schema = {"type": "object", "required": ["a"]}
    record = judge(text.replace("{}", json.dumps(schema)), spec("is-json", schema=schema))
    assert record.signature == signature
    assert record.grades[0].reason.startswith(reason)


@pytest.mark.parametrize(
    ("text", "is_recovered"),
    [
        ("[1,]", True),
        ('x {"a": 1}', True),
        ("None", True),
        ('{"a" 1 "b" 2}', True),
        ("hello", False),
        ("{...}", False),
        ("[" * 200 + "]" * 200, False),
        ("[" * 200, False),
    ],
)
def test_the_reason_and_the_flags_say_whether_a_value_was_recovered(text, is_recovered):
    _, reason, flags = diagnose(text)
    assert reason.endswith("; recovered" if is_recovered else "; not recovered")
    assert flags == (("recovered",) if is_recovered else ("not_recovered",))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [{"b": 2}}, "c": 3}', {"a": [{"b": 2}], "c": 3}),
        ('{"a": [1}, "b": [2}, "c": 3}', {"a": [1], "b": [2], "c": 3}),
        ('[{"a": [1}, {"b": 2}]', [{"a": [1]}, {"b": 2}]),
        ('{"a": {"b": [1}, "c": 2}', {"a": {"b": [1]}, "c": 2}),
    ],
)
def test_a_list_that_a_brace_closes_costs_nothing_of_what_follows(text, value):
    # SmolLM2 closes so in 10 of 24 answers: `"items": [{"product": "lamps"}}, "priority": "low"}`.
    assert diagnose(text)[0] == "format:unclosed"
    assert judge(text, spec("json-fields"), expected=value, tolerant=True).outcome == "passed"


def test_flags_of_recovery_are_for_failures_of_json_alone():
    assert diagnose('{"a": 1}') == (None, "", ())
    assert judge("[1,]", spec("is-json"), tolerant=True).flags == ()
    assert judge('{"a": 1}', spec("is-json", schema={"required": ["b"]})).flags == ()
    assert judge("Sure: [1]", spec("no-extra-text")).flags == ("recovered",)
    assert "prose before at 1:1" in judge("Sure: [1]", spec("no-extra-text")).grades[0].reason
    assert judge("x or y", spec("label", labels=["x"]), expected="x").flags == ()


CUT = [
    '{"a": "cut he',
    '{"a": "',
    '{"a": "x\\',
    '{"a": 12',
    '{"a": 1, "b": tru',
    '{"a": 1,',
    '{"a": 1,\n  ',
    '{"a": 1, "b":',
    '{"items": [',
    '{"a": 1, "b',
    "[1, 2, -",
    "<think>so</think>[1, 2",
]
STOPPED = [
    '{"a": 1, "b": [1]',
    '{"a": "whole"',
    '{"a": 1\n',
    '[{"a": 1}',
    '"a bare text that',
    "hello",
]


@pytest.mark.parametrize("text", CUT)
def test_an_imported_answer_that_ends_in_the_middle_was_cut(text):
    record = judge(text, spec("is-json"))
    assert (record.signature, record.secondary, record.flags) == ("call:truncated", (), ())
    assert judge(text, spec("json-fields"), expected={"a": 1}).signature == "call:truncated"
    for known in ({"finish_reason": "stop"}, {"usage": Usage(completion_tokens=9)}):
        record = judge(text, spec("is-json"), **known)
        assert record.signature == "format:unclosed"
        assert len(record.flags) == 1


@pytest.mark.parametrize("text", STOPPED)
def test_an_answer_that_ends_after_a_whole_value_was_not_cut(text):
    assert judge(text, spec("is-json")).signature in ("format:unclosed", "format:not_json")


@pytest.mark.parametrize(
    "text", ['Here: {"a": "cut', "{'a': 'cut", '{a: "cut', '[1, NaN, "cut', '[{"a": 1], "cut']
)
def test_what_is_broken_too_is_not_only_cut(text):
    assert judge(text, spec("is-json")).signature.startswith("format:")


def test_a_cut_answer_that_only_a_text_grader_reads_is_judged_as_text():
    assert judge('{"a": "cut', spec("contains", "zzz")).signature == "value:text"


@given(JSON_VALUES, st.integers(1, 8))
@settings(max_examples=100, deadline=None)
def test_a_document_cut_anywhere_is_unclosed_or_truncated(value, lost):
    text = json.dumps({"key": value, "end": [1, "x"]}, indent=1)
    if "NaN" in text or "Infinity" in text:
        return
    for cut in (text[:-lost], text[: max(1, len(text) - lost * 7)]):
        signature = judge(cut, spec("is-json")).signature
        assert signature in ("format:unclosed", "call:truncated")
        assert judge(cut, spec("is-json"), finish_reason="stop").signature == "format:unclosed"


@given(st.text(alphabet="{}[]()\"':, \n`aT1\\", max_size=60))
@settings(max_examples=200, deadline=None)
def test_a_place_is_always_inside_the_answer(text):
    record = judge(text, spec("is-json"), finish_reason="stop")
    grade = record.grades[0]
    if not (record.signature or "").startswith("format:"):
        return
    places = [part.rpartition(" at ")[2].split(" ")[0] for part in grade.reason.split("; ")[0].split(", ")]
    lines = text.split("\n")
    for place in places:
        line, _, column = place.partition(":")
        if line.isdigit() and column.isdigit():
            assert 1 <= int(line) <= len(lines)
            assert 1 <= int(column) <= len(lines[int(line) - 1]) + 1


def test_every_recorded_failure_has_a_place():
    count = 0
    for row in read_rows("json_outputs.jsonl"):
        record = judge(row["output"], spec("is-json", schema=row["schema"]))
        if row["label"] != "valid":
            assert " at " in record.grades[0].reason
            assert record.flags == ("recovered",)
            count += 1
    assert count == 112

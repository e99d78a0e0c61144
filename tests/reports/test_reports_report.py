"""report.json and records.jsonl keep to their schemas, whatever is in them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from decision_world import LOW, build_evalset, build_rate, build_summary, justified, worlds
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from report_world import HOSTILE, hostile_report, load_schema, planned_report, report_of, world_report

from pytest_ftgate.model.codec import encode_record
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.response import ToolCall, Usage
from pytest_ftgate.model.trial import TrialKey
from pytest_ftgate.registry import Registry
from pytest_ftgate.reports.builtin import register
from pytest_ftgate.reports.report import MAX_TEXT, make_json_safe

REPORT = Draft202012Validator(load_schema("report.schema.json"))
RECORD = Draft202012Validator(load_schema("record.schema.json"))


@pytest.mark.parametrize("name", ["report.schema.json", "record.schema.json"])
def test_the_schemas_are_schemas_with_a_version(name):
    schema = load_schema(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"].endswith(":1")


@pytest.mark.parametrize("name", list(worlds()))
def test_the_report_of_each_world_keeps_to_the_schema(name):
    REPORT.validate(world_report(name))


def test_plan_and_hostile_texts_keep_to_the_schema():
    for report in (planned_report(), hostile_report()):
        REPORT.validate(report)
        json.dumps(report, ensure_ascii=False, allow_nan=False).encode("utf-8")


def test_the_schema_refuses_what_is_not_in_it():
    report = world_report("bar_met")
    for change in ({"decision": "maybe"}, {"p": 2}, {"extra": 1}):
        broken = json.loads(json.dumps(report))
        broken["evalsets"][0]["verdict"].update(change)
        assert not REPORT.is_valid(broken)


def test_the_published_keys_are_there():
    entry = planned_report()["evalsets"][0]
    assert {"name", "path", "bar", "settings_hash", "stop", "verdict", "gates", "arms", "patterns",
            "comparisons", "findings", "confusion", "fields", "tags"} <= set(entry)  # fmt: skip
    assert {"decision", "also", "reason", "recommended_arm", "leans_to", "cases_needed", "missing_arms",
            "waived", "p", "m_arms", "closest_condition", "plan"} <= set(entry["verdict"])  # fmt: skip
    assert {"arm", "role", "question", "status", "accuracy", "format_failures", "pass_hat_k", "tokens",
            "identical_repeats", "cost_usd", "latency_p50_s", "latency_p95_s", "schema_enforced",
            "draws"} <= set(entry["arms"][0])  # fmt: skip
    assert {"value", "low", "high", "passed", "graded", "errors", "planned"} <= set(
        entry["arms"][0]["accuracy"]
    )
    assert "failed" in entry["arms"][0]["format_failures"]
    assert {"signature", "kind", "level", "trials", "cases", "arms", "rate", "recurrence", "form", "share",
            "reproducible", "specific", "examples", "hint"} <= set(entry["patterns"][0])  # fmt: skip


def test_numbers_are_those_of_the_summary():
    entry = world_report("fine_tune_justified")["evalsets"][0]
    arm = entry["arms"][0]
    assert (arm["accuracy"]["value"], arm["accuracy"]["passed"], arm["accuracy"]["graded"]) == (
        0.612,
        367,
        600,
    )
    assert (arm["cost_usd_per_1k_cases"], arm["tokens"]) == (0.41, {"prompt": 60_000, "completion": 6_000})
    assert entry["patterns"][0]["arms"] == ["as_is", "few_shot", "structured", "context"]
    assert entry["verdict"]["decision"] == "fine_tune_justified"
    assert [g["outcome"] for g in entry["gates"]] == ["passed", "xfailed"]


def test_no_format_grader_gives_null_never_zero():
    arms = tuple(replace(arm, format_failures=None) for arm in LOW)
    assert (
        report_of(build_evalset(), build_summary(*arms))["evalsets"][0]["arms"][0]["format_failures"] is None
    )


def test_nan_becomes_null():
    arm = replace(
        LOW[0],
        icc=float("nan"),
        latency_p95_s=float("inf"),
        accuracy=replace(build_rate(0.6), value=float("nan")),
    )
    entry = report_of(build_evalset(), replace(justified(), arms=(arm, *LOW[1:])))["evalsets"][0]
    assert (entry["arms"][0]["icc"], entry["arms"][0]["latency_p95_s"]) == (None, None)
    assert entry["arms"][0]["accuracy"]["value"] is None


def test_huge_outputs_are_cut():
    report = hostile_report()
    pattern = justified().patterns.patterns[0]
    huge = replace(pattern, examples=(replace(pattern.examples[0], output="x" * 10_000_000),))
    summary = replace(justified(), patterns=replace(justified().patterns, patterns=(huge,)))
    output = report_of(build_evalset(), summary)["evalsets"][0]["patterns"][0]["examples"][0]["output"]
    assert len(output) < MAX_TEXT + 50
    assert output.endswith("(9,996,000 more characters)")
    assert report["evalsets"][0]["patterns"][0]["examples"][0]["output"].startswith("\x1b[31mred")


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(st.characters(exclude_categories=())),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3) | st.tuples(inner)
        ),
        max_leaves=10,
    )
)
def test_anything_becomes_json(value):
    json.dumps(make_json_safe(value), ensure_ascii=False, allow_nan=False).encode("utf-8")


def test_what_is_no_json_is_refused():
    with pytest.raises(TypeError, match="object is not JSON"):
        make_json_safe({"a": [object()]})


def test_records_keep_to_the_schema():
    key = TrialKey(evalset="t", case="c", arm="as_is", role="candidate", repeat=1)
    full = Record(
        key=key,
        outcome="failed",
        signature="format:fenced",
        secondary=("schema:required:/a",),
        grades=(
            Grade(grader="is-json", outcome="failed", signature="format:fenced", reason=HOSTILE,
                  is_format=True, secondary=("x",), expected_label="a", predicted="b", fields={"/a": False}),
        ),
        output=HOSTILE,
        tool_calls=(ToolCall(name="f", arguments="{", id="1"), ToolCall(name="g", arguments="")),
        finish_reason="stop",
        usage=Usage(prompt_tokens=1, completion_tokens=2, cached_tokens=3, reasoning_tokens=4),
        latency_s=0.1,
        cost_usd=0.0,
        paid_usd=0.0,
        model="m",
        system_fingerprint="fp",
        cached=True,
        answered_at="2026-01-01T00:00:00Z",
        attempts=2,
        turns=2,
        serving_cost_usd=0.1,
        serving_attempts=1,
        request_hash="0" * 64,
        tied_to_prompt=False,
        schema_enforced="unverified",
        flags=("truncated",),
        error="x",
    )  # fmt: skip
    for record in (full, Record(key=key, outcome="passed")):
        RECORD.validate(encode_record(record))
    assert set(encode_record(full)) == set(RECORD.schema["properties"])
    assert not RECORD.is_valid({**encode_record(full), "outcome": "ok"})


def test_reporters_write_where_they_are_told(tmp_path):
    registry = Registry("reporter")
    register(registry)
    assert registry.names() == ("json", "markdown", "records")
    records = tmp_path / "records.jsonl"
    records.write_bytes(b'{"a": "\xc3\xa9"}\n')
    report = hostile_report()
    for kind in registry.names():
        target = tmp_path / "new" / "folder" / kind
        registry.get(kind).write(report, records, target)
    assert json.loads((tmp_path / "new/folder/json").read_text(encoding="utf-8")) == report
    assert (tmp_path / "new/folder/records").read_bytes() == records.read_bytes()
    assert (tmp_path / "new/folder/markdown").read_text(encoding="utf-8").startswith("# ftgate")
    registry.get("records").write(report, records, records)
    assert len(list((tmp_path / "new/folder").iterdir())) == 3


def test_a_report_that_cannot_be_written_says_where(tmp_path):
    from pytest_ftgate.errors import StorageError

    registry = Registry("reporter")
    register(registry)
    (tmp_path / "file").write_text("x")
    for kind in registry.names():
        with pytest.raises(StorageError, match="--ftgate-report"):
            registry.get(kind).write(world_report("bar_met"), tmp_path / "none", tmp_path / "file" / "x")

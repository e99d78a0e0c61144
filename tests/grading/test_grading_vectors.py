"""Test vectors of promptfoo, autoevals, the JSON test suites and other projects: our graders agree."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from grading_world import judge, read_rows, spec

from pytest_ftgate.model.response import ToolCall

ROWS = read_rows("grader_vectors.jsonl")
DISAGREEING = {
    "g0105": "its expected text is a template, and the row leaves out the variable that it is rendered with",
}
"""Rows that cannot agree as they stand, and why."""

TEXT_GRADERS = {
    "json_valid": "is-json",
    "json_schema": "is-json",
    "json_extract": "contains-json",
    "json_equal": "equals",
    "exact": "equals",
    "contains": "contains",
    "icontains": "icontains",
    "starts_with": "starts-with",
    "label": "label",
    "levenshtein_distance_max": "levenshtein",
    "levenshtein_similarity": "levenshtein",
}
DRAFT_7 = "http://json-schema.org/draft-07/schema#"


def judge_row(row):
    """The grade that our grader gives for a row."""
    if row["grader"] == "tool_call_schema":
        calls = tuple(ToolCall(**call["function"]) for call in row["output"])
        grader = spec("is-valid-openai-tools-call")
        return judge(None, grader, tools=row["params"]["tools"], calls=calls).grades[0]
    if row["grader"] == "cost_max":
        grader = spec("cost", threshold=row["params"]["threshold"])
        return judge("some answer", grader, cost_usd=row["output"]["cost"]).grades[0]
    return judge(row["output"], make_spec(row)).grades[0]


def make_spec(row):
    """Our grader with the row's parameters; an expected JSON text is given as the value it stands for."""
    params, expected = row["params"], row["expected"]
    name = TEXT_GRADERS[row["grader"]]
    options = {key: params[key] for key in ("schema", "labels", "threshold") if key in params}
    if params.get("containers_only"):
        options["schema"] = {"type": ["object", "array"]}
    if params.get("draft") == "draft7" and isinstance(options["schema"], dict):
        options["schema"] = {"$schema": DRAFT_7, **options["schema"]}
    if row["grader"] == "levenshtein_similarity":
        options["min_similarity"] = 0.5
    if row["grader"] == "json_equal":
        expected = json.loads(expected)
    if row["grader"] == "json_extract":
        # Which value was found is read below; the grader itself only wants one to be there.
        expected = None
    value = () if expected is None else (expected,)
    return spec(f"not-{name}" if params.get("negate") else name, *value, **options)


def agrees(row):
    """Whether outcome and, where the row has one, score are as the row says."""
    grade = judge_row(row)
    assert grade.outcome in ("passed", "failed"), grade.reason
    is_same = row["pass"] is None or (grade.outcome == "passed") == row["pass"]
    if "score" not in row:
        return is_same
    score = float(grade.outcome == "passed") if grade.score is None else grade.score
    return is_same and score == pytest.approx(row["score"])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_the_vectors_agree_but_for_those_listed(row):
    assert agrees(row) == (row["id"] not in DISAGREEING), DISAGREEING.get(row["id"])


def test_all_rows_are_there_and_the_list_is_short():
    assert len(ROWS) == len({row["id"] for row in ROWS}) == 148
    assert {row["id"] for row in ROWS} >= DISAGREEING.keys()
    assert len(DISAGREEING) <= 3
    kinds = Counter(row["grader"] for row in ROWS)
    assert kinds["json_valid"] == 93
    assert kinds["json_schema"] == 31
    assert kinds.keys() == {*TEXT_GRADERS, "tool_call_schema", "cost_max"}


def test_the_template_row_agrees_once_rendered():
    row = next(row for row in ROWS if row["id"] == "g0105")
    assert row["expected"] == "{{ foo }}"
    assert agrees({**row, "expected": "Expected output"})


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row["grader"] == "json_extract" and row["pass"]], ids=lambda row: row["id"]
)
def test_what_is_extracted_is_what_the_row_expects(row):
    grader = spec("equals", row["expected"], transform="extract_json")
    assert judge(row["output"], grader).outcome == "passed"

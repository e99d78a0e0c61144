"""Rules for single fields of `json-fields`, and dates written differently."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from grading_world import judge, parts, spec, verdict
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pytest_ftgate.grading.field_rules import OPTIONS
from pytest_ftgate.grading.written_dates import find_form_problem, is_same_date, read_date

EXPECTED = {
    "id": "Ab-1",
    "total": 100,
    "name": "Ann Lee",
    "tags": ["x", "y"],
    "due": "2026-01-02",
    "notes": "any",
    "items": [{"sku": "a", "qty": 2}, {"sku": "b", "qty": 4}],
}


ITEM = {"sku": "b", "qty": 5}


def judge_fields(fields, expected=None, **changed):
    grader = spec("json-fields", fields=fields)
    answer = {**EXPECTED, **changed}
    return judge(json.dumps(answer), grader, expected=expected or EXPECTED)


@pytest.mark.parametrize(
    ("fields", "changed", "signature"),
    [
        ({}, {"notes": "other"}, "value:/notes"),
        ({"notes": "ignore"}, {"notes": 7}, "passed"),
        ({"name": "case_insensitive"}, {"name": "ANN  lee"}, "passed"),
        ({"id": "case_insensitive"}, {"name": "ANN LEE"}, "value:/name"),
        ({"tags": "set"}, {"tags": ["y", "x", "y"]}, "passed"),
        ({"/tags": "set"}, {"tags": ["y", "z"]}, "value:/tags"),
        ({"tags": "set"}, {"tags": "x"}, "schema:type:/tags:string"),
        ({"total": {"tolerance": 0.5}}, {"total": 100.5}, "passed"),
        ({"total": {"tolerance": 0.5}}, {"total": 100.6}, "value:/total"),
        ({"total": {"relative_tolerance": 0.02}}, {"total": 98}, "passed"),
        ({"total": {"relative_tolerance": 0.02}}, {"total": 97.9}, "value:/total"),
        ({"total": {"tolerance": 1, "relative_tolerance": 0.02}}, {"total": 98}, "passed"),
        ({"total": {"tolerance": 1}}, {"total": "100"}, "schema:type:/total:string"),
        ({"/items/*/qty": {"tolerance": 1}}, {"items": [{"sku": "a", "qty": 3}, ITEM]}, "passed"),
        ({"qty": "ignore"}, {"items": [{"sku": "a"}, {"sku": "c"}]}, "value:/items/*/sku"),
        ({"due": "date"}, {"due": "January 2, 2026"}, "passed"),
        ({"due": "date"}, {"due": "2026-01-03"}, "value:/due"),
        ({"due": "date"}, {"due": "01/02/2026"}, "value:/due"),
        ({"due": "date"}, {"due": 20260102}, "schema:type:/due:integer"),
        ({"due": "date"}, {"due": None}, "value:/due"),
        ({"due": {"date": "%d.%m.%Y"}}, {"due": "02.01.2026"}, "passed"),
        ({"due": {"date": "%d.%m.%Y"}}, {"due": "2026-01-02"}, "value:/due"),
        ({"due": {"date": "%d.%m.%Y"}}, {"due": "x" * 100_000}, "value:/due"),
    ],
)  # fmt: skip
def test_a_field_is_compared_by_its_rule(fields, changed, signature):
    assert verdict(judge_fields(fields, **changed)) == signature


def test_a_rule_of_a_field_goes_before_the_options_for_all():
    wide = {"numeric_tolerance": 5, "case_insensitive": True, "sets": True, "ignore": ["notes"]}
    answer = json.dumps({**EXPECTED, "total": 104, "name": "ANN LEE", "tags": ["y", "x"], "notes": 1})
    assert judge(answer, spec("json-fields", **wide), expected=EXPECTED).outcome == "passed"
    fields = dict.fromkeys(("total", "name", "tags", "notes"), "exact")
    record = judge(answer, spec("json-fields", fields=fields, **wide), expected=EXPECTED)
    wrong = {field for field, is_right in record.grades[0].fields.items() if not is_right}
    assert wrong == {"/total", "/name", "/tags/*", "/notes"}


def test_a_pointer_goes_before_a_name_and_other_options_still_hold():
    fields = {"name": "ignore", "/name": "exact", "tags": "set"}
    assert verdict(judge_fields(fields, name="other")) == "value:/name"
    grader = spec("json-fields", fields={"tags": "set"}, case_insensitive=["tags"])
    assert judge(json.dumps({**EXPECTED, "tags": ["Y", "X"]}), grader, expected=EXPECTED).outcome == "passed"


def test_ignored_fields_are_in_no_table_of_fields():
    record = judge(
        "no json", spec("json-fields", fields={"notes": "ignore", "tags": "set"}), expected=EXPECTED
    )
    pointers = {"/id", "/total", "/name", "/tags", "/due", "/items/*/sku", "/items/*/qty"}
    assert record.grades[0].fields == dict.fromkeys(pointers, False)


def test_an_expected_value_that_is_no_date_is_the_evalsets_fault():
    record = judge_fields({"due": "date"}, expected={**EXPECTED, "due": "soon"})
    assert record.outcome == "error"
    assert '"soon"' in record.error


@pytest.mark.parametrize(
    ("rule", "is_valid"),
    [
        *((name, True) for name in ("exact", "ignore", "case_insensitive", "set", "date")),
        ({"tolerance": 0.01}, True),
        ({"relative_tolerance": 0.02}, True),
        ({"date": "%d.%m.%Y"}, True),
        ("sets", False),
        ({"tolerance": -1}, False),
        ({}, False),
        ({"date": ""}, False),
        (3, False),
    ],
)
def test_only_known_rules_are_accepted(rule, is_valid):
    assert Draft202012Validator(OPTIONS["fields"]).is_valid({"a": rule}) == is_valid


def test_a_form_that_is_none_is_reported_when_the_evalset_is_read():
    grader = parts().graders.get("json-fields")
    assert grader.problems(spec("json-fields", fields={"due": {"date": "%d.%m.%Y"}})) == ()
    (problem,) = grader.problems(spec("json-fields", fields={"due": {"date": "%d.%m"}}))
    assert "due" in problem
    for form in ("%", "%d%d", "no", "%H:%M", "\ud800"):
        assert find_form_problem(form)


DAY = date(2026, 1, 2)


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2026-01-02", DAY),
        ("20260102", DAY),
        ("2026-W01-5", DAY),
        ("2026/1/2", DAY),
        ("2026.01.02", DAY),
        ("2 January 2026", DAY),
        ("  January  2,\n2026 ", DAY),
        ("JAN. 2ND, 2026", DAY),
        ("Fri, 2 Jan 2026", DAY),
        ("2-Jan-2026", DAY),
        ("2nd of January 2026", DAY),
        ("2026-01-02T15:04:05", datetime(2026, 1, 2, 15, 4, 5)),
        ("2026-01-02 15:04Z", datetime(2026, 1, 2, 15, 4, tzinfo=UTC)),
        ("2026-01-02T15:04+01:00", datetime(2026, 1, 2, 15, 4, tzinfo=timezone(timedelta(hours=1)))),
        ("Fri, 02 Jan 2026 15:04:05 GMT", datetime(2026, 1, 2, 15, 4, 5, tzinfo=UTC)),
        ("January 2, 2026 at 3:04 pm", datetime(2026, 1, 2, 15, 4)),
        ("2 Jan 2026, 12:00 AM", datetime(2026, 1, 2)),
        ("01/02/2026", None),
        ("13/02/2026", None),
        ("31 February 2026", None),
        ("2 Foo 2026", None),
        ("2026-13-01", None),
        ("2 Jan 2026 25:00", None),
        ("2 Jan 2026 13:00 pm", None),
        ("2026", None),
        ("tomorrow", None),
        ("", None),
    ],
)
def test_dates_have_one_reading_or_none(text, when):
    found = read_date(text)
    assert found == when
    assert type(found) is type(when)


@pytest.mark.parametrize(
    ("got", "expected", "is_same"),
    [
        ("2026-01-02", "2 Jan 2026", True),
        ("2026-01-02T23:59:59Z", "2026-01-02", True),
        ("2026-01-02", "2026-01-02T10:00", False),
        ("2026-01-02T10:00:00", "2 January 2026 10:00", True),
        ("2026-01-02T10:00Z", "2026-01-02T11:00+01:00", True),
        ("2026-01-02T10:00Z", "2026-01-02T10:00+01:00", False),
        ("2026-01-02T10:00", "2026-01-02T10:00+01:00", True),
        ("2026-01-02T10:00:01", "2026-01-02T10:00", False),
    ],
)
def test_the_same_day_or_the_same_instant(got, expected, is_same):
    assert is_same_date(read_date(got), read_date(expected)) == is_same


@given(
    st.dates(), st.sampled_from(["%Y-%m-%d", "%d %B %Y", "%B %d, %Y", "%b %d %Y", "%Y/%m/%d", "%a, %d %b %Y"])
)
def test_every_day_is_read_back_from_every_form(day, form):
    text = day.strftime(form.replace("%Y", f"{day.year:04}"))
    assert read_date(text) == day


@given(st.text(max_size=80) | st.from_regex(r"[0-9]{1,2}[ -/.][A-Za-z0-9]{1,9}[ -/.,][0-9 :apmZ]{0,12}"))
@settings(max_examples=300)
def test_no_text_raises(text):
    for form in (None, "%d.%m.%Y", text[:20]):
        found = read_date(text, form)
        assert found is None or isinstance(found, date)
    find_form_problem(text)


@pytest.mark.parametrize(
    ("got", "expected", "options", "is_same"),
    [
        ([2, 1.001], [1, 2], {"numeric_tolerance": 0.1}, True),
        ([2, 1.2], [1, 2], {"numeric_tolerance": 0.1}, False),
        ([1.001, 0.999], [1], {"numeric_tolerance": 0.1}, True),
        ([1], [1, 2], {"numeric_tolerance": 0.1}, False),
        (["a", 2.05], [2, "a"], {"numeric_tolerance": 0.1}, True),
        (["b", 2.05], [2, "a"], {"numeric_tolerance": 0.1}, False),
        ([True], [1], {"numeric_tolerance": 0.1}, False),
        ([10**400, 1], [1, 10**400], {"numeric_tolerance": 0.1}, True),
        ([10**400], [1], {"numeric_tolerance": 0.1}, False),
        ([], [], {"numeric_tolerance": 0.1}, True),
        ([1.001], [1], {}, False),
    ],
)
def test_tolerances_hold_for_the_numbers_of_a_set(got, expected, options, is_same):
    grader = spec("json-fields", sets=["l"], **options)
    record = judge(json.dumps({"l": got}), grader, expected={"l": expected})
    assert (record.outcome == "passed") == is_same
    assert record.grades[0].fields == {"/l": is_same}


@given(st.lists(st.floats(-50, 50), max_size=8), st.lists(st.floats(-50, 50), max_size=8), st.floats(0.01, 5))
def test_a_set_with_a_tolerance_is_what_comparing_all_with_all_finds(got, expected, tolerance):
    def is_near(left, right):
        return left == right or abs(left - right) <= tolerance + 1e-12 * abs(right)

    is_same = all(any(is_near(x, y) for y in expected) for x in got) and all(
        any(is_near(x, y) for x in got) for y in expected
    )
    grader = spec("json-fields", sets=["l"], numeric_tolerance=tolerance)
    record = judge(json.dumps({"l": got}), grader, expected={"l": expected})
    assert (record.outcome == "passed") == is_same

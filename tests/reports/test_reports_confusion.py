"""Confusion matrix, rates by field and by tag: in the terminal and in Markdown, within 80 columns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from decision_world import LOW, build_evalset, build_rate, justified
from hypothesis import given
from hypothesis import strategies as st
from report_world import HOSTILE, report_of

from pytest_ftgate.reports.confusion import MAX_LABELS, build_matrix, list_confusions
from pytest_ftgate.reports.markdown import render_report
from pytest_ftgate.reports.tables import render_confusion, render_rates
from pytest_ftgate.reports.terminal import render_evalset

SMALL = {
    "card": {"card": 49, "refund": 20, "(none)": 6},
    "charge": {"charge": 147, "refund": 3},
    "refund": {"refund": 12},
}

MATRIX = """\
expected \\ got   1    2   3  4
--------------  --  ---  --  -
1 card          49    .  20  6
2 charge         .  147   3  .
3 refund         .    .  12  .
4 (none)
"""

MARKDOWN = """\
| expected \\\\ got | 1 | 2 | 3 | 4 |
| --- | --- | --- | --- | --- |
| 1. card | 49 | . | 20 | 6 |
| 2. charge | . | 147 | 3 | . |
| 3. refund | . | . | 12 | . |

4. (none)
"""


def report_with(**changes: Any) -> dict[str, Any]:
    return report_of(build_evalset(), replace(justified(), **changes))


def square(labels: int, count: int = 7) -> dict[str, dict[str, int]]:
    names = [f"a_rather_long_label_number_{i:02}" for i in range(labels)]
    return {name: dict.fromkeys(names, count) for name in names}


def test_few_labels_make_a_matrix() -> None:
    assert "\n".join(render_confusion(SMALL, 78)) + "\n" == MATRIX
    assert MARKDOWN in render_report(report_with(confusion=SMALL))
    text = "\n".join(render_evalset(report_with(confusion=SMALL)["evalsets"][0], verbosity=1))
    assert "\n  1 card          49    .  20  6\n" in text
    assert "1 card" not in "\n".join(render_evalset(report_with(confusion=SMALL)["evalsets"][0]))


def test_twelve_labels_of_hundreds_of_trials_fit_80_columns() -> None:
    lines = render_confusion(square(MAX_LABELS, 999), 78)
    assert lines[0].startswith(r"expected \ got")
    assert len(lines) == 2 + MAX_LABELS
    assert max(map(len, lines)) <= 78
    assert lines[-1].startswith("12 a_")


@pytest.mark.parametrize("confusion", [square(MAX_LABELS + 1), square(MAX_LABELS, 1_000_000)])
def test_what_makes_no_matrix_makes_a_list_of_the_commonest(confusion: dict[str, dict[str, int]]) -> None:
    confusion["a_rather_long_label_number_03"]["a_rather_long_label_number_07"] += 1
    lines = render_confusion(confusion, 78)
    assert lines[0].split() == ["expected", "got", "trials"]
    assert "label_number_03" in lines[2]
    assert "label_number_07" in lines[2]
    pairs = len(confusion) * (len(confusion) - 1)
    assert lines[-1] == f"... and {pairs - 15} more"
    if len(confusion) > MAX_LABELS:
        text = render_report(report_with(confusion=confusion))
        assert f"... and {pairs - 15} more" in text


def test_invented_labels_share_a_column_where_they_are_many() -> None:
    confusion = {"a": {"a": 5, **{f"new{i}": 2 for i in range(20)}}, "b": {"b": 3, "a": 1}}
    matrix = build_matrix(confusion)
    assert matrix is not None
    assert matrix.columns == ("1", "2", "else")
    assert matrix.rows == ((5, 0, 40), (1, 3, 0))


@pytest.mark.parametrize("confusion", [{}, {"a": {"a": 3}}, {"a": {"a": 3}, "b": {"b": 1}}])
def test_no_confusion_is_no_table(confusion: dict[str, dict[str, int]]) -> None:
    assert render_confusion(confusion, 78) == []
    report = report_with(confusion=confusion, tags={}, fields={})
    assert "Where it fails" not in render_report(report)


LABELS = st.text(st.characters(exclude_categories=()), max_size=120)
CONFUSIONS = st.dictionaries(LABELS, st.dictionaries(LABELS, st.integers(1, 10**9), max_size=5), max_size=16)


@given(CONFUSIONS)
def test_every_trial_is_in_the_matrix(confusion: dict[str, dict[str, int]]) -> None:
    matrix = build_matrix(confusion)
    if matrix is None:
        assert not list_confusions(confusion) or len(confusion) > MAX_LABELS
        return
    assert [sum(row) for row in matrix.rows] == [sum(row.values()) for row in confusion.values()]
    assert {len(row) for row in matrix.rows} == {len(matrix.columns)}
    for number, label in enumerate(confusion):
        assert matrix.rows[number][number] == confusion[label].get(label, 0)


@given(CONFUSIONS, st.integers(38, 100))
def test_hostile_labels_fit_and_are_visible(confusion: dict[str, dict[str, int]], width: int) -> None:
    for line in render_confusion(confusion, width):
        assert len(line) <= width
        assert line.isascii()
        assert line.isprintable()


@given(CONFUSIONS)
def test_hostile_labels_keep_the_columns_of_markdown(confusion: dict[str, dict[str, int]]) -> None:
    text = render_report(report_with(confusion=confusion))
    for block in text.split("\n\n"):
        if block.startswith("| expected"):
            bars = {line.replace("\\\\", "").replace("\\|", "").count("|") for line in block.split("\n")}
            assert len(bars) == 1


def test_fields_and_tags_stand_worst_first_and_are_capped() -> None:
    fields = {f"/items/*/f{i:02}": build_rate(1 - i / 100) for i in range(30)}
    tags = {"eu": LOW[0].accuracy, f"us{HOSTILE}": LOW[1].accuracy}
    entry = report_with(fields=fields)["evalsets"][0]
    lines = render_rates("field", entry["fields"], 78)
    assert "/items/*/f29" in lines[2]
    assert "71.0 %" in lines[2]
    assert lines[-1] == "... and 10 more"
    assert "/items/*/f09" not in "\n".join(lines)
    text = render_report(report_with(fields=fields, tags=tags))
    assert text.index("/items/\\*/f29") < text.index("/items/\\*/f28")
    assert "| eu | 61.2 % | 55.2 .. 67.2 | 600 |" in text
    assert "... and 10 more" in text
    assert text.index("| tag |") < text.index("| field |")
    long = "\n".join(render_evalset(report_with(fields=fields, tags=tags)["evalsets"][0], verbosity=1))
    assert "/items/*/f29" in long
    assert "... and 10 more" in long

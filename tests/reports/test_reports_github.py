"""What GitHub is told: below its limits, verdicts first, in commands that hold nothing but their text."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_world import hostile_report, world_report

from pytest_ftgate.reports.github_text import (
    MAX_COMMENT,
    MAX_SUMMARY_BYTES,
    choose_decision,
    list_annotations,
    list_outputs,
    mark_of,
    render_comment,
    render_summary,
    write_command,
)
from pytest_ftgate.reports.markdown import render_report

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=80)


def many(count: int, name: str = "fine_tune_justified") -> dict[str, Any]:
    """A report of that many evalsets, each of a path of its own."""
    report = world_report(name)
    (entry,) = report["evalsets"]
    wide = "日" * 30
    return {
        **report,
        "evalsets": [{**entry, "path": f"evals/{wide}-{n:04d}.evalset.yaml"} for n in range(count)],
    }


def failures(count: int, **more: Any) -> list[dict[str, Any]]:
    one = {
        "sort": "gate",
        "evalset": "t",
        "name": "gate::cost",
        "reason": "too dear",
        "file": "t.yaml",
        "line": 3,
    }
    return [{**one, **more} for _ in range(count)]


@pytest.mark.parametrize("count", [1, 40, 90])
def test_every_verdict_is_kept_before_any_detail(count: int) -> None:
    text = render_comment(many(count), "k")
    assert len(text) <= MAX_COMMENT
    assert text.startswith("<!-- pytest-ftgate comment: k -->\n# ftgate")
    assert len(re.findall(r"^\*\*FINE-TUNE JUSTIFIED\*\*", text, re.MULTILINE)) == count
    assert ("The report was cut here to fit" in text) == (count > 1)
    if count == 1:
        # Verdict, arms, gates, patterns, cost, in this order.
        places = [text.index(part) for part in ("**FINE-TUNE", "| arm |", "| gate |", "### Failure patterns")]
        assert places == sorted(places)


def test_blocks_that_are_left_out_are_of_the_highest_rank() -> None:
    whole, cut = render_report(many(3), max_bytes=10**9), render_report(many(3), max_bytes=14_000)
    assert len(cut.encode()) <= 14_000
    assert whole.count("| arm | question |") == cut.count("| arm | question |") == 3
    assert whole.count("### Failure patterns") == 3


@pytest.mark.parametrize("used", [0, 500_000, MAX_SUMMARY_BYTES - 5_000, MAX_SUMMARY_BYTES])
def test_the_summary_fits_into_what_is_left_of_its_file(used: int) -> None:
    text = render_summary(many(400), used)
    assert used + len(text.encode()) <= MAX_SUMMARY_BYTES
    assert (text == "") == (used == MAX_SUMMARY_BYTES)


@given(message=ANY_TEXT, title=ANY_TEXT)
def test_a_command_holds_nothing_but_its_text(message: str, title: str) -> None:
    line = write_command("error", message, title=title, line=None)
    assert len(line.splitlines()) == 1
    match = re.fullmatch(r"::error title=([^:,\r\n]*)::([^\r\n]*)", line)
    assert match is not None, line
    # A percent sign is always the start of an escape.
    assert not re.search(r"%(?!25|0D|0A|3A|2C)", match[1] + match[2])


def test_annotations_stand_at_their_lines_and_are_ten_at_most() -> None:
    report = {"failures": [*failures(30), *failures(1, sort="must_pass", name="as_is::c1", line=7)]}
    lines = list(list_annotations(report))
    assert lines[0] == "::error title=ftgate%3A must_pass case as_is%3A%3Ac1,file=t.yaml,line=7::too dear"
    assert len(lines) == 10
    assert lines[-1] == "::error title=ftgate::22 more failures; see the summary"
    assert list(list_annotations({})) == []
    assert list(list_annotations({"failures": failures(1, file="", line=None, sort="problem")})) == [
        "::error title=ftgate%3A problem gate%3A%3Acost::too dear"
    ]


@pytest.mark.parametrize(
    ("decisions", "chosen"),
    [
        (["bar_met"], "bar_met"),
        (["bar_met", "fine_tune_justified"], "fine_tune_justified"),
        (["inconclusive", "incomplete", "bar_met"], "incomplete"),
        (["not_asked", "bar_met"], "bar_met"),
        (["a_plugin_s_own"], "a_plugin_s_own"),
        ([], ""),
    ],
)
def test_one_decision_is_chosen(decisions: list[str], chosen: str) -> None:
    assert choose_decision([{"verdict": {"decision": decision}} for decision in decisions]) == chosen


def test_outputs_are_single_lines() -> None:
    outputs = list_outputs(hostile_report(), "r.json")
    assert set(outputs) == {"decision", "decisions", "report", "failures"}
    assert all(len(value.splitlines()) <= 1 for value in outputs.values())


def test_a_key_cannot_close_the_mark() -> None:
    assert mark_of("a --> <b>@c") == "<!-- pytest-ftgate comment: a--bc -->"

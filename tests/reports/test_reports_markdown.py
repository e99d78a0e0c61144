"""The Markdown report: complete, below GitHub's limits, and harmless."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from decision_world import build_evalset, build_pattern, justified, pattern_set, worlds
from hypothesis import example, given
from hypothesis import strategies as st
from report_world import hostile_report, planned_report, report_of, world_report

from pytest_ftgate.reports.markdown import render_report
from pytest_ftgate.reports.markdown_text import escape_code, escape_text, fence_text

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=100)


@pytest.mark.parametrize("name", list(worlds()))
def test_each_world_has_verdict_arms_and_gates(name):
    text = render_report(world_report(name))
    assert re.search(r"^\*\*[A-Z -]+\*\*: ", text, re.MULTILINE)
    assert "| as\\_is | 1 | " in text
    assert "| complete | as\\_is | " in text


def test_a_plan_says_what_its_figures_are():
    assert "not measurements" in render_report(planned_report())


def test_hostile_text_stays_in_its_block():
    text = render_report(hostile_report())
    outside = re.sub(r"(?ms)^(`{3,})text\n.*?\n\1$", "", text)
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", outside)
    assert "<script" not in outside.replace("\\<script", "")
    assert "](" not in outside.replace("\\](", "")
    assert "@everyone" not in outside
    assert "\x1b" not in text
    assert "://" not in outside
    for line in text.splitlines():
        assert not line.lstrip().startswith("::")
        assert "##[" not in line


def test_tables_keep_their_columns():
    text = render_report(hostile_report())
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    counts = {len(re.findall(r"(?<!\\)\|", row)) for row in rows}
    assert counts == {8, 5, 4, 7}


@pytest.mark.parametrize("limit", [500, 2_000, 65_000])
def test_it_is_cut_between_blocks_with_a_note(limit):
    patterns = tuple(build_pattern(f"label:{'日' * 200}{i}", share=0.01, hint="x" * 1000) for i in range(8))
    base = world_report("fine_tune_justified")
    report = report_of(build_evalset(), replace(justified(), patterns=pattern_set(*patterns, share=0.6)))
    report["evalsets"] = [*report["evalsets"], *base["evalsets"]] * 40
    text = render_report(report, max_bytes=limit)
    assert len(text.encode()) <= limit + 1
    assert len(text) < 65_536
    assert text.rstrip().endswith("report.json.*")
    assert text.count("```") % 2 == 0


@given(ANY_TEXT)
@example("\u1680")
def test_fenced_text_cannot_end_its_block(text):
    block = fence_text(text).split("\n")
    fence = block[0].removesuffix("text")
    assert set(fence) == {"`"}
    assert block[-1] == fence
    for line in block[1:-1]:
        assert line.isprintable() or "\u200b" in line
        assert fence not in line
        assert not line.lstrip().startswith("::")


@given(ANY_TEXT)
def test_code_spans_cannot_be_closed_by_their_text(text):
    span = escape_code(text)
    fence = re.match("`+", span).group()
    assert fence not in span[len(fence) : -len(fence)].strip("` ") or "`" not in text


@given(ANY_TEXT)
def test_escaped_text_has_no_markup(text):
    escaped = escape_text(text)
    assert "\n" not in escaped
    assert not re.search(r"(?<!\\)(\\\\)*[`*_\[\]<>|~$]", escaped)
    assert not re.search(r"@\w", escaped)
    assert "::" not in escaped

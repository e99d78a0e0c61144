"""What the terminal and Markdown say of a run beside its baseline."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest
from baseline_world import build_arm, build_baseline, outcome
from report_world import hostile_report

from pytest_ftgate.model.baseline import Baseline
from pytest_ftgate.model.comparison import AgainstBaseline
from pytest_ftgate.reports.baseline_markdown import list_baseline_blocks
from pytest_ftgate.reports.baseline_text import render_baseline
from pytest_ftgate.reports.report import make_json_safe
from pytest_ftgate.statistics.baseline_pairs import compare_baselines

CASES = [f"c{n:02d}" for n in range(40)]


def entry(now: Baseline, before: Baseline) -> dict[str, Any]:
    found = AgainstBaseline(name="main", pairs=compare_baselines(now, before))
    value: dict[str, Any] = make_json_safe({"gates": [], "baseline": asdict(found)})
    return value


def build(broken: int, **more: Any) -> Baseline:
    """The first `broken` cases fail all trials by a format failure."""
    base = build_baseline(dict.fromkeys(CASES, (5, 5)))
    outcomes = {
        case: replace(outcome(0 if n < broken else 5, 5, "format:prose_before"), answer=f"it is {case}")
        for n, case in enumerate(CASES)
    }
    cases = {name: replace(case, input=f"what is {name}?") for name, case in base.cases.items()}
    return replace(base, cases=cases, arms=(build_arm(outcomes, has_form=True, **more),))


GOLDEN = """\
against baseline main: -20.0 points (-31.8 .. -8.2, one-sided 95 % each) on 40
cases, 100 % then, 80 % now. 0 fixed, 8 broken.
broken  c00  5/5 -> 0/5  "what is c00?"
    then  "it is c00"
    now   "it is c00"  format:prose_before
broken  c01  5/5 -> 0/5  "what is c01?"
    then  "it is c01"
    now   "it is c01"  format:prose_before
broken  c02  5/5 -> 0/5  "what is c02?"
    then  "it is c02"
    now   "it is c02"  format:prose_before
broken  c03  5/5 -> 0/5  "what is c03?"
    then  "it is c03"
    now   "it is c03"  format:prose_before
broken  c04  5/5 -> 0/5  "what is c04?"
    then  "it is c04"
    now   "it is c04"  format:prose_before
... and 3 more broken
cost of a call: 2x what it was
format failures: 0 % then, 20 % now (+20.0 points, +8.2 .. +31.8)
new pattern format:prose_before: 40 trials of 8 cases
since the baseline: model: m then, n now"""


def test_the_section_of_a_regression() -> None:
    found = entry(build(8, model="n", cost_usd_per_1k_cases=2.0), build(0, cost_usd_per_1k_cases=1.0))
    assert "\n".join(render_baseline(found, 78)) == GOLDEN
    whole = render_baseline(found, 78, verbosity=1)
    assert sum(line.startswith("broken") for line in whole) == 8
    text = "\n\n".join(list_baseline_blocks(found))
    assert "### Against baseline `main`" in text
    assert text.count("| broken | `c0") == 8
    assert "- new pattern format:prose\\_before: 40 trials of 8 cases" in text


def test_equal_runs_and_older_reports_are_silent() -> None:
    (line,) = render_baseline(entry(build(3), build(3)), 200)
    assert line.startswith("against baseline main: +0.0 points (")
    assert line.endswith("on 40 cases, 92.5 % then, 92.5 % now. 0 fixed, 0 broken.")
    for older in ({}, {"baseline": None}):
        assert render_baseline(older, 78) == []
        assert list(list_baseline_blocks(older)) == []


def test_what_cannot_be_compared_is_named_and_cut_unless_all_is_wanted() -> None:
    now = replace(build(0), graded_by="0.2")
    few, many = (render_baseline(entry(now, build(0)), 200, verbosity=v) for v in (0, 1))
    assert few[0] == "against baseline main: no case can be compared."
    assert few[1] == (
        "not compared, judged by other graders: 40 cases (c00, c01, c02, c03, c04, c05, c06, c07 and 32 more)"
    )
    assert "more" not in "\n".join(many)
    assert "c39" in "\n".join(many)


@pytest.mark.parametrize("width", [38, 60, 78])
def test_hostile_texts_stay_within_their_lines(width: int) -> None:
    (hostile,) = hostile_report()["evalsets"]
    lines = render_baseline(hostile, width, verbosity=1)
    assert lines
    for line in lines:
        assert line.isprintable()
        assert "\x1b" not in line

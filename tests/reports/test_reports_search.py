"""What the reports say of the pattern search: ceiling, negative control, further repeats, confusions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from decision_world import build_evalset, build_pattern, build_rate, justified, pattern_set
from jsonschema import Draft202012Validator
from report_world import HOSTILE, load_schema, report_of

from pytest_ftgate.model.pattern import PatternControl
from pytest_ftgate.reports.markdown import render_report
from pytest_ftgate.reports.terminal import render_evalset

REPORT = Draft202012Validator(load_schema("report.schema.json"))


def report_with(
    *,
    control: PatternControl | None = None,
    ceiling: float | None = None,
    best: str = "context",
    **changes: Any,
) -> dict[str, Any]:
    pattern = build_pattern(rate_expected=build_rate(0.62))
    patterns = replace(pattern_set(pattern), control=control, ceiling=ceiling, best_arm=best)
    report = report_of(build_evalset(), replace(justified(), patterns=patterns, **changes))
    REPORT.validate(report)
    return report


def shown(report: dict[str, Any], verbosity: int = 1) -> str:
    return " ".join(" ".join(render_evalset(report["evalsets"][0], verbosity=verbosity)).split())


HELD = PatternControl(shuffles=100, found=2, names=7, p=0.96, holds=True)
FAILED = PatternControl(shuffles=100, found=31, names=1, p=1e-9, holds=False)
FOUND = "Negative control: the same search finds a pattern in 2 of 100 shuffles of the grades (7 signatures"


def test_the_control_and_the_ceiling_are_told() -> None:
    report = report_with(control=HELD, ceiling=0.9321)
    assert report["evalsets"][0]["pattern_control"] == {
        "shuffles": 100, "found": 2, "names": 7, "p": 0.96, "holds": True,
    }  # fmt: skip
    ceiling = "If every trial that shows a pattern passed, context would have 93.2 %."
    for text in (shown(report), render_report(report)):
        assert FOUND in text
        assert ceiling in text
    assert FOUND not in shown(report, verbosity=0)


def test_a_control_that_failed_is_told_as_such() -> None:
    text = shown(report_with(control=FAILED))
    assert "31 of 100 shuffles of the grades (1 signature handed out at random): more than chance" in text


@pytest.mark.parametrize(
    ("count", "says"),
    [
        (1, "1 further repeat of cases that failed was asked, for recurrence alone: counted in no rate."),
        (1200, "1,200 further repeats of cases that failed were asked, for recurrence alone"),
    ],
)
def test_further_repeats_are_always_told(count: int, says: str) -> None:
    report = report_with(further_trials=count)
    assert says in shown(report, verbosity=0)
    assert says in render_report(report)
    assert "further repeat" not in shown(report_with())


def test_a_confusion_is_told_of_the_cases_that_expect_its_label() -> None:
    text = "62 % of the trials that expect this label"
    assert text in shown(report_with())
    assert text in render_report(report_with())


def test_a_hostile_name_of_the_best_arm_does_no_harm() -> None:
    report = report_with(ceiling=0.9, best=HOSTILE)
    text = "\n".join(render_evalset(report["evalsets"][0], verbosity=1))
    assert "\x1b" not in text
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())
    assert "<script>" not in render_report(report)


def test_a_report_of_an_older_run_has_none_of_it() -> None:
    report = report_with()
    entry = report["evalsets"][0]
    for key in ("pattern_control", "further_trials"):
        del entry[key]
    del entry["confirmed_share"]["ceiling"]
    for pattern in entry["patterns"]:
        del pattern["rate_expected"]
    assert "Negative control" not in shown(report)
    assert "Negative control" not in render_report(report)

"""A pattern search that also finds patterns where there are none justifies nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decision_world import LOW, build_evalset, build_pattern, build_registries, build_summary, pattern_set

from pytest_ftgate.decision.questions import decide
from pytest_ftgate.model.pattern import PatternControl
from pytest_ftgate.model.verdict import Verdict


def decide_with_control(control: PatternControl | None, share: float) -> Verdict:
    patterns = replace(pattern_set(build_pattern(share=share)), control=control)
    judgement = decide(
        build_evalset(),
        build_summary(*LOW, patterns=patterns),
        strict=False,
        evidence=None,
        registries=build_registries(),
    )
    return judgement.verdict


def control(found: int, *, holds: bool) -> PatternControl:
    return PatternControl(shuffles=100, found=found, names=7, p=0.5 if holds else 1e-6, holds=holds)


@pytest.mark.parametrize(
    ("share", "decision"), [(0.71, "fine_tune_justified"), (0.3, "partial_pattern")], ids=["most", "some"]
)
def test_a_control_that_holds_changes_nothing(share: float, decision: str) -> None:
    for tried in (None, control(2, holds=True)):
        assert decide_with_control(tried, share).decision == decision


@pytest.mark.parametrize("share", [0.71, 0.3])
def test_a_control_that_fails_justifies_nothing_and_is_said(share: float) -> None:
    verdict = decide_with_control(control(31, holds=False), share)
    assert verdict.decision == "inconclusive"
    assert "the negative control failed" in verdict.reason
    assert "31 of 100 shuffles" in verdict.reason

"""What curing the patterns could give, and how often a confusion is among the cases that expect its label."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pattern_world import find, make_plan, make_records

from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.record import Record

ARMS = ("as_is", "few_shot")
CONFUSION = "label:confusion:refund→charge"


def test_the_ceiling_is_the_accuracy_without_the_confirmed_patterns() -> None:
    """30 % of the trials show the pattern, 10 % fail otherwise: at most 90 % are to be had."""
    plan = make_plan(ARMS, 60, 3)

    def outcome(_arm: str, case: int, _repeat: int) -> str | None:
        if case % 10 < 3:
            return "format:fenced"
        return f"value:/f{case}" if case % 10 == 3 else None

    found = find(plan, make_records(plan, outcome))
    assert [pattern.signature for pattern in found.confirmed] == ["format:fenced"]
    assert found.ceiling == pytest.approx(0.9)


def test_without_a_confirmed_pattern_there_is_no_ceiling() -> None:
    plan = make_plan(ARMS, 60, 3)
    records = make_records(plan, lambda arm, i, r: f"value:/{arm}{i}.{r}" if i % 3 == 0 else None)
    found = find(plan, records)
    assert (found.confirmed, found.ceiling) == ((), None)


def graded(record: Record, expected: str) -> Record:
    return replace(record, grades=(Grade(grader="label", outcome="passed", expected_label=expected),))


def test_a_confusion_is_also_told_of_the_cases_that_expect_its_label() -> None:
    """Every fourth case expects refund, and half of those are called charge: 12.5 % of all, 50 % of these."""
    plan = make_plan(ARMS, 80, 2)
    records = make_records(plan, lambda arm, i, r: CONFUSION if i % 8 == 0 else None)
    told = [graded(r, "refund" if int(r.key.case[1:]) % 4 == 0 else "charge") for r in records]
    (pattern,) = find(plan, told).patterns
    assert pattern.rate.value == pytest.approx(0.125)
    assert pattern.rate_expected is not None
    assert (pattern.rate_expected.value, pattern.rate_expected.cases) == (pytest.approx(0.5), 20)
    # Records that do not tell what was expected say nothing of it; nor does any other signature.
    assert find(plan, records).patterns[0].rate_expected is None
    other = make_records(plan, lambda arm, i, r: "format:fenced" if i % 8 == 0 else None)
    assert find(plan, [graded(r, "refund") for r in other]).patterns[0].rate_expected is None

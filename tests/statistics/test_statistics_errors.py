"""What unanswered trials were told is in the report, once a kind, the most frequent first."""

from __future__ import annotations

from dataclasses import replace

from statistics_world import failed, passed, unanswered

from pytest_ftgate.statistics.breakdowns import explain_errors


def test_one_finding_a_signature_with_its_message_and_cases() -> None:
    records = [
        passed("a", "as_is", 1),
        failed("b", "as_is", 1),
        replace(unanswered("c", "as_is", 1), error="slow"),
        replace(unanswered("d", "as_is", 1, "infra:auth"), error="no key: set OPENAI_API_KEY"),
        replace(unanswered("d", "as_is", 2, "infra:auth"), error="no key: set OPENAI_API_KEY"),
        replace(unanswered("e", "as_is", 1), error=None),
    ]
    findings = explain_errors(records)
    assert [finding.what for finding in findings] == [
        "infra:auth, 2 trials: no key: set OPENAI_API_KEY",
        "infra:timeout, 1 trial: slow",
    ]
    assert [finding.cases for finding in findings] == [("d",), ("c",)]
    assert not any(finding.blocks for finding in findings)

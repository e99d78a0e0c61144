"""What an item shows: from its records to passed, missed, unanswered, failed or error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal, TypeAlias

from pytest_ftgate.model.evalset import Case
from pytest_ftgate.model.record import Record

Status: TypeAlias = Literal["passed", "missed", "unanswered", "failed", "error", "ungraded", "not_needed"]

LETTERS: dict[str, tuple[str, str]] = {
    "missed": ("m", "MISSED"),
    "unanswered": ("u", "UNANSWERED"),
    "error": ("E", "ERROR"),
}
"""Statuses that pytest does not know, with their letter and their word."""


def judge_item(case: Case, records: Sequence[Record], *, is_gated: bool) -> tuple[Status, str]:
    """Status and one-line reason of an item.

    `is_gated`: a gate reads the item's arm and role. Elsewhere a `must_pass` case is only missed: trying
    a remedy, or comparing with a weaker model, must not fail a build.
    """
    crashed = [r for r in records if r.outcome == "error" and not r.is_unanswered]
    if crashed:
        return "error", crashed[0].error or "a grader crashed"
    failed = [r for r in records if r.outcome == "failed"]
    total = len(records)
    if failed and is_gated and case.must_pass and _is_broken(case, len(failed), total):
        return "failed", _failures(failed, total)
    unanswered = [r for r in records if r.is_unanswered]
    if unanswered:
        most = Counter(r.signature or "" for r in unanswered).most_common(1)[0][0]
        detail = f": {unanswered[0].error}" if unanswered[0].error else ""
        return "unanswered", f"{len(unanswered)}/{total} unanswered: {most}{detail}"
    if failed:
        return "missed", _failures(failed, total)
    if any(r.outcome == "ungraded" for r in records):
        return "ungraded", "ungraded: the case has no expected output for its graders"
    return "passed", ""


def _is_broken(case: Case, failed: int, total: int) -> bool:
    return failed > 0 if case.must_pass == "all" else failed * 2 > total  # noqa: S105


def _failures(failed: Sequence[Record], total: int) -> str:
    signature = Counter(r.signature or "?" for r in failed).most_common(1)[0][0]
    return f"{len(failed)}/{total} failed: {signature}"

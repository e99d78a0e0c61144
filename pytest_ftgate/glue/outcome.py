"""What an item shows: from its records to passed, missed, unanswered, failed or error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal, TypeAlias

from pytest_ftgate.model.evalset import Case
from pytest_ftgate.model.record import Record
from pytest_ftgate.reports.hostile_text import cut_text, defuse_commands, show_text

Status: TypeAlias = Literal["passed", "missed", "unanswered", "failed", "error", "ungraded", "not_needed"]

MAX_REASON = 2_000

LETTERS: dict[str, tuple[str, str]] = {
    "missed": ("m", "MISSED"),
    "unanswered": ("u", "UNANSWERED"),
    "error": ("E", "ERROR"),
}
"""Statuses that pytest does not know, with their letter and their word."""


def judge_item(case: Case, records: Sequence[Record], *, is_gated: bool) -> tuple[Status, str]:
    """Status and reason of an item: one line, in which nothing of an answer is invisible or a command.

    `is_gated`: a gate reads the item's arm and role. Elsewhere a `must_pass` case is only missed: trying
    a remedy, or comparing with a weaker model, must not fail a build.
    """
    status, reason = _judge(case, records, is_gated)
    if not reason:
        return status, reason
    return status, defuse_commands(show_text(cut_text(reason, MAX_REASON), unicode=True))


def _judge(case: Case, records: Sequence[Record], is_gated: bool) -> tuple[Status, str]:
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

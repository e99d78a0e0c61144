"""Findings as text: severity, what, cases, remedy. Plain ASCII, no line too wide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_ftgate.reports.hostile_text import show_text
from pytest_ftgate.reports.numbers import format_count
from pytest_ftgate.reports.tables import wrap_text

SHOWN_CASES = 5
_MAX_WHAT = 600
_ORDER = {"error": 0, "warning": 1, "note": 2}


def render_findings(findings: Sequence[Mapping[str, Any]], width: int, *, shown: int) -> list[str]:
    """The gravest `shown` findings of a report's list, and how many more there are."""
    ranked = sorted(findings, key=lambda f: (not f["blocks"], _ORDER.get(f["severity"], len(_ORDER))))
    lines = [line for finding in ranked[:shown] for line in render_finding(finding, width)]
    if len(ranked) > shown:
        lines.append(f"... and {format_count(len(ranked) - shown, 'more finding')}")
    return lines


def render_finding(finding: Mapping[str, Any], width: int, *, cases: int = SHOWN_CASES) -> list[str]:
    """The lines of one finding, none wider than `width`, with at most so many cases."""
    named = [show_text(case) for case in finding["cases"][:cases]]
    more = f" and {len(finding['cases']) - cases:,} more" if len(finding["cases"]) > cases else ""
    where = f" ({', '.join(named)}{more})" if named else ""
    remedy = f" -> {finding['remedy']}" if finding["remedy"] else ""
    return wrap_text(f"{finding['severity']}: {finding['what'][:_MAX_WHAT]}{where}{remedy}", width, "  ")

"""What a reader of the Markdown report sees first: every verdict, and what was not evaluated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_ftgate.reports.markdown_text import build_table, escape_text
from pytest_ftgate.reports.numbers import format_count
from pytest_ftgate.reports.terminal import TITLES

MAX_LISTED = 200
_MAX_GATES = 8


def name_verdict(entry: Mapping[str, Any]) -> str:
    """The verdict in capitals, escaped."""
    decision = entry["verdict"]["decision"]
    return TITLES.get(decision, escape_text(decision))


def list_verdicts(entries: Sequence[Mapping[str, Any]]) -> str:
    """A table of all evalsets; '' for one alone, whose verdict stands right below."""
    if len(entries) < 2:
        return ""
    rows = []
    for entry in entries[:MAX_LISTED]:
        failing = [gate["name"] for gate in entry["gates"] if gate["outcome"] == "failed"]
        named = ", ".join(failing[:_MAX_GATES]) + (" ..." if len(failing) > _MAX_GATES else "")
        rows.append([escape_text(entry["path"]), name_verdict(entry), escape_text(named or "none")])
    table = build_table(("evalset", "verdict", "failing gates"), rows)
    rest = len(entries) - len(rows)
    return f"{table}\n\n... and {format_count(rest, 'more evalset')}" if rest else table


def tell_unevaluated(entry: Mapping[str, Any]) -> str:
    """A sentence about trials that got no answer to judge; '' where all did."""
    missing = entry["missing"]
    parts = [
        f"{count:,} {what}"
        for what, count in (
            ("without a recorded answer", missing["not_recorded"]),
            ("stale: recorded for another prompt, model or params", missing["stale"]),
        )
        if count
    ]
    if not parts:
        return ""
    count = format_count(missing["not_recorded"] + missing["stale"], "trial")
    return f"**NOT EVALUATED**: {count} ({', '.join(parts)})."

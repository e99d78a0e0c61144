"""A run beside its baseline, as Markdown: the sentence, the flips, the drift."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_ftgate.reports.baseline_text import (
    WAYS,
    describe_changes,
    describe_drift,
    describe_left_out,
    describe_pair,
    list_flips,
    list_pairs,
    say_counts,
)
from pytest_ftgate.reports.markdown_text import build_table, escape_code, escape_text

FLIPS_SHOWN = 10
PATTERNS_SHOWN = 10
MAX_CELL = 120


def list_baseline_blocks(entry: Mapping[str, Any]) -> Iterator[str]:
    """The blocks of an evalset's comparison with its baseline; none where none was named."""
    found = entry.get("baseline")
    if not found:
        return
    yield f"### Against baseline {escape_code(found['name'])}"
    if not found["found"]:
        yield escape_text(found["why"])
        return
    for pair in list_pairs(entry, whole=False):
        yield escape_text(describe_pair(pair, found["name"]))
        if table := _flips_table(pair):
            yield table
        lines = [
            *describe_drift(pair, PATTERNS_SHOWN),
            *describe_left_out(pair, whole=False),
            *describe_changes(pair),
        ]
        if lines:
            yield "\n".join(f"- {escape_text(line)}" for line in lines)


def _flips_table(pair: Mapping[str, Any]) -> str:
    rows, rest = [], []
    for way in WAYS:
        flips, more = list_flips(pair, way, FLIPS_SHOWN)
        rows += [_flip_row(flip, way) for flip in flips]
        rest += [f"{more:,} more {way}"] if more > 0 else []
    if not rows:
        return ""
    table = build_table(("", "case", "passed", "input", "answer then", "answer now", "failure"), rows)
    return f"{table}\n\n... and {', '.join(rest)}" if rest else table


def _flip_row(flip: Mapping[str, Any], way: str) -> list[str]:
    texts = [_cell(flip[name]) for name in ("input", "before", "now", "signature")]
    return [way, _cell(flip["case"]), escape_text(say_counts(flip)), *texts]


def _cell(text: str | None) -> str:
    if text is None:
        return ""
    shown = text if len(text) <= MAX_CELL else f"{text[:MAX_CELL]} ..."
    return escape_code(shown, in_table=True)

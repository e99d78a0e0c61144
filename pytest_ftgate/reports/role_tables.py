"""The candidate beside base or teacher by tag, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_ftgate.reports.markdown_text import build_table, escape_text
from pytest_ftgate.reports.tables import fit_table

MAX_TAGS = 20
_NAMES = {"teacher": "student"}
_NUMBERS = ("teacher", "base", "student", "candidate", "change", "bounds", "cases")


def name_candidate(against: str) -> str:
    """What the candidate is called beside that role: `student` beside a teacher."""
    return _NAMES.get(against, "candidate")


def render_role_tags(pair: Mapping[str, Any], width: int) -> list[str]:
    """The table for the terminal, the largest loss first; none where no tag has enough cases."""
    rows, rest = _list_rows(pair)
    return [*fit_table(rows, set(_NUMBERS), width), *rest] if rows else []


def list_role_tables(entry: Mapping[str, Any]) -> Iterator[str]:
    """The tables of an evalset as blocks of Markdown. Older reports have none."""
    for pair in entry.get("roles", ()):
        rows, rest = _list_rows(pair)
        if rows:
            table = build_table(list(rows[0]), [[escape_text(cell) for cell in row.values()] for row in rows])
            yield "\n\n".join((table, *rest))


def _list_rows(pair: Mapping[str, Any]) -> tuple[list[dict[str, str]], list[str]]:
    """One row a tag, and what is left out."""
    ranked = sorted(pair["tags"].items(), key=lambda entry: (entry[1]["difference"], entry[0]))
    rest = len(ranked) - MAX_TAGS
    rows = [_row(tag, found, pair["against"]) for tag, found in ranked[:MAX_TAGS]]
    return rows, [f"... and {rest:,} more"] if rest > 0 else []


def _row(tag: str, found: Mapping[str, Any], against: str) -> dict[str, str]:
    return {
        "tag": tag[:80],
        # Reports of before the accuracies were told leave them out.
        against: _percent(found.get("other_accuracy")),
        name_candidate(against): _percent(found.get("own_accuracy")),
        "change": f"{100 * found['difference']:+.1f}",
        "bounds": f"{100 * found['lower']:+.1f} .. {100 * found['upper']:+.1f}",
        "cases": f"{found['cases']:,}",
    }


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"

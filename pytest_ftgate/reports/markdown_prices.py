"""The Markdown blocks about money: what arms cost, and the plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_ftgate.reports.markdown_text import build_table, escape_text
from pytest_ftgate.reports.plan_text import describe_economics, describe_plan
from pytest_ftgate.reports.price_tables import (
    METHODS_NOTE,
    Row,
    list_arm_rows,
    list_method_rows,
    list_volume_rows,
    name_prices,
)


def list_price_blocks(economics: Mapping[str, Any] | None) -> Iterator[str]:
    """What the arms cost; nothing where no `economics:` is stated."""
    if not economics:
        return
    yield f"### {escape_text(name_prices(economics))}"
    yield from _draw(list_arm_rows(economics))
    yield from _list(describe_economics(economics))


def list_plan_blocks(plan: Mapping[str, Any] | None) -> Iterator[str]:
    """What tuning or distilling would take; nothing without a plan."""
    if not plan:
        return
    yield "### Plan"
    yield from _list(describe_plan(plan))
    yield from _draw(list_method_rows(plan))
    yield escape_text(METHODS_NOTE)
    yield from _draw(list_volume_rows(plan))


def _list(sentences: Sequence[str]) -> Iterator[str]:
    if sentences:
        yield "\n".join(
            f"  - {escape_text(text.removeprefix('- '))}"
            if text.startswith("- ")
            else f"- {escape_text(text)}"
            for text in sentences
        )


def _draw(rows: Sequence[Row]) -> Iterator[str]:
    columns = [title for title in rows[0] if any(row[title] != "-" for row in rows)] if rows else []
    if columns:
        head = [escape_text(title) for title in columns]
        yield build_table(head, [[escape_text(row[title]) for title in columns] for row in rows])

"""The capability card as blocks of Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_ftgate.reports.capability_text import (
    TITLES,
    describe_card,
    describe_models,
    list_notes,
    list_rows,
)
from pytest_ftgate.reports.markdown_text import build_table, escape_text


def list_card_blocks(card: Mapping[str, Any] | None) -> Iterator[str]:
    """Sentence, table and notes; nothing where there is no card."""
    if card is None:
        return
    yield f"## General capability: {escape_text(describe_models(card))}"
    yield f"**{TITLES[card['outcome']]}**: {escape_text(describe_card(card))}"
    rows = list_rows(card)
    yield build_table(list(rows[0]), [[escape_text(cell) for cell in row.values()] for row in rows])
    yield "\n".join(f"- {escape_text(note)}" for note in list_notes(card))

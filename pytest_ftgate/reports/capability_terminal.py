"""The capability card in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_ftgate.reports.capability_text import (
    RIGHT,
    TITLES,
    describe_card,
    describe_models,
    list_notes,
    list_rows,
)
from pytest_ftgate.reports.tables import fit_table, wrap_text
from pytest_ftgate.reports.terminal import INDENT, MIN_WIDTH, finish_line

_DROP_ORDER = ("base", "candidate", "bounds")


def render_card(card: Mapping[str, Any] | None, *, width: int = 80, verbosity: int = 0) -> list[str]:
    """The lines of the card, none wider than `width` columns (at least 40); none where there is no card.

    `verbosity` below 0: the sentence alone.
    """
    if card is None:
        return []
    width = max(MIN_WIDTH, width)
    room = width - len(INDENT)
    lines = [
        *wrap_text(f"general capability: {describe_models(card)}", width),
        "",
        *wrap_text(f"{TITLES[card['outcome']]}: {describe_card(card)}", room),
    ]
    if verbosity >= 0:
        notes = [line for note in list_notes(card) for line in wrap_text(note, room)]
        lines += ["", *fit_table(list_rows(card), set(RIGHT), room, drop_order=_DROP_ORDER), *notes]
    return [finish_line(line, width, first=index == 0, unicode=False) for index, line in enumerate(lines)]

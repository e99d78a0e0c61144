"""A verdict explained: the section that the terminal shows, the gates, and how it was decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_ftgate.reports.decision_text import render_decision
from pytest_ftgate.reports.tables import wrap_text
from pytest_ftgate.reports.terminal import INDENT, describe_gate, finish_line, render_evalset

_UNTOLD = "How it was decided is not told: a hook decided, or the run is a shard that is to be merged."


def render_explanation(
    entry: Mapping[str, Any], *, width: int = 80, note: str = "", unicode: bool = False
) -> list[str]:
    """The lines of one evalset of a report, none wider than `width` columns.

    `note`: what a reader must know of how the decision is told. `unicode` as in `render_evalset`.
    """
    room = width - len(INDENT)
    verdict = entry["verdict"]
    # This is what the section would send a reader to.
    is_here = str(verdict["next_command"] or "").startswith("pytest-ftgate explain")
    shown = {**entry, "verdict": {**verdict, "next_command": None}} if is_here else entry
    decision = render_decision(verdict, room) or ([] if note else wrap_text(_UNTOLD, room))
    blocks = [
        [line for gate in entry["gates"] for line in describe_gate(gate, room)],
        [*decision, *(wrap_text(note, room) if note else ())],
    ]
    lines = [line for block in blocks if block for line in ("", *block)]
    return [
        *render_evalset(shown, width=width, verbosity=1, unicode=unicode),
        *(finish_line(line, width, first=False, unicode=unicode) for line in lines),
    ]

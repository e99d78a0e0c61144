"""Lists of names in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

SHOWN = 10


def shorten(names: Sequence[str], shown: int = SHOWN) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - shown:,} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def join_groups(groups: Sequence[Sequence[str]]) -> str:
    """Groups of cases: "a / b, c / d"."""
    return shorten([" / ".join(group[:SHOWN]) + (" / ..." if len(group) > SHOWN else "") for group in groups])

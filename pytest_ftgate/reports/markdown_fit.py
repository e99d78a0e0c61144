"""Blocks of Markdown put together within a limit: what matters most is kept, and nothing is cut inside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

CUT_NOTE = "*The report was cut here to fit; the whole of it is in report.json.*"


class Block(NamedTuple):
    """A piece of Markdown. `rank` 0: the verdict, 1: arms, gates, flips, 2: patterns, cost, 3: the rest."""

    rank: int
    text: str


def rank_blocks(rank: int, texts: Iterable[str]) -> list[Block]:
    """Blocks of one rank."""
    return [Block(rank, text) for text in texts if text]


def fit_blocks(blocks: Sequence[Block], max_bytes: int) -> str:
    """The blocks in their order, within `max_bytes` bytes of UTF-8; where some are left out, a note ends it.

    Blocks of a lower rank go before all of a higher one, whatever evalset they are of.
    """
    sizes = [_measure(block.text) for block in blocks]
    if sum(sizes) <= max_bytes:
        return "\n\n".join(block.text for block in blocks) + "\n"
    room = max_bytes - _measure(CUT_NOTE)
    kept: set[int] = set()
    for index in sorted(range(len(blocks)), key=lambda index: (blocks[index].rank, index)):
        if sizes[index] <= room:
            room -= sizes[index]
            kept.add(index)
    texts = [block.text for index, block in enumerate(blocks) if index in kept]
    return "\n\n".join([*texts, CUT_NOTE]) + "\n"


def _measure(text: str) -> int:
    """Bytes of a block and of what parts it from the next."""
    return len(text.encode("utf-8", "backslashreplace")) + 2

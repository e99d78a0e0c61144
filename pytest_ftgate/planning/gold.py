"""How far down a ranking of chunks the gold context of a case stands.

A passage is held by chunks that together contain at least 80 % of its runs of four words (w-shingling:
Broder 1997, "On the resemblance and containment of documents"). So white space, punctuation and markup do
not matter, nor does the border of a chunk within it; a text that tells the same in other words is not held.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from pytest_ftgate.model.evalset import Json
from pytest_ftgate.model.retrieval import GoldRanks
from pytest_ftgate.planning.ranking import Ranker, list_terms
from pytest_ftgate.planning.texts import json_text

SHINGLE_WORDS = 4
HELD_SHARE = 0.8
_CANDIDATES = 20
"""Chunks most like a passage by its words, among which it must be found if it is in the documents at all."""

Shingles: TypeAlias = frozenset[tuple[str, ...]]


def list_passages(context: Json) -> list[str]:
    """The gold passages of a case's context: a list has several, all else is one. Blank ones are none."""
    is_list = isinstance(context, Sequence) and not isinstance(context, str)
    parts = list(context) if is_list else [] if context is None else [context]
    return [text for part in parts if (text := json_text(part)).strip()]


class ChunkShingles:
    """The shingles of chunks, cut when they are first asked for."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts, self._cut = texts, dict[tuple[int, int], Shingles]()

    def of(self, index: int, size: int) -> Shingles:
        """The runs of `size` words of a chunk."""
        if (index, size) not in self._cut:
            self._cut[index, size] = cut_shingles(self._texts[index], size)
        return self._cut[index, size]


def find_gold(
    passages: Sequence[str], found: Sequence[int], chunks: ChunkShingles, by_words: Ranker
) -> GoldRanks:
    """Where the passages stand in `found`, the chunks that a search gave for a case, best first.

    Whether a passage is in the documents at all is asked of the chunks most like it (`by_words`).
    """
    wanted = [(text, cut_shingles(text)) for text in passages]
    ranks = tuple(_find_rank(shingles, found, chunks) for _, shingles in wanted)
    absent = sum(
        rank is None and not _is_anywhere(text, shingles, chunks, by_words)
        for rank, (text, shingles) in zip(ranks, wanted, strict=True)
    )
    return GoldRanks(ranks=ranks, absent=absent)


def cut_shingles(text: str, size: int = SHINGLE_WORDS) -> Shingles:
    """All runs of `size` words of a text; of a shorter text, the text."""
    terms = list_terms(text)
    size = min(size, len(terms))
    return (
        frozenset(tuple(terms[i : i + size]) for i in range(len(terms) - size + 1)) if terms else frozenset()
    )


def _find_rank(wanted: Shingles, found: Sequence[int], chunks: ChunkShingles) -> int | None:
    missing = set(wanted)
    size = len(next(iter(wanted), ()))
    allowed = len(wanted) * (1 - HELD_SHARE)
    for rank, index in enumerate(found, start=1):
        missing -= chunks.of(index, size)
        if len(missing) <= allowed:
            return rank
    return None


def _is_anywhere(text: str, wanted: Shingles, chunks: ChunkShingles, by_words: Ranker) -> bool:
    nearest = by_words.find_nearest(text, _CANDIDATES, only_matching=True)
    return _find_rank(wanted, nearest, chunks) is not None

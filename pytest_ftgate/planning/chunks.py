"""Documents cut into chunks: what arm `retrieval` searches for and shows.

A chunk is a slice of its document, as it stands there. It has at most `words` words, ends where a
paragraph does if one ends in its second half (else at a line's end there, else anywhere), and begins with the
last `overlap` words of the chunk before, so that a sentence on a border stands whole in one of them.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pytest_ftgate.model.scripts import UNSPACED
from pytest_ftgate.planning.documents import Document

DEFAULT_WORDS = 200
DEFAULT_OVERLAP = 40
MIN_WORDS, MAX_WORDS = 20, 2_000
_WORD_CHARS = 40
"""A longer run of characters without a space (a digest, base64) counts as several words."""

# Two characters of a script that is written without spaces count as a word.
_WORD = re.compile(rf"[{UNSPACED}]{{1,2}}|[^\s{UNSPACED}]{{1,{_WORD_CHARS}}}")
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of a document: its source, its text, and the character of the document it starts at."""

    source: str
    text: str
    start: int = 0


def cut_documents(documents: Iterable[Document], *, words: int, overlap: int) -> list[Chunk]:
    """The chunks of all documents, in order. `overlap` is less than `words`."""
    return [
        Chunk(source=each.source, text=each.text[start:end], start=start)
        for each in documents
        for start, end in cut_text(each.text, words=words, overlap=overlap)
    ]


def cut_text(
    text: str, *, words: int = DEFAULT_WORDS, overlap: int = DEFAULT_OVERLAP
) -> Iterator[tuple[int, int]]:
    """(start, end) of each chunk of a text, in characters."""
    spans = [match.span() for match in _WORD.finditer(text)]
    paragraphs = _find_breaks(_BLANK_LINE, text, spans)
    lines = _find_breaks(re.compile("\n"), text, spans)
    first = 0
    while first < len(spans):
        last = min(first + words, len(spans))
        if last < len(spans):
            # Beyond the overlap, or the next chunk would begin where this one does.
            earliest = first + max((words + 1) // 2, overlap + 1)
            last = _choose_end(earliest, last, (paragraphs, lines))
        yield spans[first][0], spans[last - 1][1]
        if last == len(spans):
            return
        first = last - overlap


def _find_breaks(pattern: re.Pattern[str], text: str, spans: Sequence[tuple[int, int]]) -> list[int]:
    """The words (by number) that begin after a match of the pattern."""
    starts = [start for start, _ in spans]
    return sorted({bisect_right(starts, match.start()) for match in pattern.finditer(text)})


def _choose_end(earliest: int, last: int, kinds: Sequence[Sequence[int]]) -> int:
    """The best place for a chunk's end from `earliest` on: the last break of the first kind that has one."""
    for breaks in kinds:
        place = bisect_right(breaks, last) - 1
        if place >= 0 and breaks[place] >= earliest:
            return breaks[place]
    return last

"""The citations of an answer: what it quotes, and from which passage it says it does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_CITATIONS = 200
MAX_CHARS = 100_000
"""What is read of an answer: nobody cites more."""

MAX_QUOTE_CHARS = 2_000

_MARK = r"\"\u201c\u201d\u201e\u201f\u00ab\u00bb"
_QUOTED = rf"[{_MARK}](?P<quote>[^{_MARK}]{{1,{MAX_QUOTE_CHARS}}})[{_MARK}]"
_NUMBER = r"\[(?P<number>\d{1,3})\]"
_MARKED = re.compile(rf"{_QUOTED}[.,;]?\s{{0,3}}{_NUMBER}")
_ANY_NUMBER = re.compile(_NUMBER)
_ANY_QUOTE = re.compile(_QUOTED)
_READ = "\0"
"""Stands for a quote with its number that was read already."""

_BULLET = re.compile(r"^(?:[-*>\u2022]|\d{1,3}[.)])\s+")
_HEAD = re.compile(
    r"^[ \t#>*_-]{0,9}(?:sources?|citations?|references?|quotes?)[ \t*_]{0,9}:[ \t*_]{0,9}",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Citation:
    """Words that an answer quotes. `number`: of the passage they are said to be from, None = not said."""

    quote: str
    number: int | None = None


def split_sources(text: str) -> tuple[str, str]:
    """(the answer, what stands under its last line "Sources:"); that is "" where there is none."""
    heads = list(_HEAD.finditer(text, max(0, len(text) - MAX_CHARS)))
    if not heads:
        return text, ""
    return text[: heads[-1].start()].rstrip(), text[heads[-1].end() :]


def find_citations(answer: str, sources: str) -> list[Citation]:
    """What is quoted: all under "Sources:", and in the answer the quotes that a passage's number follows."""
    found = [*_read_marked(answer[:MAX_CHARS]), *_read_sources(sources[:MAX_CHARS])]
    return found[:MAX_CITATIONS]


def _read_marked(text: str) -> Iterator[Citation]:
    for each in _MARKED.finditer(text):
        yield Citation(each["quote"], int(each["number"]))


def _read_sources(sources: str) -> Iterator[Citation]:
    """Quotes, with the number that stands beside them; a line without quotation marks is one quote."""
    yield from _read_marked(sources)
    for line in _MARKED.sub(_READ, sources).splitlines():
        number = _ANY_NUMBER.search(line)
        quotes = [each["quote"] for each in _ANY_QUOTE.finditer(line)]
        bare = _BULLET.sub("", _ANY_NUMBER.sub("", line).strip()).strip()
        for quote in quotes or ([] if _READ in line else [bare[:MAX_QUOTE_CHARS]]):
            if any(map(str.isalnum, quote)):
                yield Citation(quote, int(number["number"]) if number else None)

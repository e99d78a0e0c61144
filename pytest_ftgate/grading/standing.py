"""Where an expected text stands alone after a prefix or before a suffix."""

from __future__ import annotations

import re

_QUOTES = "\"'`*“”‘’«»"
_LEAD_END = re.compile(r"(?:[:=>]|\n|\bis|\bbe|->|→)\s*\Z")
_PLAIN_END = re.compile(r"[.!?;,]*\s*\Z")
_SUFFIX_START = re.compile(r"[.!?;]*\s*\n|[.!?;]+\s|\s+[-–—(]|[:;]\s|\s*\Z")
_SHORT_LEAD = re.compile(r"[^\n]{0,60}[:=>→]\s*\Z")
_MIN_PROSE_WORDS = 3


def find_standing(text: str, expected: str) -> tuple[str, ...]:
    """Signatures `format:prose_before` / `format:prose_after`, or () where it does not stand alone.

    It stands alone at the end of the text after something that introduces it ("Category: X", "The answer
    is X", a line of its own), at the start of the text before a sentence or an explanation, or between a
    short lead ("Category:") and an explanation. A list of alternatives is no explanation.
    """
    expected = expected.strip()
    if not expected or expected not in text:
        return ()
    stripped = text.strip()
    for position in {stripped.find(expected), stripped.rfind(expected)}:
        before, after = stripped[:position], stripped[position + len(expected) :]
        found = _judge(_strip_marks(before, at_end=True), _strip_marks(after, at_end=False))
        if found:
            # Nothing but quotes or emphasis around it counts as standing before it.
            return ("format:prose_before",) if before and not before.strip(_QUOTES + "( ") else found
    return ()


def _strip_marks(text: str, *, at_end: bool) -> str:
    return text.rstrip(_QUOTES + "(") if at_end else text.lstrip(_QUOTES + ")")


def _judge(before: str, after: str) -> tuple[str, ...]:
    is_last = len(after) < 40 and _PLAIN_END.match(after) is not None
    is_first = not before.strip()
    if is_first and is_last:
        return ("format:prose_after",)
    if is_last:
        return ("format:prose_before",) if _LEAD_END.search(before[-60:]) else ()
    if _SUFFIX_START.match(after) is None or len(after[:400].split()) < _MIN_PROSE_WORDS:
        return ()
    if is_first:
        return ("format:prose_after",)
    if len(before) <= 60 and _SHORT_LEAD.match(before):
        return ("format:prose_before", "format:prose_after")
    return ()

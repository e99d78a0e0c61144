"""Instructions on format and content that can be seen (IFEval, Zhou et al. 2023)."""

from __future__ import annotations

import json
import re
from itertools import chain, islice
from typing import Any

from pytest_ftgate.grading.instruction_checks_amount import has_at_least
from pytest_ftgate.grading.strict_json import find_too_deep

# What follows a star may be a line break, as in the benchmark; blank lines before a bullet belong to none.
_STAR_BULLET = re.compile(r"^[^\S\n]*\*[^*].*$", re.MULTILINE)
_DASH_BULLET = re.compile(r"^[^\S\n]*-", re.MULTILINE)
_HIGHLIGHT = re.compile(r"\*([^\n*]*)\*")
_STRONG_HIGHLIGHT = re.compile(r"\*\*([^\n*]*)\*\*")
_PLACEHOLDER = re.compile(r"\[[^\]\n]*(\]?)")
_TITLE = re.compile(r"<<([^\n]*)")
_POSTSCRIPTS = {"p.p.s": re.compile(r"p\.\s?p\.\s?s"), "p.s": re.compile(r"p\.\s?s\.")}
_CHOICES = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_FENCES = ("```json", "```Json", "```JSON", "```")


def has_number_of_bullets(text: str, *, num_bullets: int) -> bool:
    """Exactly so many lines begin with `*` (not `**`) or `-`."""
    bullets = chain(_STAR_BULLET.finditer(text), _DASH_BULLET.finditer(text))
    return sum(1 for _ in islice(bullets, num_bullets + 1)) == num_bullets


def has_highlights(text: str, *, num_highlights: int) -> bool:
    """At least so many parts stand between stars or double stars."""
    found = chain(_HIGHLIGHT.finditer(text), _STRONG_HIGHLIGHT.finditer(text))
    return has_at_least((match for match in found if match.group(1).strip()), num_highlights)


def has_sections(text: str, *, section_spliter: str, num_sections: int) -> bool:
    """At least so many times the splitter is followed by a number."""
    pattern = re.compile(rf"{re.escape(section_spliter.strip())}\s?\d+")
    return has_at_least(pattern.finditer(text), num_sections)


def is_json(text: str) -> bool:
    """All of the text is one JSON document, in a code fence or not."""
    inner = text.strip()
    for fence in _FENCES:
        inner = inner.removeprefix(fence)
    inner = inner.removesuffix("```").strip()
    if find_too_deep(inner) is not None:
        return False
    try:
        # Numbers are not needed, and converting a long one takes quadratic time.
        json.loads(inner, parse_int=len, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def has_title(text: str) -> bool:
    """Some line has a title in double angle brackets."""
    for match in _TITLE.finditer(text):
        inner, closing, _ = match.group(1).rpartition(">>")
        if closing and inner.lstrip("<").rstrip(">").strip():
            return True
    return False


def has_constrained_response(text: str) -> bool:
    """One of the three sentences that answer yes, no or maybe is there."""
    return any(choice in text for choice in _CHOICES)


def has_placeholders(text: str, *, num_placeholders: int) -> bool:
    """At least so many parts stand in square brackets, each within a line."""
    closed = (match for match in _PLACEHOLDER.finditer(text) if match.group(1))
    return has_at_least(closed, num_placeholders)


def has_postscript(text: str, *, postscript_marker: str) -> bool:
    """The marker is there, in any case; spaces may stand between the letters of `P.S.` and `P.P.S`."""
    marker = postscript_marker.strip().lower()
    pattern = _POSTSCRIPTS.get(marker.removesuffix("."))
    return marker in text.lower() if pattern is None else pattern.search(text.lower()) is not None

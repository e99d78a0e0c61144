"""Model output and labels are hostile: made visible, harmless and short before they are shown."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_COMMAND = re.compile(r"^(\s*)::")
_GAP = " ... "
_MIN_ENDS = 16
"""Columns below which the head of a text alone tells more."""

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# Control, format (bidi overrides, zero width), surrogates, private, unassigned, separators: what
# str.isprintable() says no to.
_INVISIBLE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"))


def show_text(text: str, *, unicode: bool = False) -> str:
    """The text on one line, with control, ANSI and bidi characters as escapes.

    Without `unicode` every character outside of ASCII is escaped as well, but for the arrow of
    signatures, which becomes `->`.
    """
    if text.isascii() and text.isprintable():
        return text
    if not unicode:
        text = text.replace("→", "->")
    return "".join(_show_character(char, unicode=unicode) for char in text)


def _show_character(char: str, *, unicode: bool) -> str:
    code = ord(char)
    if 0x20 <= code < 0x7F:
        return char
    if char in _NAMED:
        return _NAMED[char]
    if unicode and code > 0xA0 and unicodedata.category(char) not in _INVISIBLE:
        return char
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def defuse_commands(line: str) -> str:
    """The line, so that a CI runner reads no workflow command in it.

    GitHub's runner takes a line that starts with `::` (after blanks), and `##[` anywhere.
    """
    return _COMMAND.sub(r"\1: :", line.replace("##[", "# #["))


def measure_width(text: str) -> int:
    """Columns of a terminal that the text takes: wide characters take two."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def cut_text(text: str, width: int) -> str:
    """The text cut to `width` columns, with ` ...` where something was taken off."""
    if measure_width(text) <= width:
        return text
    room = max(0, width - 4)
    kept, used = [], 0
    for char in text:
        used += measure_width(char)
        if used > room:
            break
        kept.append(char)
    return ("".join(kept).rstrip() + " ...")[: max(0, width)]


def quote_ends(text: str | None, width: int, *, unicode: bool = False) -> str:
    """As `quote_text`, but a long text loses its middle: what came last may be what is wrong."""
    room = width - 2 - len(_GAP)
    if text is None or room < _MIN_ENDS:
        return quote_text(text, width, unicode=unicode)
    if len(text) <= 4 * width and measure_width(show_text(text, unicode=unicode)) <= width - 2:
        return quote_text(text, width, unicode=unicode)
    tail = _keep(reversed(text[-width:]), room // 3, unicode=unicode)
    head = _keep(iter(text), room - sum(map(measure_width, tail)), unicode=unicode)
    return f'"{"".join(head)}{_GAP}{"".join(reversed(tail))}"'


def _keep(chars: Iterator[str], width: int, *, unicode: bool) -> list[str]:
    """The characters as they are shown, as many as fit."""
    kept: list[str] = []
    for char in chars:
        shown = show_text(char, unicode=unicode)
        width -= measure_width(shown)
        if width < 0:
            break
        kept.append(shown)
    return kept


def quote_text(text: str | None, width: int, *, unicode: bool = False) -> str:
    """The text in double quotes within `width` columns; None is `(no text)`."""
    if text is None:
        return "(no text)"
    # Only so much can be shown: a 10 MB output is not walked to its end.
    shown = show_text(text[: 4 * max(width, 1)], unicode=unicode)
    if len(text) > 4 * max(width, 1):
        shown += " " * (width + 1)
    return f'"{cut_text(shown, max(1, width - 2))}"'

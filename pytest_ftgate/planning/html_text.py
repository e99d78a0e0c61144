"""The visible text of an HTML document, in time linear in its length.

No tree is built: `html.parser` takes half a minute for 60 KB of `<a `, and a tree of 100,000 nested
elements stops selectolax too. Text between tags is all that a search index needs.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

_HIDDEN = {
    name: re.compile(f"</{name}", re.IGNORECASE) for name in ("script", "style", "noscript", "template")
}
"""Elements whose content nobody sees, with what ends it."""
_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "caption", "dd", "div", "dl", "dt", "fieldset", "figcaption",
    "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol",
    "option", "p", "pre", "section", "table", "title", "tr", "ul",
})  # fmt: skip
"""Elements that begin and end a paragraph."""
_GAPS = {"br": "\n", "td": " ", "th": " "}

_NAME = re.compile(r"/?([a-zA-Z][a-zA-Z0-9:-]*)")
_TAG_SIGNS = re.compile(r"[>\"']")


def strip_html(text: str) -> str:
    """The text with tags, comments, scripts and styles taken out, and entities read."""
    return "".join(_read_parts(text))


def _read_parts(text: str) -> Iterator[str]:
    place = 0
    while True:
        start = text.find("<", place)
        if start < 0:
            yield _unescape(text[place:])
            return
        yield _unescape(text[place:start])
        name = _NAME.match(text, start + 1)
        if name is None:
            place = _skip_declaration(text, start)
            if place == start + 1:
                yield "<"
            continue
        element = name[1].lower()
        place = _skip_tag(text, name.end())
        if element in _HIDDEN and text[start + 1] != "/":
            # What is never closed hides the rest, as in a browser.
            end = _HIDDEN[element].search(text, place)
            place = end.start() if end else len(text)
        yield "\n\n" if element in _BLOCKS else _GAPS.get(element, "")


def _skip_declaration(text: str, start: int) -> int:
    """The place behind a comment or declaration; of the character after `<` where it is neither."""
    if text.startswith("<!--", start):
        end = _find_end(text, "-->", start + 4)
        return min(end + 3, len(text))
    if text.startswith(("<!", "<?", "</"), start):
        return min(_find_end(text, ">", start) + 1, len(text))
    return start + 1


def _skip_tag(text: str, place: int) -> int:
    """The place behind the `>` of a tag; one within quotes is none."""
    while sign := _TAG_SIGNS.search(text, place):
        if sign[0] == ">":
            return sign.end()
        place = _find_end(text, sign[0], sign.end()) + 1
    return len(text)


def _find_end(text: str, what: str, place: int) -> int:
    found = text.find(what, place)
    return len(text) if found < 0 else found


def _unescape(text: str) -> str:
    try:
        return html.unescape(text) if "&" in text else text
    except ValueError:
        # A character reference of more digits than Python reads as a number.
        return text

"""Signatures: short, normalised, and the same for the same failure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pytest_ftgate.model.grade import KINDS, kind_of

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_MAX_CHARS = 160


def clean(text: str, limit: int = 60) -> str:
    """`text` without control characters and lone surrogates, on one line, at most `limit` characters."""
    if len(text) <= limit and text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    flat = " ".join(_CONTROL.sub(" ", text[: limit * 4]).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def fold_pointer(path: Iterable[str | int]) -> str:
    """A JSON pointer with array indices folded to `*`; the root is `/`."""
    parts = ["*" if isinstance(part, int) else escape_part(part) for part in path]
    return clean("/" + "/".join(parts), _MAX_CHARS)


def escape_part(part: str) -> str:
    """A key as part of a JSON pointer (RFC 6901)."""
    return part.replace("~", "~0").replace("/", "~1")


_RANKS = {kind: place for place, kind in enumerate(KINDS)}
_BUDGETS = frozenset(("call:slow", "call:fast", "call:expensive", "call:cheap"))


def rank(signature: str) -> int:
    """Place of the signature's kind in the order of attribution; unknown kinds come last.

    So do missed budgets: an answer that is also wrong has failed as a wrong answer, which no faster or
    cheaper call would mend.
    """
    kind = kind_of(signature)
    if signature in _BUDGETS:
        return len(KINDS)
    return _RANKS.get(kind, len(KINDS))


def order(signatures: Iterable[str]) -> tuple[str, ...]:
    """Without repetition, in the order of attribution; equals keep their order."""
    found = tuple(dict.fromkeys(signatures))
    return tuple(sorted(found, key=rank)) if len(found) > 1 else found


def type_name(value: object) -> str:
    """The JSON type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "integer" if isinstance(value, int) else "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list | tuple) else "object"

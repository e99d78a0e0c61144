"""What a plain YAML scalar means: JSON types only.

Words follow YAML 1.2 (core schema): `null`, `~` and nothing at all are null, `true` and `false`
(also Capitalised and UPPERCASE) are booleans; `yes`, `no`, `on`, `off` are strings. Numbers are read
where JSON would read them, or with a bare dot (`.5`, `1.`): `007`, `+49`, `0x1F`, `1_000`, `12:30`
and dates stay strings, so that no zip code, phone number or id loses a character.
"""

from __future__ import annotations

import math
import re

from pytest_ftgate.model.evalset import Json

WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INT = re.compile(r"-?(?:0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")
_NUMBER_START = frozenset("-.0123456789")
MAX_DIGITS = 1_000


class ScalarError(ValueError):
    """A scalar that is no JSON value; the text says why and what to write."""


def read_plain(text: str) -> Json:
    """The value of an unquoted scalar. Raises ScalarError for numbers that JSON cannot hold."""
    if text in WORDS:
        return WORDS[text]
    if text[0] not in _NUMBER_START:
        if text[0] == "+" and _NOT_FINITE.match(text):
            raise ScalarError(f"{text} is no JSON number; quote it if it is text")
        return text
    if _INT.match(text):
        return read_int(text)
    if _FLOAT.match(text):
        return read_float(text)
    if _NOT_FINITE.match(text):
        raise ScalarError(f"{text} is no JSON number; quote it if it is text")
    return text


def read_int(text: str) -> int:
    """An integer of at most 1,000 digits (Python refuses to convert much longer ones)."""
    if len(text) > MAX_DIGITS:
        raise ScalarError(f"a number of {len(text)} digits (at most {MAX_DIGITS}); quote it if it is text")
    return int(text)


def read_float(text: str) -> float:
    """A finite float: `1e999` would become infinity, which JSON does not know."""
    value = float(text)
    if math.isinf(value):
        raise ScalarError(f"the number {text[:30]} is too large; quote it if it is text")
    return value


def read_tagged(tag: str, text: str) -> Json:
    """The value of a scalar with a tag of YAML's own (`!!str 12`). Raises ScalarError for others."""
    kind = tag.removeprefix("tag:yaml.org,2002:")
    if kind in ("str", "!"):
        return text
    if kind not in ("int", "float", "bool", "null"):
        raise ScalarError(f"the tag {tag[:60]!r} is not allowed: only plain JSON values are")
    value = read_plain(text)
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    allowed = {"int": int, "float": float, "bool": bool, "null": type(None)}[kind]
    if type(value) is not allowed:
        raise ScalarError(f"{text[:60]!r} is not what its tag !!{kind} says")
    return value

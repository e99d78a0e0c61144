"""How values and their types are named in messages."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pytest_ftgate.errors import suggest
from pytest_ftgate.model.evalset import Json

MAX_SHOWN = 60


def show(value: Json) -> str:
    """A value for a message: JSON, one line, at most 60 characters, control characters escaped."""
    if isinstance(value, dict | list) and not value:
        return "{}" if isinstance(value, dict) else "[]"
    if isinstance(value, dict):
        return f"a mapping with {join(list(value)[:3])}{', …' if len(value) > 3 else ''}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = json.dumps(value[: MAX_SHOWN + 1] if isinstance(value, str) else value, ensure_ascii=True)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"


def name_type(value: Json) -> str:
    """What a user calls the type of a JSON value, article included."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "a mapping" if isinstance(value, dict) else "a list"


def describe(value: Json) -> str:
    """The value with its type, as in `"x" (a string)`."""
    if value is None:
        return "null"
    if isinstance(value, dict | list) and value:
        return show(value)
    return f"{show(value)} ({name_type(value)})"


def join(names: Sequence[str], last: str = ", ") -> str:
    """Names in backticks: `a`, `b`, `c`, with `last` before the last one."""
    quoted = [f"`{quote(name)}`" for name in names]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + last + quoted[-1]


def quote(name: str) -> str:
    """A name from a file, safe to print: at most 60 characters, control characters escaped."""
    text = json.dumps(name[: MAX_SHOWN + 1], ensure_ascii=True)[1:-1]
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"


def say_unknown(what: str, name: str, known: Sequence[str]) -> str:
    """`unknown key 'x'. Did you mean …? Known: ….`"""
    return f"unknown {what} '{quote(name)}'.{suggest(name[:MAX_SHOWN], known)}"


def say_wrong_type(wanted: str, value: Json) -> str:
    """`must be a list, got "x" (a string)`."""
    return f"must be {wanted}, got {describe(value)}"

"""Typed reading of JSON objects: each function returns a key's value or raises ValueError naming it.

`at` is where the object stands in its document (`grades/0`); it opens the error message.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_MISSING: Any = object()


def wrong_value(key: str, value: object, wanted: str, at: str = "") -> ValueError:
    """The error for a value that is not `wanted`."""
    place = f"{at}/{key}" if at else key
    if value is _MISSING:
        return ValueError(f"{place}: is missing; must be {wanted}")
    return ValueError(f"{place}: must be {wanted}, not {_shorten(value)}")


def _shorten(value: object) -> str:
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:40] + "...")
    return (
        repr(value)[:43] if isinstance(value, bool | int | float) or value is None else type(value).__name__
    )


def read_text(body: Mapping[str, Any], key: str, *, default: str | None = None, at: str = "") -> str:
    """A text; `default` makes the key optional."""
    value = body.get(key, _MISSING if default is None else default)
    if not isinstance(value, str):
        raise wrong_value(key, value, "text", at)
    return value


def read_text_or_none(body: Mapping[str, Any], key: str, *, at: str = "") -> str | None:
    """A text, or None where the key is absent or null."""
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise wrong_value(key, value, "text or null", at)
    return value


def read_texts(body: Mapping[str, Any], key: str, *, at: str = "") -> tuple[str, ...]:
    """A list of texts; absent or null is ()."""
    value = body.get(key)
    if not value and (value is None or isinstance(value, list | tuple)):
        return ()
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise wrong_value(key, value, "a list of texts", at)
    return tuple(value)


def read_objects(body: Mapping[str, Any], key: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The objects of a list, each with its place (`key/0`); absent or null is []."""
    value = body.get(key)
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise wrong_value(key, value, "a list of objects")
    for index, item in enumerate(value):
        if not isinstance(item, Mapping):
            raise wrong_value(str(index), item, "an object", key)
    return [(f"{key}/{index}", item) for index, item in enumerate(value)]


def read_count(
    body: Mapping[str, Any], key: str, *, default: int | None = None, minimum: int = 0, at: str = ""
) -> int:
    """A whole number of at least `minimum`; `default` makes the key optional."""
    value = body.get(key, _MISSING if default is None else default)
    if type(value) is not int or value < minimum:
        raise wrong_value(key, value, f"a whole number, {minimum} or more", at)
    return value


def read_number_or_none(body: Mapping[str, Any], key: str, *, at: str = "") -> float | None:
    """A finite number as float, or None where the key is absent or null."""
    value = body.get(key)
    if value is None:
        return None
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise ValueError(f"{key}: the number is too large") from None
    if type(value) is not float or not math.isfinite(value):
        raise wrong_value(key, value, "a finite number or null", at)
    return value


def read_flag(body: Mapping[str, Any], key: str, default: bool, *, at: str = "") -> bool:
    """True or false."""
    value = body.get(key, default)
    if type(value) is not bool:
        raise wrong_value(key, value, "true or false", at)
    return value


def read_choice(body: Mapping[str, Any], key: str, allowed: frozenset[str], *, at: str = "") -> Any:
    """One of `allowed`."""
    value = body.get(key, _MISSING)
    if not isinstance(value, str) or value not in allowed:
        raise wrong_value(key, value, "one of " + ", ".join(sorted(allowed)), at)
    return value


def read_choice_or_none(body: Mapping[str, Any], key: str, allowed: frozenset[str]) -> Any:
    """One of `allowed`, or None where the key is absent or null."""
    return None if body.get(key) is None else read_choice(body, key, allowed)

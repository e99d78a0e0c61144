"""The strict reading: the whole text is one JSON document (RFC 8259), or it is not JSON."""

from __future__ import annotations

import json
import re
from itertools import accumulate
from typing import Any, Literal, NamedTuple, TypeAlias

from pytest_ftgate.grading.limits import MAX_JSON_CHARS, MAX_JSON_COMMAS, MAX_JSON_DEPTH
from pytest_ftgate.model.evalset import Json

Problem: TypeAlias = Literal["too_large", "too_deep", "nan", "syntax"]

# A string that never ends swallows the rest: one attempt a quote would be quadratic.
_STRING = r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)'
_STRINGS = re.compile(_STRING, re.DOTALL)
_BRACKET = re.compile(rf"{_STRING}|[\[\]{{}}]", re.DOTALL)
_OTHER = re.compile(r"[^\[\]{}]++")
_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}
_MAX_INT_DIGITS = 4_000
_SPACE = " \t\n\r"


class StrictJson(NamedTuple):
    """`value` counts where `problem` is None. `duplicate_keys`: the last of equal keys won.

    `position`: offset of the problem in the text, None where it has no place.
    """

    value: Json = None
    problem: Problem | None = None
    message: str = ""
    position: int | None = None
    duplicate_keys: tuple[str, ...] = ()

    @property
    def is_valid(self) -> bool:
        return self.problem is None


class _NotANumberError(ValueError):
    pass


class _DuplicateKeyError(Exception):
    pass


def _refuse_constant(name: str) -> Any:
    raise _NotANumberError(name)


def _read_int(digits: str) -> int | float:
    return int(digits) if len(digits) < _MAX_INT_DIGITS else float(digits)


def _build_unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _DuplicateKeyError
    return value


_UNIQUE = json.JSONDecoder(object_pairs_hook=_build_unique, parse_constant=_refuse_constant)
"""Made once: that costs as much as reading a short text."""


def _read_unique(text: str) -> Json:
    """As `_UNIQUE.decode`, which looks for white space before and behind by regular expressions."""
    try:
        value, end = _UNIQUE.scan_once(text, 0)  # type: ignore[attr-defined]
        if not text[end:].strip(_SPACE):
            return value
    except StopIteration:  # no value begins there
        pass
    return _UNIQUE.decode(text)


def _read(text: str, duplicates: list[str]) -> Json:
    """The value of a text; its duplicate keys are added to `duplicates`."""

    def build(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        value = dict(pairs)
        if len(value) != len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                (duplicates.append if key in seen else seen.add)(key)
        return value

    # No text this short holds an integer that Python refuses or takes long to read.
    if len(text) < _MAX_INT_DIGITS and not text.startswith("\ufeff"):
        try:
            return _read_unique(text)
        except _DuplicateKeyError:
            pass
    return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=build, parse_int=_read_int)


def find_too_deep(text: str) -> int | None:
    """Offset of the first bracket outside strings that nests deeper than MAX_JSON_DEPTH, or None."""
    if text.count("[") + text.count("{") <= MAX_JSON_DEPTH:
        return None
    brackets = _OTHER.sub("", _STRINGS.sub("", text))
    if max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) <= MAX_JSON_DEPTH:
        return None
    depth = 0
    for match in _BRACKET.finditer(text):
        depth += _STEPS.get(match.group(), 0)
        if depth > MAX_JSON_DEPTH:
            return match.start()
    return None


def is_too_deep(text: str) -> bool:
    """Whether brackets outside strings nest deeper than MAX_JSON_DEPTH."""
    return find_too_deep(text) is not None


def parse_strict(text: str) -> StrictJson:
    """Parse the whole text; NaN and Infinity are refused, duplicate keys noted. Never raises."""
    if len(text) > MAX_JSON_CHARS or text.count(",") > MAX_JSON_COMMAS:
        return StrictJson(
            problem="too_large",
            message=f"the answer is too large to be read as JSON ({len(text)} characters)",
        )
    too_deep = find_too_deep(text)
    if too_deep is not None:
        what = f"nested deeper than {MAX_JSON_DEPTH} levels"
        return StrictJson(problem="too_deep", message=what, position=too_deep)
    duplicates: list[str] = []
    try:
        value = _read(text, duplicates)
    except json.JSONDecodeError as error:
        return StrictJson(problem="syntax", message=error.msg, position=error.pos)
    except _NotANumberError as error:
        return StrictJson(problem="nan", message=f"{error} is no JSON number")
    except (ValueError, RecursionError) as error:
        return StrictJson(problem="syntax", message=type(error).__name__)
    return StrictJson(value=value, duplicate_keys=tuple(duplicates))

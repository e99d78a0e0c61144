"""The strict reading: the whole text is one JSON document (RFC 8259), or it is not JSON."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pytest_ftgate.grading.limits import MAX_JSON_CHARS, MAX_JSON_COMMAS, MAX_JSON_DEPTH
from pytest_ftgate.model.evalset import Json

Problem: TypeAlias = Literal["too_large", "too_deep", "nan", "syntax"]

# A string that never ends swallows the rest: one attempt a quote would be quadratic.
_BRACKET = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
_MAX_INT_DIGITS = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StrictJson:
    """`value` counts where `problem` is None. `duplicate_keys`: the last of equal keys won."""

    value: Json = None
    problem: Problem | None = None
    message: str = ""
    duplicate_keys: tuple[str, ...] = ()

    @property
    def is_valid(self) -> bool:
        return self.problem is None


class _NotANumberError(ValueError):
    pass


def _refuse_constant(name: str) -> Any:
    raise _NotANumberError(name)


def _read_int(digits: str) -> int | float:
    return int(digits) if len(digits) < _MAX_INT_DIGITS else float(digits)


def is_too_deep(text: str) -> bool:
    """Whether brackets outside strings nest deeper than MAX_JSON_DEPTH."""
    if text.count("[") + text.count("{") <= MAX_JSON_DEPTH:
        return False
    depth = 0
    for match in _BRACKET.finditer(text):
        token = match.group()
        if token in ("[", "{"):
            depth += 1
            if depth > MAX_JSON_DEPTH:
                return True
        elif token in ("]", "}"):
            depth -= 1
    return False


def parse_strict(text: str) -> StrictJson:
    """Parse the whole text; NaN and Infinity are refused, duplicate keys noted. Never raises."""
    if len(text) > MAX_JSON_CHARS or text.count(",") > MAX_JSON_COMMAS:
        return StrictJson(
            problem="too_large",
            message=f"the answer is too large to be read as JSON ({len(text)} characters)",
        )
    if is_too_deep(text):
        return StrictJson(problem="too_deep", message=f"nested deeper than {MAX_JSON_DEPTH} levels")
    duplicates: list[str] = []

    def build(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        value = dict(pairs)
        if len(value) != len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                (duplicates.append if key in seen else seen.add)(key)
        return value

    try:
        value = json.loads(
            text, parse_constant=_refuse_constant, object_pairs_hook=build, parse_int=_read_int
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        return StrictJson(problem="syntax", message=f"{error.msg} at {where}")
    except _NotANumberError as error:
        return StrictJson(problem="nan", message=f"{error} is no JSON number")
    except (ValueError, RecursionError) as error:
        return StrictJson(problem="syntax", message=type(error).__name__)
    return StrictJson(value=value, duplicate_keys=tuple(duplicates))

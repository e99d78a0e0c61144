"""How a field of an expected JSON value is compared: the rules of grader `json-fields`."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pytest_ftgate.grading.grades import GraderError, show
from pytest_ftgate.grading.schema import freeze
from pytest_ftgate.grading.signatures import fold_pointer, type_name
from pytest_ftgate.grading.written_dates import find_form_problem, is_same_date, read_date
from pytest_ftgate.model.evalset import Json

_NAMES: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_FLAG_OR_NAMES: dict[str, Any] = {"anyOf": [{"type": "boolean"}, _NAMES]}
_LIMIT: dict[str, Any] = {"type": "number", "minimum": 0}
_RULE: dict[str, Any] = {
    "anyOf": [
        {"enum": ["exact", "ignore", "case_insensitive", "set", "date"]},
        {
            "type": "object",
            "properties": {"tolerance": _LIMIT, "relative_tolerance": _LIMIT},
            "minProperties": 1,
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {"date": {"type": "string", "minLength": 1, "maxLength": 64}},
            "required": ["date"],
            "additionalProperties": False,
        },
    ]
}
OPTIONS: dict[str, Any] = {
    "ignore": _NAMES,
    "numeric_tolerance": _LIMIT,
    "case_insensitive": _FLAG_OR_NAMES,
    "sets": _FLAG_OR_NAMES,
    "fields": {"type": "object", "additionalProperties": _RULE},
}
NUMBERS = ("integer", "number")

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRule:
    """How one field is compared. `date_form`: the form of the answer's dates (strptime), None = any."""

    is_ignored: bool = False
    is_set: bool = False
    is_case_insensitive: bool = False
    is_date: bool = False
    date_form: str | None = None
    tolerance: float = 0.0
    relative_tolerance: float = 0.0

    def is_same(self, got: Json, expected: Json) -> bool:
        """Whether the value of a field is right. Raises GraderError where `expected` is no date."""
        if not self.is_date and type(got) is type(expected) and type(got) in (str, int) and got == expected:
            return True
        if type_name(got) in NUMBERS and type_name(expected) in NUMBERS:
            return got == expected or self._is_close(got, expected)
        if self.is_date and isinstance(got, str) and isinstance(expected, str):
            return self._is_same_date(got, expected)
        if isinstance(got, list) and isinstance(expected, list):
            return self._is_same_set(got, expected)
        return bool(freeze(self._fold(got)) == freeze(self._fold(expected)))

    def _is_same_set(self, got: list[Json], expected: list[Json]) -> bool:
        """Whether each item of one list is among the other's; numbers under the tolerances."""
        has_tolerance = self.tolerance > 0 or self.relative_tolerance > 0
        ours, theirs = (
            {freeze(self._fold(item)) for item in items if not (has_tolerance and _is_number(item))}
            for items in (got, expected)
        )
        if ours != theirs or not has_tolerance:
            return ours == theirs
        left, right = (sorted(filter(_is_number, items)) for items in (got, expected))
        return all(
            any(self._is_near(item, near) for near in _list_neighbours(item, right)) for item in left
        ) and all(any(self._is_near(near, item) for near in _list_neighbours(item, left)) for item in right)

    def _is_near(self, got: float, expected: float) -> bool:
        return got == expected or self._is_close(got, expected)

    def _is_same_date(self, got: str, expected: str) -> bool:
        wanted = read_date(expected)
        if wanted is None and self.date_form is not None:
            wanted = read_date(expected, self.date_form)
        if wanted is None:
            raise GraderError(
                f"the expected value {show(expected)} of a field with the rule `date` is no date; "
                "write it as 2026-01-31"
            )
        found = read_date(got, self.date_form)
        return found is not None and is_same_date(found, wanted)

    def _fold(self, value: Json) -> Json:
        if self.is_case_insensitive and isinstance(value, str):
            return " ".join(value.casefold().split())
        return value

    def _is_close(self, got: float, expected: float) -> bool:
        try:
            if not math.isfinite(got) or not math.isfinite(expected):
                return False
            allowed = max(self.tolerance, self.relative_tolerance * abs(expected))
            return abs(got - expected) <= allowed + 1e-12 * abs(expected)
        except OverflowError:
            # An integer beyond the range of floats, which an answer may well hold.
            return False


def _is_number(value: Json) -> bool:
    return type_name(value) in NUMBERS


def _list_neighbours(number: float, ordered: list[float]) -> list[float]:
    """The nearest of the sorted numbers on either side: where none of them is near, no other is."""
    position = bisect_left(ordered, number)
    return ordered[max(0, position - 1) : position + 1]


MAX_FIELDS = 4096


class FieldRules:
    """The rules of one grader. Names and pointers (indices as `*`) name fields; a pointer goes first.

    An entry of `fields` goes before the options for several fields: `exact` and `ignore` replace what they
    say of the field, the others add to it.
    """

    def __init__(self, options: Mapping[str, Json]) -> None:
        self.options = options
        self._found: dict[Path, tuple[FieldRule, str]] = {}

    def find(self, path: Path) -> tuple[FieldRule, str]:
        """The rule of a field, and its pointer with indices as `*`."""
        known = self._found.get(path)  # most fields are in no list
        if known is not None:
            return known
        folded = tuple([0 if isinstance(part, int) else part for part in path])
        known = self._found.get(folded)
        if known is None:
            if len(self._found) >= MAX_FIELDS:  # of answers with ever new fields
                self._found.clear()
            pointer = fold_pointer(folded)
            name = next((part for part in reversed(folded) if isinstance(part, str)), None)
            known = self._found[folded] = (self._make(name, pointer), pointer)
        return known

    def _make(self, name: str | None, pointer: str) -> FieldRule:
        def has(option: str) -> bool:
            names = self.options.get(option, ())
            return names if isinstance(names, bool) else name in names or pointer in names

        own = self.options.get("fields", {})
        stated = own.get(pointer, own.get(name) if name is not None else None)
        if stated == "exact":
            return FieldRule()
        rule = FieldRule(
            is_ignored=has("ignore") if stated is None else stated == "ignore",
            is_set=has("sets") or stated == "set",
            is_case_insensitive=has("case_insensitive") or stated == "case_insensitive",
            is_date=stated == "date",
            tolerance=float(self.options.get("numeric_tolerance", 0.0)),
        )
        if not isinstance(stated, Mapping):
            return rule
        if "date" in stated:
            return replace(rule, is_date=True, date_form=stated["date"])
        return replace(
            rule,
            tolerance=float(stated.get("tolerance", 0.0)),
            relative_tolerance=float(stated.get("relative_tolerance", 0.0)),
        )

    def problems(self) -> tuple[str, ...]:
        """What is wrong with the rules themselves."""
        found = []
        for name, rule in self.options.get("fields", {}).items():
            if isinstance(rule, Mapping) and "date" in rule:
                problem = find_form_problem(rule["date"])
                found += [f"fields: {name}: {problem}"] if problem else []
        return tuple(found)

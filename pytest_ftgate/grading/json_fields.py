"""Grader `json-fields`: the answer's JSON against the expected one, field by field."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pytest_ftgate.grading.grades import GraderError, Problem, Problems, judge_problems, show
from pytest_ftgate.grading.json_documents import judge_json
from pytest_ftgate.grading.schema import freeze
from pytest_ftgate.grading.signatures import escape_part, fold_pointer, type_name
from pytest_ftgate.model.evalset import Json
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.protocols import GradeContext

_NAMES: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_FLAG_OR_NAMES: dict[str, Any] = {"anyOf": [{"type": "boolean"}, _NAMES]}
_NUMBERS = ("integer", "number")
_MAX_PROBLEMS = 50

_Path = tuple[str | int, ...]


@dataclass(slots=True)
class _Comparison:
    """`ignore`, `case_insensitive` and `sets` name fields by name or by pointer (indices as `*`)."""

    tolerance: float
    ignore: Any
    case_insensitive: Any
    sets: Any
    is_extra_wrong: bool
    fields: dict[str, bool] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def compare(self, got: Json, expected: Json, path: _Path) -> None:
        if isinstance(expected, Mapping) and isinstance(got, Mapping):
            self.compare_objects(got, expected, path)
        elif isinstance(expected, list) and isinstance(got, list) and not self.is_named(self.sets, path):
            self.compare_lists(got, expected, path)
        else:
            self.compare_leaves(got, expected, path)

    def compare_objects(self, got: Mapping[str, Json], expected: Mapping[str, Json], path: _Path) -> None:
        for name, value in expected.items():
            inner = (*path, name)
            if self.is_named(self.ignore, inner):
                continue
            if name in got:
                self.compare(got[name], value, inner)
            else:
                self.fail(inner, f"schema:required:{fold_pointer(inner)}", "is missing")
        for name in got if self.is_extra_wrong else ():
            if name not in expected and not self.is_named(self.ignore, (*path, name)):
                self.fail(path, f"schema:additionalProperties:{fold_pointer(path)}", f"has also {show(name)}")

    def compare_lists(self, got: list[Json], expected: list[Json], path: _Path) -> None:
        if len(got) != len(expected):
            reason = f"has {len(got)} items, expected {len(expected)}"
            self.fail(path, f"value:{fold_pointer(path)}", reason)
            return
        if not expected:
            self.note(path, is_right=True)
        for index, (left, right) in enumerate(zip(got, expected, strict=True)):
            self.compare(left, right, (*path, index))

    def compare_leaves(self, got: Json, expected: Json, path: _Path) -> None:
        if self.is_same(got, expected, path):
            self.note(path, is_right=True)
            return
        have, want = type_name(got), type_name(expected)
        pointer = fold_pointer(path)
        is_same_type = have == want or (have in _NUMBERS and want in _NUMBERS)
        # A null says "no value": wrong content, not a wrong shape.
        if is_same_type or "null" in (have, want):
            self.fail(path, f"value:{pointer}", f"is {show(got)}, expected {show(expected)}")
        else:
            self.fail(path, f"schema:type:{pointer}:{have}", f"is {have} {show(got)}, expected {want}")

    def is_same(self, got: Json, expected: Json, path: _Path) -> bool:
        if type_name(got) in _NUMBERS and type_name(expected) in _NUMBERS:
            return got == expected or _is_close(got, expected, self.tolerance)
        if isinstance(got, list) and isinstance(expected, list):
            left = [freeze(self.fold(item, path)) for item in got]
            right = [freeze(self.fold(item, path)) for item in expected]
            return set(left) == set(right)
        return bool(freeze(self.fold(got, path)) == freeze(self.fold(expected, path)))

    def fold(self, value: Json, path: _Path) -> Json:
        if isinstance(value, str) and self.is_named(self.case_insensitive, path):
            return " ".join(value.casefold().split())
        return value

    def is_named(self, names: Any, path: _Path) -> bool:
        if isinstance(names, bool):
            return names
        last = next((part for part in reversed(path) if isinstance(part, str)), None)
        return last in names or fold_pointer(path) in names

    def note(self, path: _Path, *, is_right: bool) -> None:
        pointer = fold_pointer(path)
        self.fields[pointer] = self.fields.get(pointer, True) and is_right

    def fail(self, path: _Path, signature: str, reason: str) -> None:
        self.note(path, is_right=False)
        if len(self.problems) < _MAX_PROBLEMS:
            exact = "/" + "/".join(escape_part(str(part)) for part in path)
            self.problems.append(Problem(signature, f"{exact} {reason}"))


def _is_close(got: float, expected: float, tolerance: float) -> bool:
    try:
        if not math.isfinite(got) or not math.isfinite(expected):
            return False
        return abs(got - expected) <= tolerance + 1e-12 * abs(expected)
    except OverflowError:
        # An integer beyond the range of floats, which an answer may well hold.
        return False


class JsonFields:
    """Every field of the expected value is in the answer's JSON, with the same value.

    `Grade.fields` maps the pointer of each compared field (indices as `*`) to whether it was right.
    `sets`: lists where order and repetition do not count. `extra: fail` also refuses further fields.
    """

    is_format = True
    needs_expected = True
    options: Mapping[str, Json] = {
        "ignore": _NAMES,
        "numeric_tolerance": {"type": "number", "minimum": 0},
        "case_insensitive": _FLAG_OR_NAMES,
        "sets": _FLAG_OR_NAMES,
        "extra": {"enum": ["allow", "fail"]},
    }
    value: Mapping[str, Json] = {}
    reads_expected = "whole"

    def grade(self, ctx: GradeContext) -> Grade:
        if not isinstance(ctx.expected, dict | list):
            raise GraderError(f"needs an expected object or list, got {show(ctx.expected)}")
        comparison = self._start(ctx)

        def check(value: Json) -> Problems:
            comparison.compare(value, ctx.expected, ())
            return sorted(comparison.problems, key=_is_value)

        grade = judge_json(ctx, check)
        return replace(grade, fields=dict(comparison.fields) or self._all_failed(ctx))

    def _start(self, ctx: GradeContext) -> _Comparison:
        options = ctx.spec.options
        return _Comparison(
            tolerance=float(options.get("numeric_tolerance", 0.0)),
            ignore=options.get("ignore", ()),
            case_insensitive=options.get("case_insensitive", False),
            sets=options.get("sets", False),
            is_extra_wrong=options.get("extra") == "fail",
        )

    def _all_failed(self, ctx: GradeContext) -> dict[str, bool]:
        """Without any JSON every expected field is wrong: per-field rates keep their denominators."""
        probe = self._start(ctx)
        return dict.fromkeys(_leaf_pointers(ctx.expected, (), probe), False)

    def format_grade(self, ctx: GradeContext) -> Grade:
        """Only whether it is JSON: fields and types follow from the expected value, which must not leak."""
        return judge_json(ctx, lambda _: ()) if ctx.has_expected else judge_problems(ctx, ())


def _is_value(problem: Problem) -> bool:
    return problem.signature.startswith("value:")


def _leaf_pointers(expected: Json, path: _Path, comparison: _Comparison) -> Iterator[str]:
    if comparison.ignore and path and comparison.is_named(comparison.ignore, path):
        return
    if isinstance(expected, Mapping) and expected:
        for name, value in expected.items():
            yield from _leaf_pointers(value, (*path, name), comparison)
    elif isinstance(expected, list) and expected and not comparison.is_named(comparison.sets, path):
        for index, value in enumerate(expected):
            yield from _leaf_pointers(value, (*path, index), comparison)
    else:
        yield fold_pointer(path)

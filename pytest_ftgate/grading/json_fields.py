"""Grader `json-fields`: the answer's JSON against the expected one, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pytest_ftgate.grading.field_rules import NUMBERS, OPTIONS, FieldRule, FieldRules, Path
from pytest_ftgate.grading.grades import GraderError, Problem, Problems, judge_problems, show
from pytest_ftgate.grading.json_documents import judge_json
from pytest_ftgate.grading.signatures import escape_part, fold_pointer, type_name
from pytest_ftgate.model.evalset import GraderSpec, Json
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.protocols import GradeContext

_MAX_PROBLEMS = 50


@dataclass(slots=True)
class _Comparison:
    rules: FieldRules
    is_extra_wrong: bool
    fields: dict[str, bool] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def compare(self, got: Json, expected: Json, path: Path, rule: FieldRule, pointer: str) -> None:
        if isinstance(expected, Mapping) and isinstance(got, Mapping):
            self.compare_objects(got, expected, path)
        elif isinstance(expected, list) and isinstance(got, list) and not rule.is_set:
            self.compare_lists(got, expected, path, pointer)
        else:
            self.compare_leaves(got, expected, path, rule, pointer)

    def compare_objects(self, got: Mapping[str, Json], expected: Mapping[str, Json], path: Path) -> None:
        for name, value in expected.items():
            inner = (*path, name)
            rule, pointer = self.rules.find(inner)
            if rule.is_ignored:
                continue
            if name in got:
                self.compare(got[name], value, inner, rule, pointer)
            else:
                self.fail(inner, pointer, f"schema:required:{pointer}", "is missing")
        for name in got if self.is_extra_wrong else ():
            if name not in expected and not self.rules.find((*path, name))[0].is_ignored:
                pointer = fold_pointer(path)
                self.fail(path, pointer, f"schema:additionalProperties:{pointer}", f"has also {show(name)}")

    def compare_lists(self, got: list[Json], expected: list[Json], path: Path, pointer: str) -> None:
        if len(got) != len(expected):
            reason = f"has {len(got)} items, expected {len(expected)}"
            self.fail(path, pointer, f"value:{pointer}", reason)
            return
        if not expected:
            self.fields.setdefault(pointer, True)
            return
        # All items have one rule.
        rule, pointer = self.rules.find((*path, 0))
        for index, (left, right) in enumerate(zip(got, expected, strict=True)):
            self.compare(left, right, (*path, index), rule, pointer)

    def compare_leaves(self, got: Json, expected: Json, path: Path, rule: FieldRule, pointer: str) -> None:
        if rule.is_same(got, expected):
            self.fields.setdefault(pointer, True)
            return
        have, want = type_name(got), type_name(expected)
        is_same_type = have == want or (have in NUMBERS and want in NUMBERS)
        # A null says "no value": wrong content, not a wrong shape.
        if is_same_type or "null" in (have, want):
            self.fail(path, pointer, f"value:{pointer}", f"is {show(got)}, expected {show(expected)}")
        else:
            reason = f"is {have} {show(got)}, expected {want}"
            self.fail(path, pointer, f"schema:type:{pointer}:{have}", reason)

    def fail(self, path: Path, pointer: str, signature: str, reason: str) -> None:
        self.fields[pointer] = False
        if len(self.problems) < _MAX_PROBLEMS:
            exact = "/" + "/".join(escape_part(str(part)) for part in path)
            self.problems.append(Problem(signature, f"{exact} {reason}"))


class JsonFields:
    """Every field of the expected value is in the answer's JSON, with the same value.

    `Grade.fields` maps the pointer of each compared field (indices as `*`) to whether it was right.
    `sets`: lists where order and repetition do not count. `fields`: a rule for each field that needs
    another than equality (grading/field_rules.py). `extra: fail` also refuses further fields.
    """

    is_format = True
    needs_expected = True
    options: Mapping[str, Json] = {**OPTIONS, "extra": {"enum": ["allow", "fail"]}}
    value: Mapping[str, Json] = {}
    reads_expected = "whole"

    def __init__(self) -> None:
        self._last = FieldRules({})

    def grade(self, ctx: GradeContext) -> Grade:
        if not isinstance(ctx.expected, dict | list):
            raise GraderError(f"needs an expected object or list, got {show(ctx.expected)}")
        rules = self._rules_of(ctx.spec)
        comparison = _Comparison(rules=rules, is_extra_wrong=ctx.spec.options.get("extra") == "fail")

        def check(value: Json) -> Problems:
            comparison.compare(value, ctx.expected, (), *rules.find(()))
            return sorted(comparison.problems, key=_is_value)

        grade = judge_json(ctx, check, fields=comparison.fields)
        if not comparison.fields:
            # Without any JSON every expected field is wrong: per-field rates keep their denominators. The
            # grade holds the same mapping.
            comparison.fields.update(dict.fromkeys(_leaf_pointers(ctx.expected, (), rules), False))
        return grade

    def _rules_of(self, spec: GraderSpec) -> FieldRules:
        """Case after case has the same options: what was found of a field holds for the next one."""
        last = self._last
        if last.options is not spec.options:
            last = self._last = FieldRules(spec.options)
        return last

    def problems(self, spec: GraderSpec) -> tuple[str, ...]:
        return FieldRules(spec.options).problems()

    def format_grade(self, ctx: GradeContext) -> Grade:
        """Only whether it is JSON: fields and types follow from the expected value, which must not leak."""
        return judge_json(ctx, lambda _: ()) if ctx.has_expected else judge_problems(ctx, ())


def _is_value(problem: Problem) -> bool:
    return problem.signature.startswith("value:")


def _leaf_pointers(expected: Json, path: Path, rules: FieldRules) -> Iterator[str]:
    rule, pointer = rules.find(path)
    if path and rule.is_ignored:
        return
    if isinstance(expected, Mapping) and expected:
        for name, value in expected.items():
            yield from _leaf_pointers(value, (*path, name), rules)
    elif isinstance(expected, list) and expected and not rule.is_set:
        for index, value in enumerate(expected):
            yield from _leaf_pointers(value, (*path, index), rules)
    else:
        yield pointer

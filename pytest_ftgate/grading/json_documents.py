"""Graders `is-json` and `contains-json`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pytest_ftgate.grading.grades import (
    GraderError,
    Problem,
    Problems,
    fail_grade,
    judge_problems,
    pass_grade,
)
from pytest_ftgate.grading.limits import MAX_RELAXED_CHARS
from pytest_ftgate.grading.parsed import TextOutput
from pytest_ftgate.grading.relaxed_json import read_relaxed
from pytest_ftgate.grading.schema import compile_schema
from pytest_ftgate.grading.strict_json import parse_strict
from pytest_ftgate.model.evalset import GraderSpec, Json
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.protocols import GradeContext

_OPTIONS: dict[str, Any] = {"schema": {"type": ["object", "boolean"]}}
# How often, on the whole, a text may be read in search of a document.
_MAX_SCANNED = 3
_MIN_SCANNED = 20_000
_MAX_FOUND = 50


def judge_json(ctx: GradeContext, check: Callable[[Json], Problems], **fields: Any) -> Grade:
    """Grade the JSON of an answer: its strict value, or what is wrong with the format.

    Where only a tolerant parser reads it, the problems of the recovered value are secondary. `fields`:
    further ones of the grade.
    """
    reading = ctx.parsed.reading
    problems = check(reading.value) if reading.has_value else ()
    if not reading.signatures:
        return judge_problems(ctx, problems, **fields)
    secondary = [*reading.signatures[1:], *(problem.signature for problem in problems)]
    return fail_grade(ctx, reading.signatures[0], reading.reason, secondary, **fields)


def check_schema(spec: GraderSpec, value: Json, parsed: TextOutput | None = None) -> Problems:
    """Problems of a value under the grader's `schema` option, `format:schema_echo` among them.

    That one's place is named where the value is all of `parsed`.
    """
    if "schema" not in spec.options:
        return ()
    schema = spec.options["schema"]
    problems = compile_schema(schema).problems(value)
    if problems and _is_schema_echo(value, schema):
        where = parsed.locate("schema_echo") if parsed is not None else "schema echo"
        echo = Problem("format:schema_echo", f"{where}: the schema is repeated in place of a value")
        return (echo, *problems)
    return problems


def find_schema_problem(spec: GraderSpec) -> str | None:
    """What is wrong with the `schema` option itself, or None."""
    try:
        if "schema" in spec.options:
            compile_schema(spec.options["schema"])
    except GraderError as error:
        return str(error)
    return None


def _is_schema_echo(value: Json, schema: Json) -> bool:
    if not isinstance(value, dict):
        return False
    if value == schema or "$schema" in value:
        return True
    named = schema.get("properties", {}) if isinstance(schema, Mapping) else {}
    properties = value.get("properties")
    looks_like_schema = value.get("type") == "object" or "required" in value
    return isinstance(properties, dict) and looks_like_schema and "properties" not in named


class IsJson:
    """The whole answer is one JSON document, valid under `schema` where one is given."""

    is_format = True
    needs_expected = False
    options: Mapping[str, Json] = _OPTIONS
    value = None
    reads_expected = "contains"

    def grade(self, ctx: GradeContext) -> Grade:
        return judge_json(ctx, lambda value: check_schema(ctx.spec, value, ctx.parsed))

    def problems(self, spec: GraderSpec) -> tuple[str, ...]:
        problem = find_schema_problem(spec)
        return (problem,) if problem else ()

    def negated_signature(self, _: GradeContext) -> str:
        return "style:forbidden:json"


class ContainsJson:
    """The text contains a JSON object or array (valid under `schema` where one is given)."""

    is_format = True
    needs_expected = False
    options: Mapping[str, Json] = _OPTIONS
    value = None
    reads_expected = "contains"

    def grade(self, ctx: GradeContext) -> Grade:
        found = _find_values(ctx.parsed)
        if not found:
            grade = judge_json(ctx, lambda value: check_schema(ctx.spec, value))
            if grade.outcome == "failed":
                return grade
            return fail_grade(ctx, "format:not_json", "no JSON object or array in the text")
        worst: Problems = ()
        for value in found:
            problems = check_schema(ctx.spec, value)
            if not problems:
                return pass_grade(ctx)
            worst = worst or problems
        return judge_problems(ctx, worst)

    def problems(self, spec: GraderSpec) -> tuple[str, ...]:
        problem = find_schema_problem(spec)
        return (problem,) if problem else ()

    def negated_signature(self, _: GradeContext) -> str:
        return "style:forbidden:json"


def _find_values(parsed: TextOutput) -> list[Json]:
    """Objects and arrays in the text that are strict JSON where they stand."""
    if parsed.strict.is_valid:
        return [parsed.strict.value] if isinstance(parsed.strict.value, dict | list) else []
    found: list[Json] = []
    text = parsed.text
    if parsed.strict.problem == "too_large" or "too_large" in parsed.diagnosis.kinds:
        return found
    if parsed.tolerant and parsed.diagnosis.has_value:
        found.append(parsed.diagnosis.value)
    position = 0
    unread = _MAX_SCANNED * min(len(text), MAX_RELAXED_CHARS) + _MIN_SCANNED
    while unread > 0 and len(found) < _MAX_FOUND:
        starts = [start for mark in "[{" if (start := text.find(mark, position)) >= 0]
        if not starts:
            break
        document = read_relaxed(text, min(starts))
        unread -= document.end - document.start + 100
        strict = parse_strict(text[document.start : document.end])
        if strict.is_valid:
            found.append(strict.value)
            position = document.end
        else:
            position = document.start + 1
    return found

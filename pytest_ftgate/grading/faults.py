"""Faults of an evalset that only its graders can show: they void accuracy before a model is asked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pytest_ftgate.grading.apply import grade_answer
from pytest_ftgate.grading.field_rules import FieldRules, Path
from pytest_ftgate.grading.grades import read_text
from pytest_ftgate.grading.parsed import TextOutput
from pytest_ftgate.grading.tool_match import OPTIONAL, read_wanted
from pytest_ftgate.grading.transforms import list_transforms
from pytest_ftgate.grading.written_dates import read_date, write_date
from pytest_ftgate.model.evalset import TRANSFORMS, Case, Evalset, GraderSpec, Json
from pytest_ftgate.model.finding import Finding
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.response import Response, ToolCall
from pytest_ftgate.registry import Registries

BUDGETS = ("latency", "cost")
_PARTIAL_SCHEMA = (
    "schema:required:",
    "schema:minProperties:",
    "schema:minItems:",
    "schema:dependentRequired:",
)


def find_faults(
    evalset: Evalset, graders: Mapping[str, tuple[GraderSpec, ...]], registries: Registries
) -> tuple[Finding, ...]:
    """Expected outputs that their own graders reject, and cases that an empty answer passes.

    `graders` maps a case id to its graders, values rendered. Graders that are not built in, and those
    that call a function of the project, are never run here: nothing is known of what they accept.
    """
    rejected: dict[tuple[str, str, str], list[str]] = {}
    empty: dict[str, list[str]] = {}
    for case in evalset.cases:
        specs = graders.get(case.id, ())
        for grade, transform in _find_rejections(case, specs, registries, evalset):
            rejected.setdefault((grade.grader, grade.signature or "", transform), []).append(case.id)
        if _passes_empty(case, specs, registries, evalset):
            empty.setdefault(", ".join(spec.label for spec in specs), []).append(case.id)
    findings = [_describe_rejection(*key, ids) for key, ids in rejected.items()]
    return (*findings, *(_describe_empty(names, ids) for names, ids in empty.items()))


def list_unjudged(
    evalset: Evalset, graders: Mapping[str, tuple[GraderSpec, ...]], registries: Registries
) -> tuple[str, ...]:
    """Cases that stay ungraded whatever is answered: a grader needs an expected value that they lack."""
    return tuple(
        case.id
        for case in evalset.cases
        if not case.has_expected
        and any(
            not spec.has_value
            and spec.name in registries.graders
            and registries.graders.get(spec.name).needs_expected
            for spec in graders.get(case.id, ())
        )
    )


def _describe_rejection(name: str, signature: str, transform: str, ids: Sequence[str]) -> Finding:
    remedy = f"mend `expected` of these cases, or what {name} asks for: no answer can pass both"
    if transform:
        remedy = (
            f"write `expected` of these cases as `transform: {transform}` of {name} leaves an answer, or "
            "take the transform away: only the answer is transformed, never what it is compared with"
        )
    return Finding(
        rule="expected-rejected",
        severity="error",
        what=f"the expected output is rejected by its own grader {name} ({signature})",
        cases=tuple(ids),
        remedy=remedy,
        blocks=True,
    )


def _describe_empty(names: str, ids: Sequence[str]) -> Finding:
    return Finding(
        rule="empty-passes",
        severity="error",
        what=f"an empty answer passes all graders ({names})",
        cases=tuple(ids),
        remedy="add a grader that an empty answer fails, such as equals, contains, label or is-json",
        blocks=True,
    )


def _reading(spec: GraderSpec, registries: Registries) -> str | None:
    """How a grader reads the expected output: as the `whole` answer, a `part` of it, or a rule that the
    answer `contains` it; None where that is not known.
    """
    if spec.name not in registries.graders or not all(name in TRANSFORMS for name in list_transforms(spec)):
        return None
    return getattr(registries.graders.get(spec.name), "reads_expected", None)


def _find_rejections(
    case: Case, specs: Sequence[GraderSpec], registries: Registries, evalset: Evalset
) -> list[tuple[Grade, str]]:
    """Failed grades of the ideal answer, with the transform that is to blame where one is ("" else).

    Where `expected` is only a part of the answer (a number, a term), only the graders that read it are
    asked; where it is all of it, every rule must hold too.
    """
    if not case.has_expected:
        return []
    own = [spec for spec in specs if not spec.has_value and not spec.negated and spec.name != "regex"]
    readers = [spec for spec in own if _reading(spec, registries) in ("whole", "part")]
    if not readers:
        return []
    is_whole = any(_is_whole(spec, registries) for spec in readers)
    asked = [spec for spec in specs if _reading(spec, registries) is not None] if is_whole else readers
    response = _render_ideal(case, specs)
    if response is None:
        return []
    is_partial = any(spec.name == "json-fields" for spec in readers)

    parsed = TextOutput(response.text)

    def judge(spec: GraderSpec) -> Grade:
        return grade_answer(response, parsed, case, (spec,), registries, evalset)[0]

    found = []
    for spec in asked:
        grade = judge(spec)
        if not _is_rejection(grade, is_partial=is_partial):
            continue
        names = list_transforms(spec)
        bare = replace(spec, options={key: spec.options[key] for key in spec.options if key != "transform"})
        is_to_blame = bool(names) and judge(bare).outcome == "passed"
        found.append((grade, ", ".join(names) if is_to_blame else ""))
    return found


def _is_whole(spec: GraderSpec, registries: Registries) -> bool:
    if spec.name == "label" and spec.options.get("match") == "in_text":
        return False
    return _reading(spec, registries) == "whole"


def _is_rejection(grade: Grade, *, is_partial: bool) -> bool:
    """Whether no right answer can pass. `is_partial`: `expected` may leave fields out."""
    if grade.outcome != "failed":
        return False
    signatures = (grade.signature or "", *grade.secondary)
    return not (is_partial and all(entry.startswith(_PARTIAL_SCHEMA) for entry in signatures))


def _render_ideal(case: Case, specs: Sequence[GraderSpec]) -> Response | None:
    """The answer that `expected` describes: calls for tool-call, a text as it is, other values as JSON."""
    names = {spec.name for spec in specs if not spec.negated and not spec.has_value}
    if "tool-call" in names:
        try:
            return Response(text=None, tool_calls=render_calls(case.expected))
        except Exception:  # noqa: BLE001 - an expected value of a wrong form is reported by the grader itself
            return None
    expected = case.expected
    if isinstance(expected, list) and names & {
        "contains-any",
        "contains-all",
        "icontains-any",
        "icontains-all",
    }:
        return Response(text=" ".join(read_text(term) for term in expected))
    if isinstance(expected, list) and "label" in names and expected:
        expected = expected[0]
    if not isinstance(expected, dict | list):
        return Response(text=read_text(expected))
    rules = [
        FieldRules(spec.options)
        for spec in specs
        if spec.name == "json-fields" and not spec.negated and spec.options
    ]
    written = _write_fields(expected, (), rules) if rules else expected
    return Response(text=json.dumps(written, ensure_ascii=False))


def _write_fields(expected: Json, path: Path, rules: Sequence[FieldRules]) -> Json:
    """The value as json-fields wants it in an answer: without the fields that are ignored, whose expected
    values need not be valid, and with dates in the form asked for.
    """
    found = [entry.find(path)[0] for entry in rules]
    if isinstance(expected, Mapping):
        kept = {
            name: value
            for name, value in expected.items()
            if not any(entry.find((*path, name))[0].is_ignored for entry in rules)
        }
        return {name: _write_fields(value, (*path, name), rules) for name, value in kept.items()}
    if isinstance(expected, list):
        return [_write_fields(item, (*path, index), rules) for index, item in enumerate(expected)]
    form = next((rule.date_form for rule in found if rule.date_form is not None), None)
    day = read_date(expected) if form is not None and isinstance(expected, str) else None
    return expected if form is None or day is None else write_date(day, form)


def render_calls(expected: Json) -> tuple[ToolCall, ...]:
    """Native calls that an expected value of tool-call allows: the first allowed value of each argument.

    Raises GraderError for an expected value of another form.
    """
    calls = []
    for want in read_wanted(expected):
        arguments = {name: _pick(values, is_exact=want.is_exact) for name, values in want.allowed.items()}
        given = {name: value for name, (value, is_given) in arguments.items() if is_given}
        calls.append(ToolCall(name=want.name, arguments=json.dumps(given)))
    return tuple(calls)


def _pick(values: Sequence[Json], *, is_exact: bool) -> tuple[Json, bool]:
    real = [value for value in values if is_exact or value != OPTIONAL]
    if not real:
        return None, False
    value = real[0]
    if isinstance(value, Mapping) and not is_exact:
        inner = {
            key: _pick(options if isinstance(options, list) else [options], is_exact=False)
            for key, options in value.items()
        }
        return {key: entry for key, (entry, is_given) in inner.items() if is_given}, True
    if isinstance(value, list) and not is_exact:
        return [_pick([item], is_exact=item == OPTIONAL)[0] for item in value], True
    return value, True


def _passes_empty(case: Case, specs: Sequence[GraderSpec], registries: Registries, evalset: Evalset) -> bool:
    """Whether nothing at all would be judged right, if it came in time and cost nothing. A case that
    expects nothing is meant so.
    """
    if not specs or (case.has_expected and case.expected in ("", [], {}, None)):
        return False
    if not all(is_known(spec, registries) for spec in specs):
        return False
    blank, parsed = Response(text="", finish_reason="stop"), TextOutput("")
    # One after the other: mostly the first settles it. Who asks a model asks nothing about an empty answer.
    grades = (
        grade_answer(blank, parsed, case, (spec,), registries, evalset, replies={1: ()})[0]
        for spec in specs
        if spec.name not in BUDGETS
    )
    return all(grade.outcome == "passed" for grade in grades)


def is_known(spec: GraderSpec, registries: Registries) -> bool:
    """Whether it may be tried what the grader says of an answer: those of the project are never run here."""
    if spec.name == "python" or spec.name not in registries.graders:
        return False
    if not all(name in TRANSFORMS for name in list_transforms(spec)):
        return False
    grader = registries.graders.get(spec.name)
    is_ours = type(grader).__module__.startswith(f"{__package__}.")
    return is_ours or getattr(grader, "reads_expected", None) is not None

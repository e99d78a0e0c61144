"""Faults of an evalset that only its graders can show: they void accuracy before a model is asked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pytest_ftgate.grading.field_rules import FieldRules, Path
from pytest_ftgate.grading.grader_lists import GraderList
from pytest_ftgate.grading.grades import read_text
from pytest_ftgate.grading.parsed import TextOutput
from pytest_ftgate.grading.tool_match import OPTIONAL, read_wanted
from pytest_ftgate.grading.transforms import list_transforms
from pytest_ftgate.grading.written_dates import read_date, write_date
from pytest_ftgate.model.evalset import Case, Evalset, GraderSpec, Json
from pytest_ftgate.model.finding import Finding
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.response import Response, ToolCall
from pytest_ftgate.registry import Registries

_JSON = json.JSONEncoder(ensure_ascii=False)
_TERM_LISTS = ("contains-any", "contains-all", "icontains-any", "icontains-all")
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
    known = GraderList((), registries, evalset)
    for case in evalset.cases:
        specs = graders.get(case.id, ())
        if known.specs is not specs:
            known = GraderList(specs, registries, evalset)
        for grade, transform in _find_rejections(case, known):
            rejected.setdefault((grade.grader, grade.signature or "", transform), []).append(case.id)
        if known.passes_empty(case):
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


def _find_rejections(case: Case, graders: GraderList) -> list[tuple[Grade, str]]:
    """Failed grades of the ideal answer, with the transform that is to blame where one is ("" else)."""
    if not case.has_expected or not graders.readers:
        return []
    response = _render_ideal(case, graders)
    if response is None:
        return []
    parsed = TextOutput(response.text)
    found = []
    for spec in graders.ideal_judges:
        grade = graders.judge(spec, response, parsed, case)
        if not _is_rejection(grade, is_partial=graders.is_partial):
            continue
        names = list_transforms(spec)
        bare = replace(spec, options={key: spec.options[key] for key in spec.options if key != "transform"})
        is_to_blame = bool(names) and graders.judge(bare, response, parsed, case).outcome == "passed"
        found.append((grade, ", ".join(names) if is_to_blame else ""))
    return found


def _is_rejection(grade: Grade, *, is_partial: bool) -> bool:
    """Whether no right answer can pass. `is_partial`: `expected` may leave fields out."""
    if grade.outcome != "failed":
        return False
    signatures = (grade.signature or "", *grade.secondary)
    return not (is_partial and all(entry.startswith(_PARTIAL_SCHEMA) for entry in signatures))


def _render_ideal(case: Case, graders: GraderList) -> Response | None:
    """The answer that `expected` describes: calls for tool-call, a text as it is, other values as JSON."""
    names, expected = graders.expecting, case.expected
    if "tool-call" in names:
        try:
            return Response(text=None, tool_calls=render_calls(expected))
        except Exception:  # noqa: BLE001 - an expected value of a wrong form is reported by the grader itself
            return None
    if isinstance(expected, list) and not names.isdisjoint(_TERM_LISTS):
        return Response(text=" ".join(read_text(term) for term in expected))
    if isinstance(expected, list) and "label" in names and expected:
        expected = expected[0]
    if not isinstance(expected, dict | list):
        return Response(text=read_text(expected))
    rules = graders.field_rules
    return Response(text=_JSON.encode(_write_fields(expected, (), rules) if rules else expected))


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

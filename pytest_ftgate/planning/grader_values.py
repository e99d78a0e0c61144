"""Graders of each case with their values rendered; they may see `expected`, unlike prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pytest_ftgate.model.evalset import Case, Evalset, GraderSpec, Json, Location
from pytest_ftgate.model.grade import CITATIONS
from pytest_ftgate.planning.passages import has_citation_grader
from pytest_ftgate.planning.problems import Problems
from pytest_ftgate.planning.templates import TemplateUseError, contains_template, grader_names, render_deep

_LITERAL_OPTIONS = frozenset({"schema", "pattern"})
"""Options whose braces belong to another language."""


def resolve_graders(evalset: Evalset, problems: Problems) -> dict[str, tuple[GraderSpec, ...]]:
    """Case id → the evalset's graders and then its own, without a template left in them.

    `citations` is among them where `decision.knowledge` wants citations and no grader says so already.
    """
    common = evalset.graders
    if evalset.decision.knowledge.citations and not has_citation_grader(evalset):
        common = (*common, GraderSpec(name=CITATIONS))
    common_has_templates = any(map(_has_templates, common))
    return {
        case.id: (
            common
            if not common_has_templates and not case.graders
            else _resolve((*common, *case.graders), case, evalset.path, problems)
        )
        for case in evalset.cases
    }


def _resolve(
    graders: Sequence[GraderSpec], case: Case, path: str, problems: Problems
) -> tuple[GraderSpec, ...]:
    names: Mapping[str, Json] | None = None
    resolved = []
    for grader in graders:
        if not _has_templates(grader):
            resolved.append(grader)
            continue
        names = names or grader_names(case)
        try:
            resolved.append(_render(grader, names))
        except TemplateUseError as fault:
            where = grader.where or case.where or Location(file=path)
            named = f"grader {grader.label!r}: "
            problems.add(where, named + fault.text, case.id, topic=named + fault.topic)
    return tuple(resolved)


def _has_templates(grader: GraderSpec) -> bool:
    return contains_template(grader.value) or any(
        contains_template(value) for name, value in grader.options.items() if name not in _LITERAL_OPTIONS
    )


def _render(grader: GraderSpec, names: Mapping[str, Json]) -> GraderSpec:
    options = {
        name: value if name in _LITERAL_OPTIONS else render_deep(value, names, keep_types=True)
        for name, value in grader.options.items()
    }
    return replace(grader, value=render_deep(grader.value, names, keep_types=True), options=options)

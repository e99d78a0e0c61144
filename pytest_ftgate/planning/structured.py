"""Arm `structured`: the vendor is asked to enforce the form of the answer."""

# ruff: noqa: ARG002 - the Arm protocol fixes the parameters

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from pytest_ftgate.model.evalset import ArmSpec, Case, Evalset, GraderSpec, Json
from pytest_ftgate.model.protocols import ArmTask
from pytest_ftgate.model.trial import Trial
from pytest_ftgate.planning.texts import json_text

JSON_GRADERS = ("is-json", "contains-json", "json-fields")
LABEL_GRADERS = ("label", "choice")
LABEL_FIELD = "label"
DEFAULT_LETTERS = "ABCDEFGHIJ"
"""Letters of grader `choice` where it states none."""
_POINTER = r"^(/([^~/]|~[01])*)+$"

Wanted = tuple[Json, str | None]
"""(response format in OpenAI form, JSON pointer to what graders read or None)"""


class StructuredArm:
    """The evalset's prompt with a response format.

    `response_format` is `{schema: …, name?, strict?}`, OpenAI's own form, or `json_object`. Without
    it: the schema of a JSON grader; JSON mode where such a grader has no schema; for a `label` grader
    with its labels, or a `choice` grader, an object with one field `label` that is one of them,
    which graders then read. `extract` (JSON pointer) names the part that graders read; where they
    expect a label and a given schema has one field, it is that field.
    """

    question: Literal[1, 2] = 1
    options: Mapping[str, Json] = {
        "response_format": {"anyOf": [{"type": "object"}, {"enum": ["json_object"]}]},
        "extract": {"type": "string", "pattern": _POINTER},
    }

    def problems(self, spec: ArmSpec, evalset: Evalset) -> Iterable[str]:
        given = spec.options.get("response_format")
        if given is not None and _read_format(given, "x") is None:
            yield (
                f"arm {spec.name!r}: `response_format` must be {{schema: …}}, `json_object`, or OpenAI's "
                "{type: json_schema, json_schema: {name: …, schema: …}}"
            )

    def inapplicable(self, spec: ArmSpec, evalset: Evalset) -> str | None:
        if any(_find_wanted(spec, evalset, case)[0] is not None for case in evalset.cases):
            return None
        return (
            "no schema: no JSON grader, no `label` grader with its `labels`, no `choice` grader, "
            "and no `response_format` given"
        )

    def trials(self, task: ArmTask, case: Case) -> Iterable[Trial]:
        wanted: dict[bool, Wanted] = task.memo.setdefault("wanted", {})
        has_own = bool(case.graders)
        if has_own or has_own not in wanted:
            wanted[has_own] = _find_wanted(task.spec, task.evalset, case)
        response_format, extract = wanted[has_own]
        messages = task.render(task.prompt, case, {})
        return [
            task.make(case, repeat, messages, response_format=response_format, extract=extract)
            for repeat in range(1, task.repeats + 1)
        ]


def _find_wanted(spec: ArmSpec, evalset: Evalset, case: Case) -> Wanted:
    name = schema_name(evalset.name)
    extract = spec.options.get("extract")
    given = spec.options.get("response_format")
    graders = [grader for grader in (*evalset.graders, *case.graders) if not grader.negated]
    if given is not None:
        response_format = _read_format(given, name)
        return response_format, extract or _find_single_field(response_format, graders)
    found = _find_json_format(graders, name)
    if found is not None:
        return found, extract
    schema = _find_label_schema(graders)
    if schema is not None:
        return _write_schema_format(schema, name), extract or f"/{LABEL_FIELD}"
    return None, None


def _find_json_format(graders: Sequence[GraderSpec], name: str) -> Json:
    json_graders = [grader for grader in graders if grader.name in JSON_GRADERS]
    for grader in json_graders:
        schema = grader.options.get("schema")
        if isinstance(schema, Mapping):
            return _write_schema_format(schema, name)
    return {"type": "json_object"} if json_graders else None


def _find_label_schema(graders: Sequence[GraderSpec]) -> Json:
    for grader in graders:
        labels = stated_labels(grader)
        if labels:
            return {
                "type": "object",
                "properties": {LABEL_FIELD: {"type": "string", "enum": labels}},
                "required": [LABEL_FIELD],
                "additionalProperties": False,
            }
    return None


def _find_single_field(response_format: Json, graders: Sequence[GraderSpec]) -> str | None:
    """The pointer to the only field of a schema, where graders expect a bare label rather than JSON."""
    names = {grader.name for grader in graders}
    if names.isdisjoint(LABEL_GRADERS) or not names.isdisjoint(JSON_GRADERS):
        return None
    schema = (response_format or {}).get("json_schema", {}).get("schema", {})
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    if not isinstance(properties, Mapping) or len(properties) != 1:
        return None
    (field,) = properties
    return "/" + str(field).replace("~", "~0").replace("/", "~1")


def stated_labels(grader: GraderSpec) -> list[str]:
    """The answers that a `label` or `choice` grader says there are; [] where it says nothing."""
    if grader.name == "choice":
        return list(str(grader.options.get("letters", DEFAULT_LETTERS)))
    labels = grader.options.get("labels")
    if grader.name != "label" or not isinstance(labels, Sequence) or isinstance(labels, str):
        return []
    return [json_text(label) for label in labels]


def _read_format(given: Json, name: str) -> Json:
    """A response format in OpenAI form, or None where `given` is none."""
    if given == "json_object":
        return {"type": "json_object"}
    if not isinstance(given, Mapping):
        return None
    if isinstance(given.get("schema"), Mapping):
        stated = str(given.get("name", name))
        return _write_schema_format(given["schema"], stated, strict=given.get("strict", True) is True)
    inner = given.get("json_schema")
    is_schema = given.get("type") == "json_schema" and isinstance(inner, Mapping) and "schema" in inner
    if is_schema or given.get("type") == "json_object":
        return dict(given)
    return None


def _write_schema_format(schema: Mapping[str, Json], name: str, *, strict: bool = True) -> Json:
    return {
        "type": "json_schema",
        "json_schema": {"name": schema_name(name), "schema": dict(schema), "strict": strict},
    }


def schema_name(name: str) -> str:
    """A name that vendors accept: letters, digits, `_` and `-`, at most 64."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:64].strip("_") or "answer"

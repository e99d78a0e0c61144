"""Arm `structured`: the vendor is asked to enforce the form of the answer."""

# ruff: noqa: ARG002 - the Arm protocol fixes the parameters

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from pytest_ftgate.model.evalset import ArmSpec, Case, Evalset, Json
from pytest_ftgate.model.protocols import ArmTask
from pytest_ftgate.model.trial import Trial
from pytest_ftgate.planning.structured_forms import MODES, OWN_TOOLS, Form, find_form, read_format

_POINTER = r"^(/([^~/]|~[01])*)+$"


class StructuredArm:
    """The evalset's prompt with a form that the vendor enforces.

    `mode: schema` sends a JSON Schema as response format, `json` JSON mode with the schema in the prompt,
    `tool` one tool whose call is forced and whose arguments are the answer. The schema is that of
    `response_format` (`{schema: …, name?, strict?}`, OpenAI's own form, or `json_object`). Without it: the
    schema of a JSON grader; for a `label` grader with its labels, or a `choice` grader, an object with one
    field `label` that is one of them, which graders then read. Without a `mode`: `schema` where there is
    one, else JSON mode. `extract` (JSON pointer) names the part that graders read; where they expect a label
    and a given schema has one field, it is that field.
    """

    question: Literal[1, 2] = 1
    options: Mapping[str, Json] = {
        "response_format": {"anyOf": [{"type": "object"}, {"enum": ["json_object"]}]},
        "mode": {"enum": list(MODES)},
        "extract": {"type": "string", "pattern": _POINTER},
    }

    def problems(self, spec: ArmSpec, evalset: Evalset) -> Iterable[str]:
        given, mode = spec.options.get("response_format"), spec.options.get("mode")
        found = None if given is None else read_format(given, "x")
        if given is not None and found is None:
            yield (
                f"arm {spec.name!r}: `response_format` must be {{schema: …}}, `json_object`, or OpenAI's "
                "{type: json_schema, json_schema: {name: …, schema: …}}"
            )
        elif found is not None and mode in ("schema", "tool") and "json_schema" not in found:
            yield f"arm {spec.name!r}: `mode: {mode}` needs a schema, and `response_format` has none"

    def inapplicable(self, spec: ArmSpec, evalset: Evalset) -> str | None:
        if spec.options.get("mode") == "tool" and any(case.tools is not None for case in evalset.cases):
            return OWN_TOOLS
        reason = None
        for case in evalset.cases:
            found = find_form(spec, evalset, case)
            if not isinstance(found, str):
                return None
            reason = reason or found
        return reason

    def trials(self, task: ArmTask, case: Case) -> Iterable[Trial]:
        forms: dict[bool, Form] = task.memo.setdefault("forms", {})
        is_own = bool(case.graders)
        if is_own or is_own not in forms:
            found = find_form(task.spec, task.evalset, case)
            forms[is_own] = Form() if isinstance(found, str) else found
        form = forms[is_own]
        messages = form.tell(task.render(task.prompt, case, {}))
        return [
            task.make(
                case,
                repeat,
                messages,
                response_format=form.response_format,
                answer_tool=form.tool,
                extract=form.extract,
            )
            for repeat in range(1, task.repeats + 1)
        ]

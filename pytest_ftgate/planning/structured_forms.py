"""What arm `structured` sends: a JSON Schema, JSON mode, or a tool whose call is forced."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_ftgate.model.evalset import ArmSpec, Case, Evalset, GraderSpec, Json, Message
from pytest_ftgate.planning.conversation import add_instruction
from pytest_ftgate.planning.texts import content_text, json_text

JSON_GRADERS = ("is-json", "contains-json", "json-fields")
LABEL_GRADERS = ("label", "choice")
LABEL_FIELD = "label"
DEFAULT_LETTERS = "ABCDEFGHIJ"
"""Letters of grader `choice` where it states none."""

MODES = ("schema", "json", "tool")
JSON_MODE: Mapping[str, Json] = {"type": "json_object"}
_ONE_OBJECT = "Answer with one JSON object and nothing else."

NO_FORM = (
    "no schema: no JSON grader, no `label` grader with its `labels`, no `choice` grader, "
    "and no `response_format` given"
)
NO_SCHEMA = "no schema: the JSON grader states none, and no `response_format` is given"
OWN_TOOLS = "cases bring tools of their own, which mode `tool` would take the place of"
NO_OBJECT = "the schema is no object's, as the arguments of a tool are"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How the answer is asked for; a plain one asks for nothing.

    `response_format` and `tool` are in OpenAI form, at most one of them is there. `extract`: JSON pointer to
    what graders read, or None. `instruction` goes to the system message.
    """

    response_format: Json = None
    tool: Json = None
    extract: str | None = None
    instruction: str = ""

    def tell(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """The messages with the instruction.

        JSON mode of several vendors refuses messages in which the word JSON never stands.
        """
        if self.instruction:
            return add_instruction(messages, self.instruction)
        if self.response_format != JSON_MODE or any(
            "json" in content_text(message).casefold() for message in messages
        ):
            return messages
        return add_instruction(messages, _ONE_OBJECT)


def find_form(spec: ArmSpec, evalset: Evalset, case: Case) -> Form | str:
    """The form for a case, or why there is none."""
    wanted, extract = _find_wanted(spec, evalset, case)
    mode = spec.options.get("mode")
    if wanted is None:
        return NO_FORM
    if mode in ("schema", "tool") and "json_schema" not in wanted:
        return NO_SCHEMA
    if mode == "tool":
        return _write_tool(wanted["json_schema"], extract)
    if mode == "json":
        schema = wanted.get("json_schema", {}).get("schema")
        shown = "" if schema is None else f" It must be valid under this JSON Schema:\n{json_text(schema)}"
        return Form(response_format=JSON_MODE, extract=extract, instruction=shown and _ONE_OBJECT + shown)
    return Form(response_format=wanted, extract=extract)


def _write_tool(stated: Mapping[str, Json], extract: str | None) -> Form | str:
    schema = stated["schema"]
    if not isinstance(schema, Mapping) or schema.get("type", "object") != "object":
        return NO_OBJECT
    function = {
        "name": stated.get("name", "answer"),
        "description": "Gives the answer.",
        "parameters": schema,
        **({"strict": True} if stated.get("strict", True) is True else {}),
    }
    return Form(tool={"type": "function", "function": function}, extract=extract)


def _find_wanted(spec: ArmSpec, evalset: Evalset, case: Case) -> tuple[Json, str | None]:
    """(response format in OpenAI form, JSON pointer to what graders read or None)."""
    name = schema_name(evalset.name)
    extract = spec.options.get("extract")
    given = spec.options.get("response_format")
    graders = [grader for grader in (*evalset.graders, *case.graders) if not grader.negated]
    if given is not None:
        response_format = read_format(given, name)
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


def read_format(given: Json, name: str) -> Json:
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

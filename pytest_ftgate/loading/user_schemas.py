"""JSON Schemas that an evalset brings: read, checked, and free of remote references."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from pytest_ftgate.loading.places import Place
from pytest_ftgate.loading.reading import Reading
from pytest_ftgate.loading.validation import explain
from pytest_ftgate.loading.wording import describe, quote, show
from pytest_ftgate.model.evalset import Json

MAX_PROBLEMS = 5
_DIALECTS = {
    "json-schema.org/draft/2020-12/schema": "Draft202012Validator",
    "json-schema.org/draft/2019-09/schema": "Draft201909Validator",
    "json-schema.org/draft-07/schema": "Draft7Validator",
    "json-schema.org/draft-06/schema": "Draft6Validator",
    "json-schema.org/draft-04/schema": "Draft4Validator",
}


def read_user_schema(value: Json, place: Place, reading: Reading) -> Json:
    """An inline schema, or the one in the file that a string (or `{file: …}`) names.

    Returns None after a problem.
    """
    if isinstance(value, dict) and set(value) == {"file"}:
        value, place = value["file"], place.at("file")
    if isinstance(value, str):
        document = reading.read_document(value, place)
        if document is None:
            return None
        value, place = document.value, Place(document)
    if not isinstance(value, dict):
        reading.problems.add(
            place, f"must be a JSON Schema (a mapping, or the path of a file), got {describe(value)}"
        )
        return None
    mistakes = _find_mistakes(json.dumps(value, sort_keys=True))
    for path, what in mistakes:
        reading.problems.add(place.at(*path), f"not a usable JSON Schema: {what}")
    return None if mistakes else value


@lru_cache(maxsize=256)
def _find_mistakes(text: str) -> tuple[tuple[tuple[str | int, ...], str], ...]:
    """Paths and sentences; cached, for a schema may stand in every case."""
    import jsonschema
    from jsonschema.exceptions import SchemaError

    schema = json.loads(text)
    dialect = str(schema.get("$schema", "")).removeprefix("https://").removeprefix("http://").rstrip("#")
    if dialect and dialect not in _DIALECTS:
        known = ", ".join(f"https://{name}" for name in _DIALECTS)
        what = f"unknown dialect {show(schema['$schema'])}; known: {known}"
        return ((("$schema",), what),)
    validator = getattr(jsonschema, _DIALECTS.get(dialect, "Draft202012Validator"))
    try:
        validator.check_schema(schema)
    except SchemaError as error:
        return tuple(explain(error))[:MAX_PROBLEMS]
    except RecursionError:
        return (((), "nested too deeply"),)
    return tuple(_find_bad_references(schema))[:MAX_PROBLEMS]


def _find_bad_references(schema: dict[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """References that leave the document, or lead nowhere in it."""
    found = list(_walk(schema, ()))
    own_ids = {node["$id"] for _, node in found if isinstance(node.get("$id"), str)}
    anchors = {node.get(key) for _, node in found for key in ("$anchor", "$dynamicAnchor")}
    for path, node in found:
        for key in ("$ref", "$dynamicRef"):
            reference = node.get(key)
            if not isinstance(reference, str):
                continue
            base, _, fragment = reference.partition("#")
            if base and base not in own_ids:
                yield (
                    (*path, key),
                    (
                        f"the reference {show(reference)} leaves this file; remote and other files are never "
                        "fetched: put the definition under `$defs`"
                    ),
                )
            elif not base and not _leads_somewhere(
                schema, fragment, anchors, bool(own_ids - {schema.get("$id")})
            ):
                yield (*path, key), f"the reference `{quote(reference)}` leads nowhere"


def _walk(node: Json, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """All mappings that may be schemas: data (`const`, `enum`, `default`, `examples`) is left out."""
    if isinstance(node, list):
        for index, child in enumerate(node):
            yield from _walk(child, (*path, index))
    if not isinstance(node, dict):
        return
    yield path, node
    for key, child in node.items():
        if key in ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas"):
            if isinstance(child, dict):
                for name, inner in child.items():
                    yield from _walk(inner, (*path, key, name))
        elif key not in ("const", "enum", "default", "examples"):
            yield from _walk(child, (*path, key))


def _leads_somewhere(schema: Json, fragment: str, anchors: set[Any], has_other_bases: bool) -> bool:
    """Whether a local fragment points at something. Inside embedded resources it is taken on trust."""
    from urllib.parse import unquote

    if not fragment or has_other_bases:
        return True
    if not fragment.startswith("/"):
        return fragment in anchors
    node = schema
    for step in unquote(fragment)[1:].split("/"):
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict) and step in node:
            node = node[step]
        elif isinstance(node, list) and step.isdigit() and int(step) < len(node):
            node = node[int(step)]
        else:
            return False
    return True

"""A fast YES for JSON Schema: a compiled validator for the schemas on which it cannot differ from ours.

It never says what is wrong: whatever is not a plain YES is left to the validator that names the errors, which
need only look at the places that this one gives (located_errors.py).
"""

from __future__ import annotations

import marshal
import re
import struct
from collections.abc import Iterator, Mapping
from itertools import islice
from math import inf, nan
from typing import Any

from pytest_ftgate.grading.located_errors import Place
from pytest_ftgate.grading.parsed import find_pointer
from pytest_ftgate.grading.timed_regex import PatternBudget, compile_pattern
from pytest_ftgate.model.evalset import Json

_MAX_DEPTH = 32
_MAX_PLACES = 100
# Beyond this, numbers of a schema may be compared as floats by one library and exactly by the other.
_MAX_EXACT = 2**53

_DRAFTS = {
    "https://json-schema.org/draft/2020-12/schema": "Draft202012Validator",
    "https://json-schema.org/draft/2019-09/schema": "Draft201909Validator",
    "http://json-schema.org/draft-07/schema": "Draft7Validator",
}
_NEWEST = "https://json-schema.org/draft/2020-12/schema"
_SEVEN = "http://json-schema.org/draft-07/schema"

_ONE = ("additionalProperties", "propertyNames", "contains")
_IN_PLACE_ONE = ("not", "if", "then", "else")
_IN_PLACE_MANY = ("allOf", "anyOf", "oneOf")
_MAPS = ("properties", "$defs", "definitions")
_ASSERTIONS = (
    "type", "required", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "minLength", "maxLength", "pattern", "minItems", "maxItems", "uniqueItems", "minProperties",
    "maxProperties", "minContains", "maxContains", "dependentRequired",
)  # fmt: skip
_ANNOTATIONS = (
    "$schema", "$comment", "title", "description", "default", "examples", "format", "readOnly", "writeOnly",
    "deprecated",
)  # fmt: skip
_NOT_IN_7 = frozenset(("minContains", "maxContains", "dependentRequired", "dependentSchemas", "prefixItems"))
_LOCAL = re.compile(r"#(?:/(?:\$defs|definitions|properties)/[^/%]+)?")
_ROOT_ONLY = frozenset(("$id", "$schema"))
# IEEE 754, little-endian whatever the machine is: so marshal writes floats.
_INFINITE, _MINUS_INFINITE = struct.pack("<d", inf), struct.pack("<d", -inf)
_NAN, _MINUS_NAN = struct.pack("<d", nan), struct.pack("<d", -nan)


class FastCheck:
    """The compiled validator of one schema."""

    def __init__(self, validator: Any, budget: PatternBudget) -> None:
        self._validator = validator
        self._budget = budget

    def locate(self, value: Json) -> list[Place] | None:
        """Where the value fails, at every place: empty for valid values only; None where it cannot say so
        for sure.
        """
        try:
            found = list(islice(self._validator.iter_errors(value), _MAX_PLACES + 1))
            places = [(tuple(error.instance_path), tuple(error.evaluation_path)) for error in found]
            # A search cut off counts as "not found", which `not` would turn into a YES.
            is_sure = len(places) <= _MAX_PLACES and self._budget.left > 0 and _is_finite(value)
        except Exception:  # noqa: BLE001 - lone surrogates and numbers beyond all floats
            return None
        return places if is_sure else None


def build_fast_check(schema: Json, budget: PatternBudget) -> FastCheck | None:
    """The fast check of a schema, or None where the schema is not one for it.

    `pattern` is searched by our own engine, under `budget`. References are followed inside the schema
    only; nothing is ever fetched.
    """
    draft = _read_draft(schema)
    if draft is None or not _is_plain(schema, draft, 0) or has_endless_reference(schema):
        return None
    import jsonschema_rs

    bare = {key: value for key, value in schema.items() if key not in _ROOT_ONLY}
    try:
        validator = getattr(jsonschema_rs, _DRAFTS[draft])(
            bare,
            validate_formats=False,
            offline=True,
            keywords={"pattern": _pattern_keyword(budget)},
            mask="",  # no values written into messages that nobody reads
        )
    except Exception:  # noqa: BLE001 - a schema that it refuses is one for the other validator
        return None
    return FastCheck(validator, budget)


def _is_finite(value: Json) -> bool:
    """Whether surely no number is infinite (as 1e999 is read) or none at all: the compiled validator takes
    such a one for null.

    Told by the bytes that marshal writes for it, as no loop in Python is as fast. That other values may hold
    the same bytes does no harm.
    """
    written = marshal.dumps(value)
    return not (
        _INFINITE in written or _MINUS_INFINITE in written or _NAN in written or _MINUS_NAN in written
    )


def _pattern_keyword(budget: PatternBudget) -> type:
    class Pattern:
        def __init__(self, _parent: Json, pattern: str, _path: Json) -> None:
            # What is raised while it is searched counts as "not found", which `not` would turn into a YES.
            compile_pattern(pattern)
            self.pattern = pattern

        def validate(self, value: Json) -> None:
            if isinstance(value, str) and not budget.search(self.pattern, value):
                raise ValueError

    return Pattern


def _read_draft(schema: Json) -> str | None:
    if not isinstance(schema, Mapping):
        return None
    named = schema.get("$schema", _NEWEST)
    draft = named.rstrip("#") if isinstance(named, str) else None
    return draft if draft in _DRAFTS else None


def _is_plain(schema: Json, draft: str, depth: int) -> bool:
    """Whether only keywords are used whose meaning is beyond doubt, with values that are."""
    if isinstance(schema, bool):
        return True
    if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
        return False
    return all(_is_plain_keyword(key, value, draft, depth) for key, value in schema.items())


def _is_plain_keyword(key: str, value: Json, draft: str, depth: int) -> bool:
    if draft == _SEVEN and key in _NOT_IN_7:
        return False
    if key == "$ref":
        return isinstance(value, str) and _LOCAL.fullmatch(value) is not None
    if key in _ROOT_ONLY:
        return depth == 0 and isinstance(value, str)
    if key in _ASSERTIONS:
        return _is_exact(value, depth)
    if key in _ANNOTATIONS:
        return True
    if key in _MAPS or key == "dependentSchemas":
        return isinstance(value, Mapping) and all(_is_plain(v, draft, depth + 1) for v in value.values())
    if key in _IN_PLACE_MANY or (key == "prefixItems" and draft == _NEWEST):
        return isinstance(value, list) and all(_is_plain(item, draft, depth + 1) for item in value)
    if key == "propertyNames" and next(_references(value), None) is not None:
        return False  # the paths of errors in there start from the root, wherever it stands
    if key == "items" or key in _ONE or key in _IN_PLACE_ONE:
        # A list of items means other things in other drafts.
        return _is_plain(value, draft, depth + 1)
    return False


def _is_exact(value: Json, depth: int) -> bool:
    """Whether all numbers in the value of a keyword are the same to every reader of floats."""
    if depth > 2 * _MAX_DEPTH:
        return False
    if isinstance(value, int | float):
        return abs(value) <= _MAX_EXACT
    if isinstance(value, Mapping):
        return all(_is_exact(item, depth + 1) for item in value.values())
    return not isinstance(value, list) or all(_is_exact(item, depth + 1) for item in value)


def has_endless_reference(schema: Json) -> bool:
    """Whether a `$ref` leads nowhere, or back to itself without going a step deeper into the value."""
    known: dict[int, bool] = {}
    return any(_is_endless(node, schema, known) for node in _references(schema))


def _references(schema: Json) -> Iterator[Mapping[str, Json]]:
    todo = [schema]
    while todo:
        node = todo.pop()
        if isinstance(node, Mapping):
            if isinstance(node.get("$ref"), str):
                yield node
            todo.extend(node.values())
        elif isinstance(node, list):
            todo.extend(node)


def _is_endless(start: Mapping[str, Json], root: Json, known: dict[int, bool]) -> bool:
    """Depth-first over what applies to the same value; `known`: False while open, True when done."""
    todo: list[tuple[Any, bool]] = [(start, False)]
    while todo:
        node, is_done = todo.pop()
        if is_done:
            known[id(node)] = True
            continue
        if not isinstance(node, Mapping) or known.get(id(node)):
            continue
        if id(node) in known:
            return True
        known[id(node)] = False
        todo.append((node, True))
        reference = node.get("$ref")
        if isinstance(reference, str):
            target, is_found = find_pointer(root, reference.removeprefix("#"))
            if not is_found:
                return True
            todo.append((target, False))
        todo.extend((part, False) for part in _in_place(node))
    return False


def _in_place(node: Mapping[str, Json]) -> Iterator[Json]:
    for key in _IN_PLACE_ONE:
        yield node.get(key)
    for key in _IN_PLACE_MANY:
        parts = node.get(key)
        yield from parts if isinstance(parts, list) else ()
    dependent = node.get("dependentSchemas")
    yield from dependent.values() if isinstance(dependent, Mapping) else ()

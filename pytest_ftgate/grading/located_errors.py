"""Errors found fast: the compiled validator says where a value fails, and only there its errors are named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_ftgate.model.evalset import Json

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

Path: TypeAlias = tuple[str | int, ...]
Place: TypeAlias = tuple[Path, Path]
"""Where a value fails: path in the value, and in the schema (ending in the keyword)."""

# Keywords that say nothing about parts of the value, nor hang on what other keywords find.
_KEYWORDS = frozenset(
    (
        "type", "required", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
        "minLength", "maxLength", "pattern", "minItems", "maxItems", "minProperties", "maxProperties",
    )
)  # fmt: skip


def name_errors(validator: Any, value: Json, places: Sequence[Place]) -> list[ValidationError] | None:
    """The errors of `validator` at the places and only there; None where one of them needs all of it.

    So do places that are reached by other ways than `properties` and `items`, and places where the validator
    finds nothing.
    """
    errors: list[ValidationError] = []
    for path, schema_path in dict.fromkeys(places):
        found = _read_place(validator.schema, value, path, schema_path)
        if found is None:
            return None
        schema, instance = found
        named = list(_check(validator, schema, instance, path, schema_path))
        if not named:
            return None
        errors += named
    return errors


def _read_place(
    root: Json, value: Json, path: Path, schema_path: Path
) -> tuple[Mapping[str, Json], Json] | None:
    """The schema and the value in it that the paths lead to."""
    if not schema_path:
        return None
    *steps, keyword = schema_path
    schema, given, left = root, iter(path), iter(steps)
    for step in left:
        at = next(given, None)
        if step == "properties" and isinstance(at, str) and next(left, None) == at:
            schema, value = schema["properties"][at], value[at]
        elif step == "items" and isinstance(at, int) and isinstance(schema.get("items"), Mapping):
            if "prefixItems" in schema:
                return None
            schema, value = schema["items"], value[at]
        else:
            return None
    is_plain = keyword in _KEYWORDS or (keyword == "additionalProperties" and schema.get(keyword) is False)
    return (schema, value) if is_plain and next(given, None) is None else None


def _check(
    validator: Any, schema: Mapping[str, Json], instance: Json, path: Path, schema_path: Path
) -> Iterator[ValidationError]:
    keyword = str(schema_path[-1])
    wanted = schema[keyword]
    for error in validator.VALIDATORS[keyword](validator, wanted, instance, schema) or ():
        error.validator, error.validator_value, error.instance = keyword, wanted, instance
        error.relative_path.extend(path)
        error.relative_schema_path.extend(schema_path)
        yield error

"""Errors found fast: the compiled validator says where a value fails, and only there its errors are named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from pytest_ftgate.grading.parsed import find_pointer
from pytest_ftgate.model.evalset import Json

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

Path: TypeAlias = tuple[str | int, ...]
Place: TypeAlias = tuple[Path, Path]
"""Where a value fails: the path in it, and the keywords to the one it breaks (`$ref` among them)."""

_PLAIN = frozenset(
    (
        "type", "required", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
        "minLength", "maxLength", "pattern", "minItems", "maxItems", "minProperties", "maxProperties",
    )
)  # fmt: skip
"""Keywords that hand nothing on to a schema, and hang on no other keyword."""

# Which keyword of the validator finds the errors that the other one reports under a name of its own.
_FOUND_BY = {"then": "if", "else": "if", "minContains": "contains", "maxContains": "contains"}
_TRACELESS = ("if", "$ref")


class _Node(NamedTuple):
    """A keyword of a schema and the value held against it; the paths are those of its errors."""

    schema: Mapping[str, Json]
    keyword: str
    value: Json
    path: Path
    schema_path: Path


def name_errors(validator: Any, value: Json, places: Sequence[Place]) -> list[ValidationError] | None:
    """The errors of `validator` at the places and only there; None where one of them needs all of it.

    So do places where the validator finds nothing, and schemas `false`, where no keyword is broken.
    """
    errors: list[ValidationError] = []
    done: set[tuple[int, Path, Path]] = set()
    for path, keywords in places:
        node = _find_node(validator.schema, value, path, keywords)
        if node is None:
            return None
        # Paths alone are not enough: a schema and the one that it refers to have the same.
        key = (id(node.schema), node.path, node.schema_path)
        if key in done:
            continue
        done.add(key)
        try:
            found = _check(validator, node)
        except LookupError:  # a reference within that leads nowhere: the slow way says what it means
            return None
        if not found:
            return None
        errors += found
    return errors


def _find_node(root: Json, value: Json, path: Path, keywords: Path) -> _Node | None:
    """The node that the paths lead to.

    Followed are keywords that only hand a value or a part of it on to a schema. The first other one ends it,
    and is checked whole.
    """
    schema, index, depth = root, 0, 0
    trail: list[str | int] = []
    while index < len(keywords) and isinstance(schema, Mapping):
        keyword = str(keywords[index])
        keyword = _FOUND_BY.get(keyword, keyword)
        wanted, name = schema[keyword], keywords[index + 1 : index + 2]
        part = path[depth : depth + 1]
        if keyword == "$ref":
            schema = find_pointer(root, wanted.removeprefix("#"))[0]
        elif name and keyword == "allOf":
            schema = wanted[name[0]]
            trail += (keyword, *name)
            index += 1
        elif name and name == part and keyword in ("properties", "prefixItems"):
            schema, value = wanted[name[0]], value[name[0]]
            trail += (keyword, *name)
            index, depth = index + 1, depth + 1
        elif name and part and keyword in ("items", "additionalProperties"):
            schema, value = wanted, value[part[0]]
            trail.append(keyword)
            depth += 1
        else:
            ending = () if keyword in _TRACELESS else (keyword,)
            return _Node(schema, keyword, value, path[:depth], (*trail, *ending))
        index += 1
    return None


def list_branch_errors(
    validator: Any, value: Json, schema: Json, index: int, limit: int
) -> list[ValidationError]:
    """As `validator.descend` into a branch, without its cost where the branch has plain keywords only."""
    keywords = validator.VALIDATORS
    if not isinstance(schema, Mapping) or not keywords.keys() & schema.keys() <= _PLAIN:
        return list(islice(validator.descend(value, schema, schema_path=index), limit))
    errors: list[ValidationError] = []
    for keyword in schema:
        if keyword in keywords:
            errors += _check(validator, _Node(schema, keyword, value, (), (index, keyword)))
    return errors[:limit]


def _check(validator: Any, node: _Node) -> list[ValidationError]:
    wanted = node.schema[node.keyword]
    errors = list(validator.VALIDATORS[node.keyword](validator, wanted, node.value, node.schema) or ())
    for error in errors:
        if error.validator is not None and not isinstance(error.validator, str):
            error.validator, error.validator_value, error.instance = node.keyword, wanted, node.value
        error.relative_path.extendleft(reversed(node.path))
        error.relative_schema_path.extendleft(reversed(node.schema_path))
    return errors

"""Errors found fast: the compiled validator says where a value fails, and only there its errors are named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import islice
from types import FunctionType
from typing import Any, NamedTuple, TypeAlias

from pytest_ftgate.grading.alternatives import (
    ALTERNATIVES,
    Leaf,
    Path,
    find_meant,
    list_leaves,
    place_leaves,
)
from pytest_ftgate.grading.parsed import find_pointer
from pytest_ftgate.model.evalset import Json

Place: TypeAlias = tuple[Path, Path]
"""Where a value fails: the path in it, and the keywords to the one it breaks (`$ref` among them)."""

_MAX_BRANCH_ERRORS = 50

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


def name_errors(validator: Any, value: Json, places: Sequence[Place]) -> list[Leaf] | None:
    """The errors of `validator` at the places and only there; None where one of them needs all of it.

    So do places where the validator finds nothing, and schemas `false`, where no keyword is broken.
    """
    leaves: list[Leaf] = []
    done: set[tuple[int, Path, Path]] = set()
    for path, keywords in places:
        try:
            node = _find_node(validator.schema, value, path, keywords)
            if node is None:
                return None
            # Paths alone are not enough: a schema and the one that it refers to have the same.
            key = (id(node.schema), node.path, node.schema_path)
            if key in done:
                continue
            done.add(key)
            found = _check(validator, node)
        except LookupError:  # a path or a reference that leads nowhere: the slow way says what it means
            return None
        if not found:
            return None
        leaves += found
    return leaves


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


def _check(validator: Any, node: _Node) -> list[Leaf]:
    schema, keyword, value, path, schema_path = node
    if keyword in _PLAIN:
        return _list_plain(validator, schema, keyword, value, path, schema_path)
    if keyword in ALTERNATIVES:
        meant, valid = try_branches(validator, value, schema[keyword], is_one_enough=True)
        if not valid:
            return place_leaves(meant, path, schema_path)
    leaves: list[Leaf] = []
    for error in validator.VALIDATORS[keyword](validator, schema[keyword], value, schema) or ():
        if error.validator is not None and not isinstance(error.validator, str):
            error.validator, error.validator_value, error.instance = keyword, schema[keyword], value
        leaves += list_leaves(error, path, schema_path)
    return leaves


def try_branches(
    validator: Any, value: Json, branches: Sequence[Json], *, is_one_enough: bool
) -> tuple[Sequence[Leaf], list[int]]:
    """`anyOf` or `oneOf`: (where none holds, the errors of the branch meant, at paths from the value; the
    branches that hold, one of them where that is enough).

    Of each branch a few errors are read: a long list would have them all collected.
    """
    failed: list[Sequence[Leaf]] = []
    never: list[Leaf] = []
    valid: list[int] = []
    for index, branch in enumerate(branches):
        found = _list_branch(validator, value, branch, index)
        if not found:
            valid.append(index)
            if is_one_enough:
                break
        elif branch is False:
            never += found
        else:
            failed.append(found)
    if valid:
        return (), valid
    # What nothing can have been meant by comes last.
    return find_meant([*failed, never] if never else failed), valid


def _list_branch(validator: Any, value: Json, branch: Json, index: int) -> list[Leaf]:
    if isinstance(branch, Mapping):
        keywords = [keyword for keyword in branch if keyword in validator.VALIDATORS]
        if _PLAIN.issuperset(keywords):
            leaves: list[Leaf] = []
            for keyword in keywords:
                leaves += _list_plain(validator, branch, keyword, value, (), (index, keyword))
            return leaves[:_MAX_BRANCH_ERRORS]
    errors = islice(validator.descend(value, branch, schema_path=index), _MAX_BRANCH_ERRORS)
    return [leaf for error in errors for leaf in list_leaves(error)]


def _list_plain(
    validator: Any, schema: Mapping[str, Json], keyword: str, value: Json, path: Path, schema_path: Path
) -> list[Leaf]:
    wanted = schema[keyword]
    messages = _give_messages(validator.VALIDATORS[keyword])(validator, wanted, value, schema)
    return [Leaf(keyword, wanted, value, message, path, schema_path) for message in messages]


@lru_cache
def _give_messages(check: Any) -> Any:
    """The same check of a plain keyword with its messages in place of errors: making these costs more than
    finding them.
    """
    if isinstance(check, FunctionType) and "ValidationError" in check.__code__.co_names:
        return FunctionType(check.__code__, {**check.__globals__, "ValidationError": _take_message})
    return lambda *args: [error.message for error in check(*args)]


def _take_message(message: str, **_: Any) -> str:
    return message

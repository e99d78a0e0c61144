"""Errors found fast: the compiled validator says where a value fails, and only there its errors are named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
# To the part of that name or index, and to parts of any.
_TO_NAMED = ("properties", "prefixItems")
_TO_ALL = ("items", "additionalProperties")
_MAX_TRAILS = 1_000


class _Trail(NamedTuple):
    """The keyword of a schema that is held against a value, and how the value is reached.

    `steps`: its path, None where any key or index leads on. `is_for_all`: the keywords alone lead here.
    """

    schema: Mapping[str, Json]
    keyword: str
    steps: tuple[str | int | None, ...]
    schema_path: Path
    is_for_all: bool

    def fits(self, path: Path) -> bool:
        """Whether an error at the path is reached that way."""
        if len(path) < len(self.steps):
            return False
        for step, part in zip(self.steps, path, strict=False):
            if step is not None and step != part:
                return False
        return True


class ErrorNamer:
    """Names the errors of values under the schema of one validator."""

    def __init__(self, validator: Any) -> None:
        self._validator = validator
        self._trails: dict[Path, _Trail] = {}

    def name(self, value: Json, places: Sequence[Place]) -> list[Leaf] | None:
        """The errors of the value at the places and only there; None where one of them needs all of it.

        So do places where the validator finds nothing, and schemas `false`, where no keyword is broken.
        """
        leaves: list[Leaf] = []
        done: set[tuple[int, Path, Path]] = set()
        for path, keywords in places:
            try:
                trail = self._find_trail(path, keywords)
                if trail is None:
                    return None
                path = path[: len(trail.steps)]
                # Paths alone are not enough: a schema and the one that it refers to have the same.
                key = (id(trail.schema), path, trail.schema_path)
                if key in done:
                    continue
                done.add(key)
                found = self._check(value, path, trail)
            except LookupError:  # a path or a reference that leads nowhere: the slow way says what it means
                return None
            if not found:
                return None
            leaves += found
        return leaves

    def _find_trail(self, path: Path, keywords: Path) -> _Trail | None:
        """Kept by its keywords, for most errors are found where others were before."""
        known = self._trails.get(keywords)
        if known is not None and known.fits(path):
            return known
        trail = _follow(self._validator.schema, path, keywords)
        if trail is not None and trail.is_for_all:
            if len(self._trails) >= _MAX_TRAILS:
                self._trails.clear()
            self._trails[keywords] = trail
        return trail

    def _check(self, value: Json, path: Path, trail: _Trail) -> list[Leaf]:
        validator, schema, keyword, schema_path = (
            self._validator,
            trail.schema,
            trail.keyword,
            trail.schema_path,
        )
        for step in path:
            value = value[step]
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


def _follow(root: Json, path: Path, keywords: Path) -> _Trail | None:
    """Where the keywords lead for an error at the path.

    Followed are keywords that only hand a value or a part of it on to a schema. The first other one ends it,
    and is checked whole.
    """
    schema, index = root, 0
    steps: list[str | int | None] = []
    passed: list[str | int] = []
    while index < len(keywords) and isinstance(schema, Mapping):
        keyword = str(keywords[index])
        keyword = _FOUND_BY.get(keyword, keyword)
        wanted, name = schema[keyword], keywords[index + 1 : index + 2]
        part = path[len(steps) : len(steps) + 1]
        if keyword == "$ref":
            schema = find_pointer(root, wanted.removeprefix("#"))[0]
        elif name and keyword == "allOf":
            schema = wanted[name[0]]
            passed += (keyword, *name)
            index += 1
        elif name and name == part and keyword in _TO_NAMED:
            schema = wanted[name[0]]
            passed += (keyword, *name)
            steps += name
            index += 1
        elif name and part and keyword in _TO_ALL:
            schema = wanted
            passed.append(keyword)
            steps.append(None)
        else:
            ending = () if keyword in _TRACELESS else (keyword,)
            is_for_all = not name or keyword not in (*_TO_NAMED, *_TO_ALL)
            return _Trail(schema, keyword, tuple(steps), (*passed, *ending), is_for_all)
        index += 1
    return None


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
    if isinstance(branch, dict):
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
    wanted, check = schema[keyword], validator.VALIDATORS[keyword]
    # The two most usual ones in the words of jsonschema, for what each of them takes there.
    if keyword == "type" and isinstance(wanted, str) and check.__name__ == "type":
        messages: Iterable[str] = (
            () if validator.is_type(value, wanted) else (f"{value!r} is not of type {wanted!r}",)
        )
    elif keyword == "enum" and isinstance(value, str):
        messages = () if value in wanted else (f"{value!r} is not one of {wanted!r}",)
    else:
        messages = _give_messages(check)(validator, wanted, value, schema)
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

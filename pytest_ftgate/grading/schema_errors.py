"""Schema errors as signatures: one per root cause, indices folded, alternatives reduced to the one meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_ftgate.grading.grades import Problem, Problems
from pytest_ftgate.grading.signatures import clean, escape_part, fold_pointer, type_name
from pytest_ftgate.model.evalset import Json

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_NEVER = 10**9
_ALTERNATIVES = ("anyOf", "oneOf")
_CHOICES = ("enum", "const")
_DEPENDENCIES = ("dependentRequired", "dependencies")
# Keywords whose next step in a schema path is a name, and whether it is a step into the value as well.
_NAMED_STEPS = {
    "properties": True,
    "patternProperties": False,
    "dependentSchemas": None,
    "dependencies": None,
    "$defs": None,
    "definitions": None,
}
_MAP_STEPS = ("additionalProperties", "unevaluatedProperties")


def describe_errors(errors: Iterable[ValidationError]) -> Problems:
    """Problems in a stable order: shallowest first, then by path and keyword, without repetition.

    Keys that the schema does not name where they stand (maps from ids to values) are folded to `*`.
    """
    found: dict[str, tuple[tuple[int, str], Problem]] = {}
    for leaf in _keep_roots([leaf for error in errors for leaf in _reduce(error)]):
        for problem in _describe(leaf):
            key = (len(leaf.absolute_path), problem.signature)
            if problem.signature not in found or key < found[problem.signature][0]:
                found[problem.signature] = (key, problem)
    ordered = [problem for _, problem in sorted(found.values(), key=lambda entry: entry[0])]
    roots = [problem for problem in ordered if not problem.signature.startswith("schema:unevaluated")]
    return tuple(roots or ordered)


def _keep_roots(leaves: list[ValidationError]) -> list[ValidationError]:
    """Without what follows from another error of the same value: a value of the wrong type is none of
    the allowed ones either, and one that is none of them breaks limits and patterns too.
    """
    strongest: dict[tuple[str | int, ...], int] = {}
    for leaf in leaves:
        path = tuple(leaf.absolute_path)
        strongest[path] = min(strongest.get(path, 2), _strength(leaf))
    return [leaf for leaf in leaves if _strength(leaf) == strongest[tuple(leaf.absolute_path)]]


def _strength(error: ValidationError) -> int:
    if error.validator == "type":
        return 0
    return 1 if error.validator in _CHOICES else 2


# -- alternatives ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Branch:
    """One alternative: its errors, and how far it is from the answer."""

    leaves: list[ValidationError]
    distance: tuple[int, int, int]


def _reduce(error: ValidationError) -> Iterator[ValidationError]:
    """The leaves of an error; of alternatives only the branch the answer most likely meant."""
    if error.validator not in _ALTERNATIVES or not error.context:
        yield error
        return
    children: dict[int, list[ValidationError]] = {}
    for child in error.context:
        # A branch that is `false` has no index; nothing can have been meant by it.
        index = child.schema_path[0] if child.schema_path else _NEVER
        children.setdefault(int(index), []).append(child)
    depth = len(error.absolute_path)
    branches = [_read_branch(children[index], depth) for index in sorted(children)]
    meant = min(branches, key=lambda branch: branch.distance)
    rivals = [branch for branch in branches if branch.distance[:2] == meant.distance[:2]]
    yield from _find_common(meant, rivals, branches, depth)


def _read_branch(children: list[ValidationError], depth: int) -> _Branch:
    """Its distance: wrong type of the whole, wrong discriminators, number of errors."""
    leaves = _keep_roots([leaf for child in children for leaf in _reduce(child)])
    wrong_whole = sum(
        1
        for leaf in leaves
        if leaf.validator in (None, "type", *_CHOICES) and len(leaf.absolute_path) == depth
    )
    wrong_marks = sum(1 for leaf in leaves if leaf.validator in _CHOICES and len(leaf.absolute_path) > depth)
    return _Branch(leaves, (wrong_whole, wrong_marks, len(leaves)))


def _find_common(
    meant: _Branch, rivals: list[_Branch], branches: list[_Branch], depth: int
) -> list[ValidationError]:
    """The leaves of the branch meant; where nothing shows which one is meant, what all agree on.

    That is the discriminator: a value that no branch allows, or a field that all miss.
    """
    marks = [leaf for leaf in meant.leaves if leaf.validator in _CHOICES]
    if marks and (meant.distance[1] or meant.distance[0]) and len(branches) > 1:
        for mark in marks:
            _list_choices(mark, branches)
        return marks
    if len(rivals) < 2:
        return meant.leaves
    shared = set.intersection(*(_missing_fields(branch, depth) for branch in rivals))
    common = [leaf for leaf in meant.leaves if _missing_field(leaf, depth) in shared]
    return common or meant.leaves


def _list_choices(mark: ValidationError, branches: list[_Branch]) -> None:
    """Let the error of a wrong discriminator name what every branch would take."""
    choices: list[Json] = []
    for branch in branches:
        for leaf in branch.leaves:
            if leaf.validator in _CHOICES and leaf.absolute_path == mark.absolute_path:
                value: Json = leaf.validator_value
                choices.extend(value if leaf.validator == "enum" else [value])
    named = ", ".join(dict.fromkeys(clean(repr(choice), 40) for choice in choices[:20]))
    mark.validator, mark.validator_value = "enum", choices
    mark.message = f"{clean(repr(mark.instance), 40)} is none of {named}"


def _missing_fields(branch: _Branch, depth: int) -> set[str]:
    fields = (_missing_field(leaf, depth) for leaf in branch.leaves)
    return {field for field in fields if field is not None}


def _missing_field(leaf: ValidationError, depth: int) -> str | None:
    """The message of a `required` error of the whole value: it names the one field that is missing."""
    is_missing = leaf.validator == "required" and len(leaf.absolute_path) == depth
    return str(leaf.message) if is_missing else None


# -- signatures -----------------------------------------------------------------------------------


def _describe(error: ValidationError) -> Iterator[Problem]:
    path, is_about_key = _fold_path(error)
    exact = clean("/" + "/".join(escape_part(str(part)) for part in error.absolute_path), 100)
    reason = f"{exact}: {clean(error.message, 160)}"
    keyword = "propertyNames" if is_about_key else str(error.validator or "false")
    if keyword == "required" and isinstance(error.instance, Mapping):
        missing = [name for name in _names(error.validator_value) if name not in error.instance]
        # One error for each field, with all that are required as its value.
        for name in [name for name in missing if error.message.startswith(f"{name!r} ")] or missing:
            pointer = fold_pointer([*path, name])
            yield Problem(f"schema:required:{pointer}", f"{exact}: {clean(name)!r} is missing")
    elif keyword in _DEPENDENCIES and isinstance(error.instance, Mapping):
        for name, cause in _missing_dependencies(error.validator_value, error.instance):
            what = f"{exact}: {clean(name)!r} is missing, and {clean(cause)!r} wants it"
            yield Problem(f"schema:dependentRequired:{fold_pointer([*path, name])}", what)
    elif keyword == "type":
        yield Problem(f"schema:type:{fold_pointer(path)}:{type_name(error.instance)}", reason)
    else:
        yield Problem(f"schema:{clean(keyword, 40)}:{fold_pointer(path)}", reason)


def _missing_dependencies(wanted: Json, instance: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    for cause, names in wanted.items() if isinstance(wanted, Mapping) else ():
        if cause in instance:
            yield from ((name, cause) for name in _names(names) if name not in instance)


def _fold_path(error: ValidationError) -> tuple[list[str | int], bool]:
    """The path with keys of maps as 0 (an index folds to `*`), and whether the error is about a key.

    A key is named where the schema reached it by `properties`.
    """
    is_named: list[bool] = []
    is_about_key = False
    steps = iter(error.absolute_schema_path)
    for step in steps:
        if step in _NAMED_STEPS:
            kind = _NAMED_STEPS[str(step)]
            next(steps, None)
            if kind is not None:
                is_named.append(kind)
        elif step in _MAP_STEPS:
            is_named.append(False)
        elif step == "propertyNames":
            is_about_key = True
    keys = iter(is_named)
    path = [part if isinstance(part, int) or next(keys, True) else 0 for part in error.absolute_path]
    return path, is_about_key


def _names(value: Json) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []

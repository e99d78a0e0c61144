"""Schema errors as signatures: one per root cause, indices folded, alternatives reduced to the one meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from pytest_ftgate.grading.grades import Problem, Problems
from pytest_ftgate.grading.signatures import clean, escape_part, fold_pointer, type_name
from pytest_ftgate.model.evalset import Json

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

Path: TypeAlias = tuple[str | int, ...]

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


class _Leaf(NamedTuple):
    """One error of a value: by which keyword, with what it wants; the paths from the roots."""

    keyword: str | None
    wanted: Json
    value: Json
    message: str
    path: Path
    schema_path: Path

    @property
    def strength(self) -> int:
        if self.keyword == "type":
            return 0
        return 1 if self.keyword in _CHOICES else 2


def describe_errors(errors: Iterable[ValidationError]) -> Problems:
    """Problems in a stable order, whatever that of the errors: shallowest first, then by path and keyword,
    without repetition.

    Keys that the schema does not name where they stand (maps from ids to values) are folded to `*`.
    """
    found: dict[str, tuple[_Leaf, Problem]] = {}
    for leaf in _keep_roots([leaf for error in errors for leaf in _reduce(error)]):
        for problem in _describe(leaf):
            known = found.get(problem.signature)
            if known is None or _place(leaf, problem) < _place(*known):
                found[problem.signature] = (leaf, problem)
    ordered = sorted(found.values(), key=lambda entry: (len(entry[0].path), entry[1].signature))
    problems = [problem for _, problem in ordered]
    roots = [problem for problem in problems if not problem.signature.startswith("schema:unevaluated")]
    return tuple(roots or problems)


def _place(leaf: _Leaf, problem: Problem) -> tuple[int, list[tuple[bool, str | int]], str]:
    """What comes first among errors of one signature."""
    return len(leaf.path), [(isinstance(step, str), step) for step in leaf.path], problem.reason


def _keep_roots(leaves: list[_Leaf]) -> list[_Leaf]:
    """Without what follows from another error of the same value: a value of the wrong type is none of
    the allowed ones either, and one that is none of them breaks limits and patterns too.
    """
    if len(leaves) < 2:
        return leaves
    strongest: dict[Path, int] = {}
    for leaf in leaves:
        strongest[leaf.path] = min(strongest.get(leaf.path, 2), leaf.strength)
    return [leaf for leaf in leaves if leaf.strength == strongest[leaf.path]]


# -- alternatives ---------------------------------------------------------------------------------


class _Branch(NamedTuple):
    """One alternative: its errors, and how far it is from the answer."""

    leaves: list[_Leaf]
    distance: tuple[int, int, int]


def _reduce(error: ValidationError, path: Path = (), schema_path: Path = ()) -> list[_Leaf]:
    """The leaves of an error; of alternatives only the branch the answer most likely meant."""
    path, schema_path = (*path, *error.relative_path), (*schema_path, *error.relative_schema_path)
    keyword: Any = error.validator
    if keyword not in _ALTERNATIVES or not error.context:
        return [_Leaf(keyword, error.validator_value, error.instance, error.message, path, schema_path)]
    children: dict[int, list[_Leaf]] = {}
    for child in error.context:
        # A branch that is `false` has no index; nothing can have been meant by it.
        index = int(child.schema_path[0]) if child.schema_path else _NEVER
        children.setdefault(index, []).extend(_reduce(child, path, schema_path))
    branches = [_read_branch(children[index], len(path)) for index in sorted(children)]
    meant = min(branches, key=lambda branch: branch.distance)
    rivals = [branch for branch in branches if branch.distance[:2] == meant.distance[:2]]
    return _find_common(meant, rivals, branches, len(path))


def _read_branch(leaves: list[_Leaf], depth: int) -> _Branch:
    """Its distance: wrong type of the whole, wrong discriminators, number of errors."""
    leaves = _keep_roots(leaves)
    wrong_whole = wrong_marks = 0
    for leaf in leaves:
        if leaf.keyword in _CHOICES and len(leaf.path) > depth:
            wrong_marks += 1
        elif leaf.keyword in (None, "type", *_CHOICES) and len(leaf.path) == depth:
            wrong_whole += 1
    return _Branch(leaves, (wrong_whole, wrong_marks, len(leaves)))


def _find_common(meant: _Branch, rivals: list[_Branch], branches: list[_Branch], depth: int) -> list[_Leaf]:
    """The leaves of the branch meant; where nothing shows which one is meant, what all agree on.

    That is the discriminator: a value that no branch allows, or a field that all miss.
    """
    marks = [leaf for leaf in meant.leaves if leaf.keyword in _CHOICES]
    if marks and (meant.distance[1] or meant.distance[0]) and len(branches) > 1:
        return [_list_choices(mark, branches) for mark in marks]
    if len(rivals) < 2:
        return meant.leaves
    shared = set.intersection(*(_missing_fields(branch, depth) for branch in rivals))
    common = [leaf for leaf in meant.leaves if _missing_field(leaf, depth) in shared]
    return common or meant.leaves


def _list_choices(mark: _Leaf, branches: list[_Branch]) -> _Leaf:
    """The error of a wrong discriminator, naming what every branch would take."""
    choices: list[Json] = []
    for branch in branches:
        for leaf in branch.leaves:
            if leaf.keyword in _CHOICES and leaf.path == mark.path:
                choices.extend(leaf.wanted if leaf.keyword == "enum" else [leaf.wanted])
    named = ", ".join(dict.fromkeys(clean(repr(choice), 40) for choice in choices[:20]))
    message = f"{clean(repr(mark.value), 40)} is none of {named}"
    return mark._replace(keyword="enum", wanted=choices, message=message)


def _missing_fields(branch: _Branch, depth: int) -> set[str]:
    fields = (_missing_field(leaf, depth) for leaf in branch.leaves)
    return {field for field in fields if field is not None}


def _missing_field(leaf: _Leaf, depth: int) -> str | None:
    """The message of a `required` error of the whole value: it names the one field that is missing."""
    return leaf.message if leaf.keyword == "required" and len(leaf.path) == depth else None


# -- signatures -----------------------------------------------------------------------------------


def _describe(leaf: _Leaf) -> Iterator[Problem]:
    path, is_about_key = _fold_path(leaf)
    exact = clean("/" + "/".join([escape_part(str(part)) for part in leaf.path]), 100)
    keyword = "propertyNames" if is_about_key else leaf.keyword or "false"
    if keyword == "required" and isinstance(leaf.value, Mapping):
        missing = [name for name in _names(leaf.wanted) if name not in leaf.value]
        # One error for each field, with all that are required as its value.
        for name in [name for name in missing if leaf.message.startswith(f"{name!r} ")] or missing:
            pointer = fold_pointer([*path, name])
            yield Problem(f"schema:required:{pointer}", f"{exact}: {clean(name)!r} is missing")
    elif keyword in _DEPENDENCIES and isinstance(leaf.value, Mapping):
        for name, cause in _missing_dependencies(leaf.wanted, leaf.value):
            what = f"{exact}: {clean(name)!r} is missing, and {clean(cause)!r} wants it"
            yield Problem(f"schema:dependentRequired:{fold_pointer([*path, name])}", what)
    else:
        what = type_name(leaf.value) if keyword == "type" else ""
        signature = f"schema:{clean(keyword, 40)}:{fold_pointer(path)}{what and f':{what}'}"
        yield Problem(signature, f"{exact}: {clean(leaf.message, 160)}")


def _missing_dependencies(wanted: Json, instance: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    for cause, names in wanted.items() if isinstance(wanted, Mapping) else ():
        if cause in instance:
            yield from ((name, cause) for name in _names(names) if name not in instance)


def _fold_path(leaf: _Leaf) -> tuple[list[str | int], bool]:
    """The path with keys of maps as 0 (an index folds to `*`), and whether the error is about a key.

    A key is named where the schema reached it by `properties`.
    """
    is_named: list[bool] = []
    is_about_key = False
    steps = iter(leaf.schema_path)
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
    path = [part if isinstance(part, int) or next(keys, True) else 0 for part in leaf.path]
    return path, is_about_key


def _names(value: Json) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []

"""The errors of a value under a schema as plain parts; of alternatives only those of the branch meant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from pytest_ftgate.grading.signatures import clean
from pytest_ftgate.model.evalset import Json

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

Path: TypeAlias = tuple[str | int, ...]

ALTERNATIVES = ("anyOf", "oneOf")
_CHOICES = ("enum", "const")
_WHOLE = (None, "type", *_CHOICES)


class Leaf(NamedTuple):
    """One error of a value: by which keyword, with what it wants; the paths are from where it was sought."""

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


def list_leaves(error: ValidationError, path: Path = (), schema_path: Path = ()) -> list[Leaf]:
    """The leaves of an error found at the paths: of alternatives those that its context has."""
    path, schema_path = (*path, *error.relative_path), (*schema_path, *error.relative_schema_path)
    keyword: Any = error.validator
    if keyword in ALTERNATIVES and error.context:
        leaves: Any = error.context
        return place_leaves(leaves, path, schema_path)
    return [Leaf(keyword, error.validator_value, error.instance, error.message, path, schema_path)]


def place_leaves(leaves: Iterable[Leaf], path: Path, schema_path: Path) -> list[Leaf]:
    """The leaves of a value that stands at the paths."""
    return [
        Leaf(keyword, wanted, value, message, (*path, *steps), (*schema_path, *schema_steps))
        for keyword, wanted, value, message, steps, schema_steps in leaves
    ]


def keep_roots(leaves: Sequence[Leaf]) -> Sequence[Leaf]:
    """Without what follows from another error of the same value: a value of the wrong type is none of
    the allowed ones either, and one that is none of them breaks limits and patterns too.
    """
    if len(leaves) < 2 or len({leaf.path for leaf in leaves}) == len(leaves):
        return leaves
    strongest: dict[Path, int] = {}
    for leaf in leaves:
        strongest[leaf.path] = min(strongest.get(leaf.path, 2), leaf.strength)
    return [leaf for leaf in leaves if leaf.strength == strongest[leaf.path]]


class _Branch(NamedTuple):
    """One alternative: its errors, and how far it is from the answer."""

    leaves: Sequence[Leaf]
    distance: tuple[int, int, int]


def find_meant(alternatives: Iterable[Sequence[Leaf]]) -> Sequence[Leaf]:
    """The leaves of the branch that the answer most likely meant, from those of every branch."""
    branches = [_read_branch(leaves) for leaves in alternatives]
    meant = min(branches, key=lambda branch: branch.distance)
    return _find_common(meant, branches)


def _read_branch(leaves: Sequence[Leaf]) -> _Branch:
    """Its distance: wrong type of the whole, wrong discriminators, number of errors."""
    leaves = keep_roots(leaves)
    wrong_whole = wrong_marks = 0
    for leaf in leaves:
        if leaf.path:
            wrong_marks += leaf.keyword in _CHOICES
        else:
            wrong_whole += leaf.keyword in _WHOLE
    return _Branch(leaves, (wrong_whole, wrong_marks, len(leaves)))


def _find_common(meant: _Branch, branches: list[_Branch]) -> Sequence[Leaf]:
    """The leaves of the branch meant; where nothing shows which one is meant, what all agree on.

    That is the discriminator: a value that no branch allows, or a field that all miss.
    """
    marks = [leaf for leaf in meant.leaves if leaf.keyword in _CHOICES]
    if marks and (meant.distance[1] or meant.distance[0]) and len(branches) > 1:
        return [_list_choices(mark, branches) for mark in marks]
    rivals = [branch for branch in branches if branch.distance[:2] == meant.distance[:2]]
    if len(rivals) < 2:
        return meant.leaves
    shared = set.intersection(*(_missing_fields(branch) for branch in rivals))
    common = [leaf for leaf in meant.leaves if _missing_field(leaf) in shared]
    return common or meant.leaves


def _list_choices(mark: Leaf, branches: list[_Branch]) -> Leaf:
    """The error of a wrong discriminator, naming what every branch would take."""
    choices: list[Json] = []
    for branch in branches:
        for leaf in branch.leaves:
            if leaf.keyword in _CHOICES and leaf.path == mark.path:
                choices.extend(leaf.wanted if leaf.keyword == "enum" else [leaf.wanted])
    named = ", ".join(dict.fromkeys(clean(repr(choice), 40) for choice in choices[:20]))
    message = f"{clean(repr(mark.value), 40)} is none of {named}"
    return Leaf("enum", choices, mark.value, message, mark.path, mark.schema_path)


def _missing_fields(branch: _Branch) -> set[str]:
    fields = (_missing_field(leaf) for leaf in branch.leaves)
    return {field for field in fields if field is not None}


def _missing_field(leaf: Leaf) -> str | None:
    """The message of a `required` error of the whole value: it names the one field that is missing."""
    return leaf.message if leaf.keyword == "required" and not leaf.path else None

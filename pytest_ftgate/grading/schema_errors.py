"""Schema errors as signatures: one per root cause, indices folded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from pytest_ftgate.grading.alternatives import Leaf, Path, keep_roots
from pytest_ftgate.grading.grades import Problem, Problems
from pytest_ftgate.grading.signatures import clean, escape_part, fold_pointer, type_name
from pytest_ftgate.model.evalset import Json

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

_Steps: TypeAlias = tuple[tuple[bool, ...], bool]
_MAX_KEPT = 1_000
_MAX_KEPT_CHARS = 1_000
_steps_known: dict[Path, _Steps] = {}


def describe_errors(leaves: Sequence[Leaf]) -> Problems:
    """Problems in a stable order, whatever that of the errors: shallowest first, then by path and keyword,
    without repetition.

    Keys that the schema does not name where they stand (maps from ids to values) are folded to `*`.
    """
    found: dict[str, tuple[Leaf, Problem]] = {}
    for leaf in keep_roots(leaves):
        for problem in _describe(leaf):
            known = found.get(problem.signature)
            if known is None or _place(leaf, problem) < _place(*known):
                found[problem.signature] = (leaf, problem)
    ordered = sorted(found.values(), key=lambda entry: (len(entry[0].path), entry[1].signature))
    problems = [problem for _, problem in ordered]
    roots = [problem for problem in problems if not problem.signature.startswith("schema:unevaluated")]
    return tuple(roots or problems)


def _place(leaf: Leaf, problem: Problem) -> tuple[int, list[tuple[bool, str | int]], str]:
    """What comes first among errors of one signature."""
    return len(leaf.path), [(isinstance(step, str), step) for step in leaf.path], problem.reason


def _describe(leaf: Leaf) -> Iterator[Problem]:
    named, is_about_key = _read_steps(leaf.schema_path)
    path = _fold_path(leaf.path, named)
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
        signature = f"schema:{keyword}:{fold_pointer(path)}{what and f':{what}'}"
        yield Problem(signature, f"{exact}: {clean(leaf.message, 160)}")


def _missing_dependencies(wanted: Json, instance: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    for cause, names in wanted.items() if isinstance(wanted, Mapping) else ():
        if cause in instance:
            yield from ((name, cause) for name in _names(names) if name not in instance)


def _fold_path(path: Path, named: Sequence[bool]) -> list[str | int]:
    """The path with keys of maps as 0, for an index folds to `*`. `named`: for its keys, in order."""
    keys = iter(named)
    return [part if isinstance(part, int) or next(keys, True) else 0 for part in path]


def _read_steps(schema_path: Path) -> _Steps:
    """What the way through the schema says, kept for most errors are found where others were before."""
    known = _steps_known.get(schema_path)
    if known is None:
        known = _find_steps(schema_path)
        # Names in it may come from an answer (grading/schema.py spells some out).
        if sum([len(str(step)) for step in schema_path]) <= _MAX_KEPT_CHARS:
            if len(_steps_known) >= _MAX_KEPT:
                _steps_known.clear()
            _steps_known[schema_path] = known
    return known


def _find_steps(schema_path: Path) -> _Steps:
    """For each key of an error's path whether the schema names it, and whether the error is about a key.

    A key is named where the schema reached it by `properties`.
    """
    is_named: list[bool] = []
    is_about_key = False
    steps = iter(schema_path)
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
    return tuple(is_named), is_about_key


def _names(value: Json) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []

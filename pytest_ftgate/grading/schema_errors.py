"""Schema errors as signatures: one per root cause, indices folded, alternatives reduced to the one meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from pytest_ftgate.grading.grades import Problem, Problems
from pytest_ftgate.grading.signatures import clean, escape_part, fold_pointer, type_name
from pytest_ftgate.model.evalset import Json

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_ALTERNATIVES = ("anyOf", "oneOf")


def describe_errors(errors: Iterable[ValidationError], schema: Json) -> Problems:
    """Problems in a stable order: shallowest first, then by path and keyword, without repetition.

    Keys that no `properties` of the schema names (maps from ids to values) are folded to `*`.
    """
    known = frozenset(_property_names(schema))
    found: dict[str, tuple[tuple[int, str], Problem]] = {}
    leaves = [leaf for error in errors for leaf in _reduce(error)]
    for error in leaves:
        for problem in _describe(error, known):
            key = (len(error.absolute_path), problem.signature)
            if problem.signature not in found or key < found[problem.signature][0]:
                found[problem.signature] = (key, problem)
    ordered = [problem for _, problem in sorted(found.values(), key=lambda entry: entry[0])]
    roots = [problem for problem in ordered if not problem.signature.startswith("schema:unevaluated")]
    return tuple(roots or ordered)


def _reduce(error: ValidationError) -> Iterator[ValidationError]:
    """The leaves of an error; of alternatives only the branch the answer most likely meant."""
    if error.validator not in _ALTERNATIVES or not error.context:
        yield error
        return
    branches: dict[int, list[ValidationError]] = {}
    for child in error.context:
        branches.setdefault(int(child.schema_path[0]), []).append(child)
    meant = min(branches, key=lambda index: (_distance(branches[index]), index))
    for child in branches[meant]:
        yield from _reduce(child)


def _distance(errors: list[ValidationError]) -> tuple[int, int, int]:
    """How far a branch is from the answer: wrong type of the whole, wrong discriminator, errors."""
    wrong_whole = sum(
        1 for error in errors if error.validator in ("type", "enum", "const") and not error.path
    )
    wrong_mark = sum(1 for error in errors if error.validator in ("enum", "const") and error.path)
    return wrong_whole, wrong_mark, len(errors)


def _describe(error: ValidationError, known: frozenset[str]) -> Iterator[Problem]:
    path = [part if isinstance(part, int) or part in known else 0 for part in error.absolute_path]
    exact = "/" + "/".join(escape_part(str(part)) for part in error.absolute_path)
    reason = f"{clean(exact, 100)}: {clean(error.message, 160)}"
    keyword = str(error.validator or "false")
    if keyword == "required" and isinstance(error.instance, Mapping):
        for name in _names(error.validator_value):
            if name not in error.instance:
                pointer = fold_pointer([*path, name])
                yield Problem(
                    f"schema:required:{pointer}", f"{clean(exact, 100)}: {clean(name)!r} is missing"
                )
    elif keyword == "type":
        yield Problem(f"schema:type:{fold_pointer(path)}:{type_name(error.instance)}", reason)
    else:
        yield Problem(f"schema:{clean(keyword, 40)}:{fold_pointer(path)}", reason)


def _names(value: Json) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def _property_names(schema: Json) -> Iterator[str]:
    if isinstance(schema, Mapping):
        properties = schema.get("properties")
        if isinstance(properties, Mapping):
            yield from (str(name) for name in properties)
        yield from _names(schema.get("required"))
        for value in schema.values():
            yield from _property_names(value)
    elif isinstance(schema, list | tuple):
        for value in schema:
            yield from _property_names(value)

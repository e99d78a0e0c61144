"""JSON Schema errors as sentences: one per mistake, for the branch that was meant."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from pytest_ftgate.errors import suggest
from pytest_ftgate.loading.places import Path, Place
from pytest_ftgate.loading.problems import Problems
from pytest_ftgate.loading.schema_files import read_schema
from pytest_ftgate.loading.wording import describe, quote, say_unknown, show
from pytest_ftgate.model.evalset import Json

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError, ValidationError

_TYPE_NAMES = {
    "null": "null",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "string": "a string",
    "array": "a list",
    "object": "a mapping",
}
_LIMITS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "greater than",
    "exclusiveMaximum": "less than",
}


@cache
def compile_evalset_schema() -> Draft202012Validator:
    """The one validator of `evalset.schema.json`."""
    from jsonschema import Draft202012Validator

    return Draft202012Validator(read_schema("evalset"))


@lru_cache(maxsize=1024)
def _compile(schema: str) -> Draft202012Validator:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(schema))


def check_value(value: Json, schema: Json, place: Place, problems: Problems) -> bool:
    """Whether `value` obeys the schema of a part's option; every mistake is a problem at its place."""
    return check_with(_compile(json.dumps(schema, sort_keys=True)), value, place, problems)


def check_with(validator: Draft202012Validator, value: Json, place: Place, problems: Problems) -> bool:
    """As `check_value`, with a compiled validator."""
    is_good = True
    for error in validator.iter_errors(value):
        is_good = False
        for path, what in explain(error):
            problems.add(place.at(*path), what)
    return is_good


def check_options(
    options: Mapping[str, Json],
    schemas: Mapping[str, Json],
    what: str,
    place: Place,
    problems: Problems,
    *,
    also: Sequence[str] = (),
) -> None:
    """Hold the options of a part against the schemas it declares.

    `what` names an unknown one, as `option of x`; `also` are keys read before, to be suggested.
    """
    for name, value in options.items():
        if name in schemas:
            check_value(value, schemas[name], place.at(name), problems)
        else:
            problems.add(place.at(name), say_unknown(what, name, [*schemas, *also]))


def explain(error: ValidationError | SchemaError) -> Iterator[tuple[Path, str]]:
    """Path below the instance and sentence, for every mistake that the error stands for."""
    path: Path = tuple(error.absolute_path)
    keyword, wanted, value = error.validator, error.validator_value, error.instance
    if keyword in ("additionalProperties", "unevaluatedProperties") and isinstance(value, dict):
        known = list(error.schema.get("properties", {})) if isinstance(error.schema, dict) else []
        for name in value:
            if name not in known:
                yield (*path, name), say_unknown("key", name, known)
    elif keyword in ("anyOf", "oneOf"):
        yield from _explain_branches(error, path)
    else:
        yield path, _write(str(keyword), wanted, value, error)


def _write(keyword: str, wanted: Any, value: Json, error: ValidationError | SchemaError) -> str:
    if keyword == "type":
        types = [wanted] if isinstance(wanted, str) else list(wanted)
        return f"must be {_join_types(types)}, got {describe(value)}"
    if keyword in ("enum", "const"):
        return say_not_among([wanted] if keyword == "const" else wanted, value)
    if keyword in _LIMITS:
        return f"must be {_LIMITS[keyword]} {show(wanted)}, got {show(value)}"
    if keyword == "required":
        missing = error.message.partition(" is a required")[0].strip("'\"")
        return f"`{quote(missing)}` is missing"
    if keyword in ("minItems", "minLength", "minProperties") and not value:
        return "must not be empty"
    if keyword in ("minItems", "maxItems"):
        limit = "at least" if keyword == "minItems" else "at most"
        return f"must have {limit} {wanted} items, got {len(value)}"
    if keyword == "uniqueItems":
        return "must not hold the same item twice"
    if keyword == "pattern":
        if wanted == "\\S":
            return "must not be blank"
        return f"must match the pattern {wanted}, got {show(value)}"
    return error.message if len(error.message) <= 200 else f"{describe(value)} breaks the rule `{keyword}`"


def say_not_among(allowed: list[Json], value: Json) -> str:
    """`must be 'a', 'b' or 'c', got 'd'. Did you mean 'c'?`"""
    shown = [show(choice) for choice in allowed if choice is not None]
    return f"must be {_join_choices(shown)}, got {describe(value)}{_hint(value, allowed)}"


def _join_choices(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _hint(value: Json, choices: Sequence[Json]) -> str:
    """`. Did you mean 'x'?`, or nothing."""
    words = [choice for choice in choices if isinstance(choice, str)]
    found = suggest(value, words).partition(" Known:")[0] if isinstance(value, str) and words else ""
    return f".{found}" if found else ""


def _explain_branches(error: ValidationError | SchemaError, path: Path) -> Iterator[tuple[Path, str]]:
    """The mistakes of the branch whose type fits the value; else the types that would."""
    branches: dict[int, list[ValidationError]] = {}
    for inner in error.context or ():
        branches.setdefault(int(inner.schema_path[0]), []).append(inner)
    meant = [errors for errors in branches.values() if not any(_is_top_type(inner) for inner in errors)]
    meant = [e for e in meant if not all(_is_top_choice(inner) for inner in e)] or meant
    if meant:
        # Deeper mistakes mean that more of the branch fitted.
        best = max(meant, key=lambda errors: (max(len(inner.path) for inner in errors), -len(errors)))
        if not all(_is_top_choice(inner) for inner in best):
            for inner in best:
                yield from explain(inner)
            return
    yield path, _say_none_fits(branches, error.instance)


def _say_none_fits(branches: Mapping[int, list[ValidationError]], value: Json) -> str:
    """`must be "none" or a mapping, got …`: the choices and types of all branches."""
    top = [error for errors in branches.values() for error in errors if not error.path]
    choices: list[Json] = []
    types: list[str] = []
    for error in top:
        wanted: Any = error.validator_value
        if error.validator == "type":
            types += [wanted] if isinstance(wanted, str) else wanted
        elif error.validator in ("enum", "const"):
            choices += [wanted] if error.validator == "const" else wanted
    # Nobody writes null on purpose; it is allowed for sections left empty.
    names = [show(choice) for choice in choices] + [_TYPE_NAMES[name] for name in types if name != "null"]
    names = list(dict.fromkeys(names))
    return f"must be {_join_choices(names)}, got {describe(value)}{_hint(value, choices)}"


def _is_top_type(error: ValidationError) -> bool:
    return not error.path and error.validator == "type"


def _is_top_choice(error: ValidationError) -> bool:
    return not error.path and error.validator in ("enum", "const")


def _join_types(types: list[str]) -> str:
    return _join_choices([_TYPE_NAMES[name] for name in types if name != "null"] or ["null"])

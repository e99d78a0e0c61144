"""JSON Schema: compiled once per schema, no remote references, no pattern or list that can hang a run."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache, partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from pytest_ftgate.grading.alternatives import Leaf, list_leaves
from pytest_ftgate.grading.fast_schema import build_fast_check, has_endless_reference
from pytest_ftgate.grading.grades import GraderError, Problem, Problems, TooLargeError
from pytest_ftgate.grading.located_errors import ErrorNamer, Place, try_branches
from pytest_ftgate.grading.schema_errors import describe_errors
from pytest_ftgate.grading.spelled_patterns import (
    list_keys,
    matches_key,
    refuse_long_patterns,
    spell_out,
)
from pytest_ftgate.grading.timed_regex import PatternBudget
from pytest_ftgate.model.evalset import Json

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_MAX_ERRORS = 200
_MAX_SPELLED_KEYS = 300
_MAX_SPELLED_CHARS = 30_000
_DIVISORS = ("multipleOf", "divisibleBy")


class CompiledSchema:
    """A schema ready to judge values. Draft by `$schema`, else 2020-12; `format` is an annotation."""

    def __init__(self, schema: Json) -> None:
        refuse_long_patterns(schema)
        self.schema = schema
        self.budget = PatternBudget()
        self._validator = _build_validator(schema, self.budget)
        self._namer = ErrorNamer(self._validator)
        self._is_spelled_out = _uses(schema, "unevaluatedProperties", "patternProperties")
        self._fast = build_fast_check(schema, self.budget)

    def problems(self, value: Json) -> Problems:
        """Root causes, most telling first; empty where the value is valid. Raises GraderError."""
        self.budget.reset()
        places = self._fast.locate(value) if self._fast is not None else None
        if places == []:
            return ()
        try:
            return describe_errors(self._list_errors(value, places))
        except TooLargeError as error:
            return (Problem("format:too_large", str(error)),)
        except BaseException as error:
            found = self._explain(error)
            if found is None:
                raise
            return found

    def _explain(self, error: BaseException) -> Problems | None:
        """What an error in the middle of judging says of the value; None where it is of another kind.

        Raises GraderError where the schema is at fault.
        """
        from referencing.exceptions import Unresolvable

        if isinstance(error, Unresolvable):
            raise GraderError(
                f"the schema refers to {error}, which it does not contain; "
                "remote references are never fetched"
            ) from None
        if not _is_exhausted(error):
            return None
        if has_endless_reference(self.schema):
            raise GraderError("the schema refers to itself without end") from None
        return (Problem("format:too_deep", "nested too deep to be held against the schema"),)

    def _list_errors(self, value: Json, places: Sequence[Place] | None) -> list[Leaf]:
        leaves = self._namer.name(value, places) if places is not None else None
        if leaves is not None and len(leaves) <= _MAX_ERRORS:
            return leaves
        errors = islice(self._choose_validator(value).iter_errors(value), _MAX_ERRORS)
        return [leaf for error in errors for leaf in list_leaves(error)]

    def _choose_validator(self, value: Json) -> Any:
        if not self._is_spelled_out:
            return self._validator
        keys = set(list_keys(value))
        chars = sum(map(len, keys))
        if len(keys) > _MAX_SPELLED_KEYS or chars > _MAX_SPELLED_CHARS:
            raise TooLargeError(
                f"{len(keys)} different keys of {chars} characters are too many for this schema"
            )
        return _build_validator(spell_out(self.schema, keys, self.budget), self.budget)


_by_identity: dict[int, tuple[Json, CompiledSchema]] = {}


def compile_schema(schema: Json) -> CompiledSchema:
    """The compiled schema, cached. Raises GraderError for a schema that is not one."""
    known = _by_identity.get(id(schema))
    if known is not None and known[0] is schema:
        return known[1]
    if not isinstance(schema, Mapping | bool):
        raise GraderError(f"a schema is a mapping or true / false, not {type(schema).__name__}")
    compiled = _compile_text(json.dumps(schema, default=dict))
    if len(_by_identity) > 1024:
        _by_identity.clear()
    _by_identity[id(schema)] = (schema, compiled)
    return compiled


@lru_cache(maxsize=256)
def _compile_text(text: str) -> CompiledSchema:
    return CompiledSchema(json.loads(text))


def _build_validator(schema: Json, budget: PatternBudget) -> Any:
    import jsonschema
    from attrs import evolve
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]

    base = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        base.check_schema(schema)
    except jsonschema.SchemaError as error:
        where = "/" + "/".join(str(part) for part in error.absolute_path)
        raise GraderError(f"not a valid JSON Schema: {where}: {error.message[:200]}") from None
    except BaseException as error:
        if not _is_exhausted(error):
            raise
        raise GraderError("not a usable JSON Schema: nested too deep") from None
    extend: Any = jsonschema.validators.extend
    guarded = extend(base, _guarded_keywords(base, budget))
    # Its own would take jsonschema's keywords for every part that names its `$schema`.
    guarded.evolve = evolve
    return guarded(schema, registry=REGISTRY)


def _is_exhausted(error: BaseException) -> bool:
    """Whether the stack is used up: within rpds, the Rust maps under jsonschema, that is no `Exception`."""
    return isinstance(error, RecursionError) or type(error).__name__ == "PanicException"


def _guarded_keywords(base: Any, budget: PatternBudget) -> dict[str, Any]:
    """Replacements for the keywords that search patterns or compare all items with all."""
    replaced: dict[str, Any] = {
        "pattern": partial(_check_pattern, budget),
        "patternProperties": partial(_check_pattern_properties, budget),
        "uniqueItems": _check_unique,
    }
    for keyword in ("anyOf", "oneOf"):
        if keyword in base.VALIDATORS:
            replaced[keyword] = partial(_check_alternatives, is_only_one=keyword == "oneOf")
    for keyword in _DIVISORS:
        if keyword in base.VALIDATORS:
            replaced[keyword] = partial(_check_multiple, base.VALIDATORS[keyword])
    if "additionalProperties" in base.VALIDATORS:
        replaced["additionalProperties"] = partial(_check_additional, budget)
    return replaced


def _check_pattern(
    budget: PatternBudget, validator: Any, wanted: str, instance: Json, _: Json
) -> Iterator[ValidationError]:
    from jsonschema.exceptions import ValidationError

    if validator.is_type(instance, "string") and not budget.search(wanted, instance):
        yield ValidationError(f"{instance[:80]!r} does not match {wanted!r}")


def _check_alternatives(
    validator: Any, wanted: list[Json], instance: Json, _: Json, *, is_only_one: bool
) -> Iterator[ValidationError]:
    """`anyOf` and `oneOf`; the context of an error is the leaves of the branch meant."""
    from jsonschema.exceptions import ValidationError

    meant, valid = try_branches(validator, instance, wanted, is_one_enough=not is_only_one)
    if not valid:
        error: Any = ValidationError(f"{str(instance)[:80]} is valid under none of the schemas")
        error.context = meant
        yield error
    elif is_only_one and len(valid) > 1:
        places = ", ".join(str(index) for index in valid[:10])
        yield ValidationError(f"is valid under several of the schemas, numbers {places} (from 0)")


def _check_multiple(
    check: Any, validator: Any, wanted: Json, instance: Json, within: Json
) -> Iterator[ValidationError]:
    """As jsonschema does, but what no float can divide is divided exactly; infinity is no multiple."""
    from jsonschema.exceptions import ValidationError

    try:
        yield from check(validator, wanted, instance, within) or ()
    except OverflowError:
        is_infinite = isinstance(instance, float) and math.isinf(instance)
        if is_infinite or Fraction(instance) % Fraction(str(wanted)):
            yield ValidationError(f"{str(instance)[:80]} is not a multiple of {str(wanted)[:80]}")


def _check_pattern_properties(
    budget: PatternBudget, validator: Any, wanted: Json, instance: Json, _: Json
) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    for expression, subschema in wanted.items():
        for key, value in instance.items():
            if matches_key(budget, expression, key):
                yield from validator.descend(value, subschema, path=key, schema_path=expression)


def _check_additional(
    budget: PatternBudget, validator: Any, wanted: Json, instance: Json, within: Json
) -> Iterator[ValidationError]:
    from jsonschema.exceptions import ValidationError

    if not validator.is_type(instance, "object"):
        return
    named, patterns = within.get("properties", {}), within.get("patternProperties", {})
    extras = [
        key
        for key in instance
        if key not in named and not any(matches_key(budget, pattern, key) for pattern in patterns)
    ]
    if isinstance(wanted, Mapping):
        for key in extras:
            yield from validator.descend(instance[key], wanted, path=key)
    elif not wanted and extras:
        yield ValidationError(f"has also {', '.join(repr(key[:40]) for key in extras[:5])}")


def _check_unique(validator: Any, wanted: Json, instance: Json, _: Json) -> Iterator[ValidationError]:
    from jsonschema.exceptions import ValidationError

    if wanted and validator.is_type(instance, "array"):
        keys = [freeze(item) for item in instance]
        if len(set(keys)) != len(keys):
            yield ValidationError("the items are not unique")


def freeze(value: Json) -> Any:
    """A hashable stand-in, equal for equal JSON values (1 = 1.0, true is not 1)."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, list | tuple):
        return ("array", tuple(freeze(item) for item in value))
    if isinstance(value, Mapping):
        return ("object", frozenset((key, freeze(item)) for key, item in value.items()))
    return value


def _uses(schema: Json, *keywords: str) -> bool:
    text = json.dumps(schema, default=dict)
    return all(f'"{keyword}"' in text for keyword in keywords)

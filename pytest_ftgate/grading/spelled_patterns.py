"""Property patterns as the keys that they match: jsonschema searches some where no time limit stops it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from pytest_ftgate.grading.timed_regex import PatternBudget, refuse_long_pattern
from pytest_ftgate.model.evalset import Json

_NO_SCHEMAS = ("const", "enum", "default", "examples")


class _SpelledOut(str):
    """A property pattern that finds these `keys` and no others.

    For jsonschema's eyes; we look the keys up, for the library of timed searches takes hours before it looks
    for a long text that repeats itself, and nothing stops it.
    """

    keys: frozenset[str]

    def __new__(cls, number: int, keys: Collection[str]) -> _SpelledOut:
        matching = "|".join(map(re.escape, keys))
        expression = rf"\A(?:{matching})\Z" if matching else r"\A(?!)"
        # The comment keeps patterns apart that match the same keys.
        made = super().__new__(cls, f"{expression}(?#{number})")
        made.keys = frozenset(keys)
        return made


def matches_key(budget: PatternBudget, pattern: str, key: str) -> bool:
    """Whether a property pattern, spelled out or not, is found in a key."""
    return key in pattern.keys if isinstance(pattern, _SpelledOut) else budget.search(pattern, key)


def spell_out(schema: Json, keys: Collection[str], budget: PatternBudget) -> Json:
    """The schema with each property pattern replaced by those of the `keys` that match it.

    jsonschema looks for unevaluated properties with `re`, which no time limit can stop; texts spelled
    out cannot backtrack.
    """
    if isinstance(schema, Mapping):
        result = {name: spell_out(value, keys, budget) for name, value in schema.items()}
        patterns = schema.get("patternProperties")
        if isinstance(patterns, Mapping):
            result["patternProperties"] = {
                _SpelledOut(index, [key for key in keys if budget.search(pattern, key)]): spell_out(
                    subschema, keys, budget
                )
                for index, (pattern, subschema) in enumerate(patterns.items())
            }
        return result
    return [spell_out(item, keys, budget) for item in schema] if isinstance(schema, list) else schema


def refuse_long_patterns(schema: Json) -> None:
    """Raise GraderError for a schema with a pattern too long to be searched safely."""
    todo: list[Json] = [schema]
    while todo:
        node = todo.pop()
        if isinstance(node, list):
            todo += node
        elif isinstance(node, Mapping):
            patterns = node.get("patternProperties")
            named = [*patterns] if isinstance(patterns, Mapping) else []
            for pattern in (node.get("pattern"), *named):
                if isinstance(pattern, str):
                    refuse_long_pattern(pattern)
            todo += [value for keyword, value in node.items() if keyword not in _NO_SCHEMAS]


def list_keys(value: Json) -> Iterator[str]:
    """All keys of a JSON value, at any depth."""
    if isinstance(value, Mapping):
        yield from value
        for item in value.values():
            yield from list_keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from list_keys(item)

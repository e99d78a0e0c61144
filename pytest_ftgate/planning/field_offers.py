"""Fields that an answer must have and no prompt names: one that is never named cannot be guessed."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from pytest_ftgate.model.evalset import Json
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.planning.offers import Missing, Name, Offers
from pytest_ftgate.planning.structured_forms import JSON_GRADERS

_MAX_DEPTH = 20
_USUAL_SHARE = 0.5


def find_missing_fields(plan: Plan) -> Missing:
    """Fields that the answer must have and no planned arm names.

    Required ones of JSON graders' schemas, and those that `json-fields` compares in most of its cases.
    """
    wanted: dict[str, list[str]] = defaultdict(list)
    compared: dict[str, list[str]] = defaultdict(list)
    judged = 0
    fields_of: dict[int, frozenset[str]] = {}
    ignored_of: dict[int, set[str]] = {}
    for case in plan.evalset.cases:
        for grader in plan.graders[case.id]:
            if grader.name not in JSON_GRADERS or grader.negated:
                continue
            schema = grader.options.get("schema")
            if isinstance(schema, Mapping):
                if id(schema) not in fields_of:
                    fields_of[id(schema)] = frozenset(_required_fields(schema))
                for field in fields_of[id(schema)]:
                    wanted[field].append(case.id)
            expected = grader.value if grader.has_value else case.expected
            if grader.name == "json-fields" and isinstance(expected, Mapping):
                judged += 1
                if id(grader) not in ignored_of:
                    ignored_of[id(grader)] = _list_ignored(grader.options)
                for field in _list_fields(expected, ignored_of[id(grader)]):
                    compared[field].append(case.id)
    usual = {field: ids for field, ids in compared.items() if len(ids) >= max(2, _USUAL_SHARE * judged)}
    for field, case_ids in usual.items():
        wanted[field] = list(dict.fromkeys([*wanted.get(field, ()), *case_ids]))
    if not wanted:
        return {}
    offers = Offers(plan, with_input=True)
    names = {field: Name(field, has_plural=True) for field in wanted}
    return {
        field: tuple(case_ids)
        for field, case_ids in wanted.items()
        if offers.reach(case_ids) and not any(names[field].is_in(text) for text in offers.texts_for(case_ids))
    }


def _required_fields(schema: Json, depth: int = 0) -> Iterator[str]:
    if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
        return
    required, properties = schema.get("required"), schema.get("properties")
    if isinstance(required, list):
        yield from (field for field in required if isinstance(field, str))
    if isinstance(properties, Mapping):
        for part in properties.values():
            yield from _required_fields(part, depth + 1)
    yield from _required_fields(schema.get("items"), depth + 1)


def _list_fields(expected: Json, ignored: Collection[str], depth: int = 0) -> set[str]:
    """Names of fields at any depth, without those that are not compared."""
    if depth > _MAX_DEPTH:
        return set()
    if isinstance(expected, Mapping):
        kept = {name: value for name, value in expected.items() if name not in ignored}
        inner = [value for value in kept.values() if isinstance(value, dict | list)]
        return {*kept}.union(*[_list_fields(value, ignored, depth + 1) for value in inner])
    if isinstance(expected, list):
        return set().union(*(_list_fields(item, ignored, depth + 1) for item in expected))
    return set()


def _list_ignored(options: Mapping[str, Json]) -> set[str]:
    """The last names of what `json-fields` does not compare; too many are safe, too few are not."""
    rules = options.get("fields") or {}
    ignored = [*(options.get("ignore") or ()), *(name for name, rule in rules.items() if rule == "ignore")]
    return {re.split(r"[./]", name)[-1] for name in ignored}

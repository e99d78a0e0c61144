"""Whether the context of a case contains its answer: where it does not, question 2 was not asked."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_ftgate.model.evalset import Case, GraderSpec, Json
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.planning.offers import list_templates
from pytest_ftgate.planning.texts import context_text, json_text, words

QUOTING_SHARE = 0.8
"""Share of the contexts that must contain their answer before the others are taken for faults."""

FOREIGN_SHARE = 0.8
"""Share of the answers that must stand in another case's context before contexts are taken for mixed up."""

MIN_CASES = 5
_MOST_HOMES = 2
_READERS = (
    "equals", "contains", "icontains", "contains-any", "icontains-any", "contains-all", "icontains-all",
    "starts-with", "numeric", "levenshtein", "rouge-n", "json-fields", "llm-rubric", "similar",
)  # fmt: skip
"""Graders whose expected value is an answer that may stand in a context, and no choice from a list."""

_ANY = ("contains-any", "icontains-any")
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextGap:
    """`lacking`: cases whose context does not contain the answer; `cases`: all that were looked at.

    `foreign`: of the lacking ones those whose answer stands in another case's context, with that case.
    """

    lacking: tuple[str, ...]
    cases: int
    foreign: Mapping[str, str]


def find_context_gap(plan: Plan) -> ContextGap | None:
    """The cases whose context lacks their answer; None where the evalset does not quote its contexts.

    It does where at least 80 % of the contexts contain their answer word by word (numbers by value), or
    where most contexts lack it and at least 80 % of those answers stand in another case's context. Answers
    that the prompt offers (yes or no) or that many cases share are left out.
    """
    looked = _list_looked(plan)
    if len(looked) < MIN_CASES:
        return None
    contexts = {case.id: _Words(context_text(case.context)) for case, _ in looked}
    lacking = [(case, parts) for case, parts in looked if not contexts[case.id].have(parts)]
    if not lacking:
        return None
    is_quoting = len(lacking) <= (1 - QUOTING_SHARE) * len(looked)
    foreign = _find_foreign(lacking, contexts)
    is_mixed_up = len(foreign) >= max(MIN_CASES, FOREIGN_SHARE * len(lacking))
    if not is_quoting and not is_mixed_up:
        return None
    return ContextGap(lacking=tuple(case.id for case, _ in lacking), cases=len(looked), foreign=foreign)


class _Words:
    """A text as words and numbers."""

    __slots__ = ("names", "numbers", "said")

    def __init__(self, text: str) -> None:
        self.said = f" {' '.join(words(text))} "
        self.names = frozenset(self.said.split())
        self.numbers = frozenset(_list_numbers(text))

    def have(self, parts: Sequence[str]) -> bool:
        """Whether any of the answers stands in the text."""
        return any(self._has(part) for part in parts)

    def _has(self, part: str) -> bool:
        said = words(part)
        if f" {' '.join(said)} " in self.said:
            return True
        numbers = _list_numbers(part)
        letters = [word for word in said if not word.isdigit()]
        return bool(numbers) and self.numbers.issuperset(numbers) and self.names.issuperset(letters)


def _list_numbers(text: str) -> list[str]:
    """The numbers of a text without thousands separators and trailing zeros."""
    found = (match.replace(",", "") for match in _NUMBER.findall(text))
    return [(number.rstrip("0").rstrip(".") if "." in number else number) for number in found]


def _list_looked(plan: Plan) -> list[tuple[Case, tuple[str, ...]]]:
    """Cases that have a context and an answer of their own, with the texts of which one must stand there."""
    found = [
        (case, parts)
        for case in plan.evalset.cases
        if case.context not in (None, "", [], {}) and case.has_expected
        if (parts := tuple(_list_parts(case, plan.graders[case.id])))
    ]
    shared = Counter(part for _, parts in found for part in set(parts))
    offered = " ".join(f" {' '.join(words(text))} " for text in list_templates(plan))
    most = max(_MOST_HOMES, len(found) // 4)
    return [
        (case, parts)
        for case, parts in found
        if all(shared[part] <= most and f" {' '.join(words(part))} " not in offered for part in parts)
    ]


def _list_parts(case: Case, specs: Sequence[GraderSpec]) -> Iterator[str]:
    names = {spec.name for spec in specs if not spec.negated and not spec.has_value}
    if names.isdisjoint(_READERS):
        return
    for value in _list_leaves(case.expected):
        if words(value):
            yield value


def _list_leaves(expected: Json) -> Iterator[str]:
    """An answer, or the leaves of one with parts; true, false and null are never quoted."""
    if isinstance(expected, Mapping):
        for value in expected.values():
            yield from _list_leaves(value)
    elif isinstance(expected, list):
        for value in expected:
            yield from _list_leaves(value)
    elif isinstance(expected, str) or (isinstance(expected, int | float) and not isinstance(expected, bool)):
        yield json_text(expected)


def _find_foreign(
    lacking: Sequence[tuple[Case, tuple[str, ...]]], contexts: Mapping[str, _Words]
) -> dict[str, str]:
    """Case → another case whose context contains its answer, where only one or two do."""
    homes: dict[str, list[str]] = defaultdict(list)
    wanted = {word for _, parts in lacking for part in parts for word in words(part)}
    for case_id, text in contexts.items():
        for word in wanted & text.names:
            homes[word].append(case_id)
    found = {}
    for case, parts in lacking:
        others = set()
        for part in parts:
            said = words(part)
            rarest = min(said, key=lambda word: len(homes[word]))
            if len(homes[rarest]) <= 50:
                others |= {other for other in homes[rarest] if contexts[other].have((part,))}
        if 0 < len(others) <= _MOST_HOMES:
            found[case.id] = min(others)
    return found

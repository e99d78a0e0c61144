"""Cases that ask the same thing: with different answers they contradict, with one they count twice."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

from pytest_ftgate.model.evalset import Case, Json
from pytest_ftgate.planning.case_texts import Asked, CaseTexts, dump, question_text, show_rest
from pytest_ftgate.planning.near_duplicates import find_near_said
from pytest_ftgate.planning.texts import normalise, words

_SIGNS = re.compile(r"[.,;:!?\"'`]+(?=\s|$)|(?<!\S)[\"'`]+")

Entry = TypeVar("Entry")
Group = tuple[str, ...]
"""Ids of cases, in the evalset's order."""


def find_contradictions(
    cases: Sequence[Case], texts: CaseTexts | None = None
) -> tuple[list[Group], list[Group]]:
    """Groups of cases with the same question and different answers: (of exactly the same text, of the
    same text but for letter case, Unicode form and signs at the ends of words).

    `texts`: those of the cases, here and below, where they are at hand.
    """
    alike = _keep_repeated(cases, _list_words(texts or CaseTexts(cases)))
    exact = _group_contradictions(alike, _exact_form)
    told = {case for group in exact for case in group}
    loose = [group for group in _group_contradictions(alike, _loose_form) if not told.issuperset(group)]
    return exact, loose


def find_copies(cases: Sequence[Case], texts: CaseTexts | None = None) -> list[Group]:
    """Groups of cases with the same question and the same answer, `group:` not taken into account."""
    asked = (texts or CaseTexts(cases)).asked
    groups: dict[Hashable, list[str]] = defaultdict(list)
    for case, question in _keep_repeated(zip(cases, asked, strict=True), asked):
        groups[question, _judged(case)].append(case.id)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def find_near_copies(cases: Sequence[Case], texts: CaseTexts | None = None) -> list[Group]:
    """Groups of cases with nearly the same question and the same answer that are not said to belong together.

    Copies are left to `find_copies`. The answer must be the same, and so must context, vars and tools:
    questions that differ little in words and much in what they mean are common.
    """
    texts = texts or CaseTexts(cases)
    first_of: dict[Asked, int] = {}
    for place, asked in enumerate(texts.asked):
        first_of.setdefault(asked, place)
    kept = [cases[place] for place in first_of.values()]
    pairs = [
        (kept[first], kept[second])
        for first, second in find_near_said([texts.said[place] for place in first_of.values()])
        if _has_same_answer(kept[first], kept[second]) and not is_one_cluster((kept[first], kept[second]))
    ]
    return _join(pairs, cases)


def is_one_cluster(cases: Iterable[Case]) -> bool:
    """Whether all cases carry the same `group:`, so that they count as one cluster."""
    groups = {case.group for case in cases}
    return len(groups) == 1 and None not in groups


def _has_same_answer(first: Case, second: Case) -> bool:
    return _judged(first) == _judged(second) and show_rest(first) == show_rest(second)


def _join(pairs: Iterable[tuple[Case, Case]], cases: Sequence[Case]) -> list[Group]:
    """The connected groups of pairs."""
    head: dict[str, str] = {}

    def find(name: str) -> str:
        while head.setdefault(name, name) != name:
            head[name] = name = head[head[name]]
        return name

    for first, second in pairs:
        head[find(second.id)] = find(first.id)
    groups: dict[str, list[str]] = defaultdict(list)
    for case in cases:
        if case.id in head:
            groups[find(case.id)].append(case.id)
    return [tuple(group) for group in groups.values()]


def _exact_form(text: str) -> str:
    return " ".join(text.split())


def _loose_form(text: str) -> str:
    return " ".join(_SIGNS.sub(" ", normalise(text)).split())


def _list_words(texts: CaseTexts) -> list[Asked]:
    """What questions of one loose form have in common: their words, and what is shown beside them."""
    return [
        (said if case.messages is None else " ".join(words(question_text(case))), rest)
        for case, said, (_, rest) in zip(texts.cases, texts.said, texts.asked, strict=True)
    ]


def _keep_repeated(entries: Iterable[Entry], keys: Sequence[Hashable]) -> list[Entry]:
    """The entries whose key another one has too."""
    counts = Counter(keys)
    return [entry for entry, key in zip(entries, keys, strict=True) if counts[key] > 1]


def _group_contradictions(cases: Sequence[Case], form: Callable[[str], str]) -> list[Group]:
    groups: dict[Asked, list[Case]] = defaultdict(list)
    for case in cases:
        if case.has_expected:
            groups[form(question_text(case)), show_rest(case)].append(case)
    return [
        tuple(case.id for case in group)
        for group in groups.values()
        if len(group) > 1 and len({_answer(case.expected) for case in group}) > 1
    ]


def _judged(case: Case) -> str:
    """What a case is judged by: its answer and its own graders."""
    own = [(spec.label, spec.value, dict(spec.options)) for spec in case.graders]
    return (_answer(case.expected) if case.has_expected else "\0") + (dump(own) if own else "")


def _answer(expected: Json) -> str:
    return normalise(expected if isinstance(expected, str) else dump(expected))

"""Cases that ask the same thing: with different answers they contradict, with one they count twice."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from pytest_ftgate.model.evalset import Case, Json
from pytest_ftgate.planning.fingerprint import canonical_json
from pytest_ftgate.planning.near_duplicates import find_near_pairs
from pytest_ftgate.planning.texts import case_text, normalise

_SIGNS = re.compile(r"[.,;:!?\"'`]+(?=\s|$)|(?<!\S)[\"'`]+")

Group = tuple[str, ...]
"""Ids of cases, in the evalset's order."""


def find_contradictions(cases: Sequence[Case]) -> tuple[list[Group], list[Group]]:
    """Groups of cases with the same question and different answers: (of exactly the same text, of the
    same text but for letter case, Unicode form and signs at the ends of words).
    """
    exact = _group_contradictions(cases, _exact_form)
    told = {case for group in exact for case in group}
    loose = [group for group in _group_contradictions(cases, _loose_form) if not told.issuperset(group)]
    return exact, loose


def find_copies(cases: Sequence[Case]) -> list[Group]:
    """Groups of cases with the same question and the same answer, `group:` not taken into account."""
    groups: dict[str, list[str]] = defaultdict(list)
    for case in cases:
        groups[f"{_asked(case, normalise)}\0{_judged(case)}"].append(case.id)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def find_near_copies(cases: Sequence[Case]) -> list[Group]:
    """Groups of cases with nearly the same question and the same answer that are not said to belong together.

    Copies are left to `find_copies`. The answer must be the same, and so must context, vars and tools:
    questions that differ little in words and much in what they mean are common.
    """
    first_of: dict[str, Case] = {}
    for case in cases:
        first_of.setdefault(_asked(case, normalise), case)
    kept = list(first_of.values())
    pairs = [
        (kept[first], kept[second])
        for first, second in find_near_pairs([case_text(case) for case in kept])
        if _has_same_answer(kept[first], kept[second]) and not is_one_cluster((kept[first], kept[second]))
    ]
    return _join(pairs, cases)


def is_one_cluster(cases: Iterable[Case]) -> bool:
    """Whether all cases carry the same `group:`, so that they count as one cluster."""
    groups = {case.group for case in cases}
    return len(groups) == 1 and None not in groups


def _has_same_answer(first: Case, second: Case) -> bool:
    return _judged(first) == _judged(second) and _rest(first) == _rest(second)


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


def _group_contradictions(cases: Sequence[Case], form: Callable[[str], str]) -> list[Group]:
    groups: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        if case.has_expected:
            groups[_asked(case, form)].append(case)
    return [
        tuple(case.id for case in group)
        for group in groups.values()
        if len(group) > 1 and len({_answer(case.expected) for case in group}) > 1
    ]


def _asked(case: Case, form: Callable[[str], str]) -> str:
    question = case_text(case) if case.messages is None else _dump(list(case.messages))
    return f"{form(question)}\0{_rest(case)}"


def _rest(case: Case) -> str:
    """What a case shows beside its question."""
    rest = [case.context, dict(case.vars), list(case.tools or ())]
    return _dump(rest) if any(rest) else ""


def _judged(case: Case) -> str:
    """What a case is judged by: its answer and its own graders."""
    own = [(spec.label, spec.value, dict(spec.options)) for spec in case.graders]
    return (_answer(case.expected) if case.has_expected else "\0") + (_dump(own) if own else "")


def _answer(expected: Json) -> str:
    return normalise(expected if isinstance(expected, str) else _dump(expected))


def _dump(value: Json) -> str:
    try:
        return canonical_json(value)
    except ValueError:
        return repr(type(value))

"""Evaluation cases kept out of training: which judge, and which examples are too much like them."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence

from pytest_ftgate.model.evalset import Case
from pytest_ftgate.model.training import Reason
from pytest_ftgate.planning.leakage import find_exact_leaks, find_near_leaks
from pytest_ftgate.planning.near_duplicates import Specials, find_near_pairs
from pytest_ftgate.planning.texts import content_text, context_text, join_words, json_text, normalise

Likeness = tuple[Reason, str]
"""(why it is kept out, the id of the case that it is like)"""


def ask_text(case: Case) -> str:
    """What a case asks, without the answers that a conversation already holds."""
    if case.messages is not None:
        return "\n".join(content_text(message) for message in case.messages if message.get("role") == "user")
    return json_text(case.input) if case.input is not None else _dump_vars(case)


def digest_question(case: Case) -> str:
    """SHA-256 (hex) of what a case asks and shows, normalised."""
    return hashlib.sha256(
        normalise(f"{ask_text(case)}\n{_show(case)}").encode("utf-8", "replace")
    ).hexdigest()


def find_likenesses(examples: Sequence[Case], held_out: Sequence[Case]) -> dict[int, Likeness]:
    """Place of an example → why it must not be trained on, for those that are like a held-out case.

    Two are alike where their questions are equal or nearly so (planning/leakage.py, near_duplicates.py), and
    what they show beside it (context, vars) too. Those of one `group` are one cluster.
    """
    found: dict[int, Likeness] = {}
    groups = {case.group: case.id for case in held_out if case.group is not None}
    for place, example in enumerate(examples):
        if example.group in groups:
            found[place] = ("same_group", groups[example.group])
    for reason, place, case in _find_alike(examples, held_out):
        found[place] = (reason, held_out[case].id)
    return found


def divide_cases(cases: Sequence[Case], share: float, seed: int) -> frozenset[str]:
    """Ids of the cases to train on: about `share` of them, the same for the same cases and seed.

    Whole clusters go together: cases of one `group`, and those that are like each other. Each cluster
    is drawn by its own hash, so that cases added later change nothing for the others.
    """
    clusters = _list_clusters(cases)
    chosen: list[str] = []
    for members in clusters:
        name = min(case.group or digest_question(case) for case in members)
        drawn = int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8], "big") / 2**64
        if drawn < share:
            chosen += [case.id for case in members]
    return frozenset(chosen)


def _list_clusters(cases: Sequence[Case]) -> list[list[Case]]:
    head = list(range(len(cases)))

    def find(place: int) -> int:
        while head[place] != place:
            head[place] = place = head[head[place]]
        return place

    first: dict[str, int] = {}
    for place, case in enumerate(cases):
        if case.group is not None:
            head[find(place)] = find(first.setdefault(case.group, place))
    for _, one, other in _find_alike(cases, cases):
        head[find(one)] = find(other)
    clusters: dict[int, list[Case]] = defaultdict(list)
    for place, case in enumerate(cases):
        clusters[find(place)].append(case)
    return list(clusters.values())


def _find_alike(examples: Sequence[Case], cases: Sequence[Case]) -> Iterable[tuple[Reason, int, int]]:
    """(how alike, place of the example, place of the case), those that are equal last."""
    asked, held = [ask_text(case) for case in examples], [ask_text(case) for case in cases]
    specials = Specials(list(map(join_words, held)))
    for example, case in sorted({*find_near_leaks(asked, held), *_find_near_pairs(asked, held)}):
        one, other = examples[example], cases[case]
        # One sentence filled with other names, and another answer: nothing is given away.
        is_other = _answers_otherwise(one, other) and specials.is_other(asked[example], held[case])
        if not is_other and _shows_alike(one, other):
            yield "near_case", example, case
    for example, case in find_exact_leaks(asked, held):
        if _shows_alike(examples[example], cases[case]):
            yield "is_case", example, case


def _find_near_pairs(asked: Sequence[str], held: Sequence[str]) -> Iterable[tuple[int, int]]:
    """(example, case) of the near-duplicates among all texts together."""
    count = len(asked)
    for first, second in find_near_pairs([*asked, *held]):
        if first < count <= second:
            yield first, second - count


def _answers_otherwise(first: Case, second: Case) -> bool:
    return first.has_expected and second.has_expected and first.expected != second.expected


def _shows_alike(first: Case, second: Case) -> bool:
    one, other = _show(first), _show(second)
    return normalise(one) == normalise(other) or bool(find_near_leaks([one], [other]))


def _show(case: Case) -> str:
    """What a case shows beside its question."""
    parts = [context_text(case.context)] if case.context is not None else []
    if case.vars and (case.input is not None or case.messages is not None):
        parts.append(_dump_vars(case))
    return "\n".join(parts)


def _dump_vars(case: Case) -> str:
    return json.dumps(dict(case.vars), sort_keys=True, ensure_ascii=False, default=str)

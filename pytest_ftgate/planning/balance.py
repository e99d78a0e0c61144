"""How the expected answers are spread: what a constant answer would reach, and which labels are rare."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_ftgate.model.evalset import Case, GraderSpec
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.planning.structured_forms import stated_labels
from pytest_ftgate.planning.texts import json_text, normalise

ANSWER_GRADERS = ("label", "choice", "equals")
"""Graders that one answer passes wherever it is expected."""

FEW_CASES = 3
"""A pattern needs failures in three distinct cases (DESIGN section 7)."""

_LABEL = "label"


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """`answer` is the commonest expected one, of `count` of the `cases` that an answer alone decides.

    `rare`: labels with fewer than FEW_CASES cases, with these; `unused`: labels that graders know and no
    case has. `labels`: how many there are in all.
    """

    answer: str
    count: int
    cases: int
    labels: int
    rare: Mapping[str, Sequence[str]]
    unused: Sequence[str]


def measure_balance(plan: Plan) -> Balance | None:
    """The balance of an evalset; None where no case is decided by a single answer."""
    by_answer: dict[str, list[str]] = defaultdict(list)
    by_label: dict[str, list[str]] = defaultdict(list)
    written: dict[str, str] = {}
    stated: dict[str, None] = {}
    seen: set[int] = set()
    for case in plan.evalset.cases:
        specs = plan.graders[case.id]
        answer = _find_answer(case, specs)
        if answer is None:
            continue
        key = normalise(answer)
        written.setdefault(key, answer)
        by_answer[key].append(case.id)
        labels = [spec for spec in specs if spec.name == _LABEL]
        if labels:
            by_label[key].append(case.id)
        for spec in labels:
            if id(spec) not in seen:
                seen.add(id(spec))
                stated |= dict.fromkeys(stated_labels(spec))
    if not by_answer:
        return None
    top = max(by_answer, key=lambda key: len(by_answer[key]))
    return Balance(
        answer=written[top],
        count=len(by_answer[top]),
        cases=sum(map(len, by_answer.values())),
        labels=len({*by_label, *map(normalise, stated)}),
        rare={written[key]: ids for key, ids in by_label.items() if len(ids) < FEW_CASES},
        unused=tuple(label for label in stated if normalise(label) not in by_label),
    )


def _find_answer(case: Case, specs: Sequence[GraderSpec]) -> str | None:
    """The answer that decides a case: what its graders expect, where all of them expect one."""
    if not specs or any(spec.name not in ANSWER_GRADERS or spec.negated for spec in specs):
        return None
    if not case.has_expected and not specs[0].has_value:
        return None
    expected = specs[0].value if specs[0].has_value else case.expected
    if isinstance(expected, list) and expected and specs[0].name == _LABEL:
        expected = expected[0]
    return None if isinstance(expected, list | dict) else json_text(expected)

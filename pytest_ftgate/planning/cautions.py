"""What a reader of the result should know of an evalset before it is asked; little of it voids a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pytest_ftgate.model.evalset import Case
from pytest_ftgate.model.finding import CONTEXT_WITHOUT_ANSWER, COPIED_CASES, Finding, Severity
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.planning.balance import FEW_CASES, Balance, measure_balance
from pytest_ftgate.planning.case_texts import CaseTexts
from pytest_ftgate.planning.context_answers import find_context_gap
from pytest_ftgate.planning.duplicates import Group, find_copies, find_near_copies, is_one_cluster
from pytest_ftgate.planning.listing import join_groups, shorten
from pytest_ftgate.planning.windows import find_overlong

VOID_SHARE = 0.5
"""Share of the cases from which copies void the numbers: the intervals are then far too narrow."""

LARGE_SHARE = 0.05
"""Share of the cases from which copies are more than a note."""

_SHOWN_CHARS = 60
_LEAST_CASES = 20
"""Fewer say little of how a set is balanced."""


def find_cautions(
    plan: Plan, windows: Mapping[str, int], texts: CaseTexts | None = None
) -> tuple[Finding, ...]:
    """Copies, balance, contexts without the answer, prompts that are too long.

    `windows`: role → tokens that its model reads at most, where known. `texts`: those of the plan's cases,
    where they are read elsewhere too.
    """
    texts = texts or CaseTexts(plan.evalset.cases)
    cases = {case.id: case for case in texts.cases}
    return (
        *_report_copies(texts, cases),
        *_report_near_copies(texts, cases),
        *_report_balance(plan),
        *_report_contexts(plan),
        *_report_overlong(plan, windows),
    )


def _report_copies(texts: CaseTexts, cases: Mapping[str, Case]) -> Iterable[Finding]:
    copies = [
        group
        for group in find_copies(texts.cases, texts)
        if not is_one_cluster(cases[name] for name in group)
    ]
    if not copies:
        return
    surplus = tuple(name for group in copies for name in group[1:])
    is_void = len(surplus) >= VOID_SHARE * len(cases)
    yield Finding(
        rule=COPIED_CASES,
        severity="error" if is_void else _weigh(copies, cases),
        what=f"{len(surplus):,} of {len(cases):,} cases repeat another one with the same expected output: "
        f"{join_groups(copies)}{_tell_splits(copies, cases)}",
        cases=surplus,
        remedy="take the copies out, or give each its original's `group:`: a copy adds no evidence "
        "(`repeats:` asks a case again)",
        blocks=is_void,
    )


def _report_near_copies(texts: CaseTexts, cases: Mapping[str, Case]) -> Iterable[Finding]:
    near = find_near_copies(texts.cases, texts)
    if near:
        yield Finding(
            rule="nearly-copied-cases",
            severity=_weigh(near, cases),
            what=f"inputs that are nearly the same, with the same expected output: {join_groups(near)}"
            f"{_tell_splits(near, cases)}",
            cases=tuple(name for group in near for name in group),
            remedy="keep one of each, or give them one `group:`: they are no independent cases",
        )


def _count_surplus(groups: Sequence[Group]) -> int:
    return sum(len(group) - 1 for group in groups)


def _weigh(groups: Sequence[Group], cases: Mapping[str, Case]) -> Severity:
    if _count_split(groups, cases):
        return "warning"
    return "warning" if _count_surplus(groups) >= LARGE_SHARE * len(cases) else "note"


def _tell_splits(groups: Sequence[Group], cases: Mapping[str, Case]) -> str:
    count = _count_split(groups, cases)
    return f"; {count:,} of these groups lie in both dev and holdout" if count else ""


def _count_split(groups: Sequence[Group], cases: Mapping[str, Case]) -> int:
    return sum(len({cases[name].judges for name in group}) > 1 for group in groups)


def _report_balance(plan: Plan) -> Iterable[Finding]:
    balance = measure_balance(plan)
    if balance is None or balance.cases < _LEAST_CASES:
        return
    bar, share = plan.evalset.bar, balance.count / balance.cases
    if share >= bar:
        yield Finding(
            rule="constant-answer",
            severity="warning",
            what=f"always answering {_quote(balance.answer)} is right in {balance.count:,} of "
            f"{balance.cases:,} cases ({100 * share:.1f} %) and so reaches the bar of {100 * bar:.1f} %",
            remedy="add cases with other answers, or set the bar above what a constant answer reaches",
        )
    yield from _report_rare(balance)


def _quote(answer: str) -> str:
    return repr(answer if len(answer) <= _SHOWN_CHARS else f"{answer[:_SHOWN_CHARS]}...")


def _report_rare(balance: Balance) -> Iterable[Finding]:
    if not balance.rare and not balance.unused:
        return
    parts = []
    if balance.rare:
        names = [f"{label} ({len(ids)})" for label, ids in balance.rare.items()]
        parts.append(f"fewer than {FEW_CASES} cases: {shorten(names)}")
    if balance.unused:
        parts.append(f"no case at all: {shorten(list(balance.unused))}")
    count = len(balance.rare) + len(balance.unused)
    yield Finding(
        rule="rare-labels",
        severity="note",
        what=f"{count:,} of {balance.labels:,} labels are rare; {'; '.join(parts)}",
        cases=tuple(case for ids in balance.rare.values() for case in ids),
        remedy=f"add cases of them: below {FEW_CASES} a label can show no pattern of its own",
    )


def _report_contexts(plan: Plan) -> Iterable[Finding]:
    gap = find_context_gap(plan)
    if gap is None:
        return
    swapped = [f"{case} (it stands in that of {other})" for case, other in gap.foreign.items()]
    names = [*swapped, *(case for case in gap.lacking if case not in gap.foreign)]
    yield Finding(
        rule=CONTEXT_WITHOUT_ANSWER,
        severity="warning",
        what=f"the context of {len(gap.lacking):,} of {gap.cases:,} cases does not contain the expected "
        f"output: {shorten(names, 5)}",
        cases=gap.lacking,
        remedy="give each case the text that answers it: question 2 counts these cases as without context",
    )


def _report_overlong(plan: Plan, windows: Mapping[str, int]) -> Iterable[Finding]:
    for found in find_overlong(plan, windows):
        model = plan.evalset.models[found.role].model
        yield Finding(
            rule="input-too-long",
            severity="warning",
            what=f"prompts of arm {found.arm!r} are longer than the window of {model} ({found.window:,} "
            f"tokens): about {found.longest:,} tokens (4 characters a token) for the longest of "
            f"{len(found.cases):,}",
            cases=found.cases,
            remedy="shorten inputs, context or examples, or take a model with a larger window",
        )

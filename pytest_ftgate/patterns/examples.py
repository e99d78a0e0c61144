"""Raw examples of a pattern: the shortest answers that show it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from heapq import nsmallest

from pytest_ftgate.model.evalset import CANDIDATE, Case, Json
from pytest_ftgate.model.summary import Example
from pytest_ftgate.patterns.mining import Failing
from pytest_ftgate.patterns.signature import is_within, normalise

MAX_EXAMPLES = 3
MAX_OUTPUT = 2_000
MAX_TEXT = 300


def choose_examples(
    trials: Iterable[Failing], name: str, cases: Mapping[str, Case], best: str
) -> tuple[Example, ...]:
    """Up to MAX_EXAMPLES trials of different cases.

    Those whose primary signature shows the pattern come first, then the best arm's, then the shortest.
    """

    def rank(trial: Failing) -> tuple[bool, bool, int, str, str, int]:
        is_secondary = not (trial.leaves and is_within(trial.leaves[0], name))
        return (
            is_secondary,
            trial.arm != best,
            len(trial.record.output or ""),
            trial.case,
            trial.arm,
            trial.repeat,
        )

    first_of: dict[str, Failing] = {}
    for trial in trials:
        known = first_of.get(trial.case)
        if known is None or rank(trial) < rank(known):
            first_of[trial.case] = trial
    return tuple(
        _build_example(trial, name, cases.get(trial.case))
        for trial in nsmallest(MAX_EXAMPLES, first_of.values(), key=rank)
    )


def _build_example(trial: Failing, name: str, case: Case | None) -> Example:
    record = trial.record
    output = record.output
    if output is None and record.tool_calls:
        output = "\n".join(f"{call.name}({call.arguments})" for call in record.tool_calls)
    return Example(
        case=trial.case,
        arm=trial.arm,
        role=CANDIDATE,
        repeat=trial.repeat,
        output=None if output is None else _cut(output, MAX_OUTPUT),
        expected=write_value(case.expected) if case is not None and case.has_expected else None,
        input=write_value(_read_input(case)) if case is not None else None,
        reason=_cut(_find_reason(trial, name), MAX_TEXT),
    )


def _find_reason(trial: Failing, name: str) -> str:
    """What the grader that saw the pattern said; of one that saw it beside another failure, too."""
    beside = ""
    for grade in trial.record.grades:
        if grade.outcome != "failed":
            continue
        if is_within(normalise(grade.signature or ""), name):
            return grade.reason
        if not beside and any(is_within(normalise(text), name) for text in grade.secondary):
            beside = grade.reason
    return beside


def _read_input(case: Case) -> Json:
    if case.input is not None or not case.messages:
        return case.input
    return case.messages[-1].get("content")


def write_value(value: Json) -> str | None:
    """The value as short text; None where it is null, or cannot be written as JSON."""
    if value is None or isinstance(value, str):
        return None if value is None else _cut(value, MAX_TEXT)
    try:
        return _cut(json.dumps(value, ensure_ascii=False, sort_keys=True), MAX_TEXT)
    except (TypeError, ValueError, RecursionError):
        return None


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"

"""The follow-up of arm `reask`: the model sees its answer and what is wrong with its form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pytest_ftgate.model.evalset import Case, Evalset, GraderSpec, Json
from pytest_ftgate.model.trial import PlannedItem, Request
from pytest_ftgate.planning.fingerprint import digest
from pytest_ftgate.registry import Registries

MAX_QUOTED_CHARS = 20_000
"""Longest answer or problem that is shown to the model again."""


def follow_up_request(request: Request, answer_text: str, problem_text: str) -> Request:
    """The next turn after a format failure: the same request, the answer, and the problem named."""
    # Some vendors refuse a message without text.
    answer = answer_text[:MAX_QUOTED_CHARS] if answer_text.strip() else "(no answer)"
    problem = problem_text[:MAX_QUOTED_CHARS]
    complaint = (
        f"Your answer could not be used: {problem}\n"
        "Answer again, with the same content in the right form. Give only the answer."
    )
    messages = (
        *request.messages,
        {"role": "assistant", "content": answer},
        {"role": "user", "content": complaint},
    )
    return replace(request, messages=messages)


def tie_turns(
    items: Iterable[PlannedItem],
    evalset: Evalset,
    graders: Mapping[str, tuple[GraderSpec, ...]],
    registries: Registries,
) -> tuple[PlannedItem, ...]:
    """The items, with the `graders_hash` of every trial that may take further turns."""
    cases = {case.id: case for case in evalset.cases}

    def tie(item: PlannedItem) -> PlannedItem:
        turns = max((trial.max_turns for trial in item.trials), default=0)
        if not turns:
            return item
        hashed = _hash_graders(cases[item.case], graders.get(item.case, ()), registries, turns)
        return replace(item, trials=tuple(replace(trial, graders_hash=hashed) for trial in item.trials))

    return tuple(map(tie, items))


def _hash_graders(case: Case, specs: Iterable[GraderSpec], registries: Registries, turns: int) -> str | None:
    """The digest of what decides whether an answer is asked again; None where it cannot be written."""
    asked: list[Json] = []
    for spec in specs:
        if spec.negated or spec.name not in registries.graders:
            continue
        grader = registries.graders.get(spec.name)
        if grader.is_format:
            expected = case.expected if grader.needs_expected and not spec.has_value else None
            asked.append([spec.name, spec.has_value, spec.value, dict(spec.options), expected])
    try:
        return digest({"turns": turns, "graders": asked})
    except ValueError:
        return None

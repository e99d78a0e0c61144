"""The follow-up of arm `reask`: the model sees its answer and what is wrong with its form."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from pytest_ftgate.model.evalset import Case, Evalset, GraderSpec, Json, Message
from pytest_ftgate.model.response import Response, ToolCall
from pytest_ftgate.model.trial import PlannedItem, Request
from pytest_ftgate.planning.fingerprint import digest
from pytest_ftgate.registry import Registries

MAX_QUOTED_CHARS = 20_000
"""Longest answer or problem that is shown to the model again."""


def follow_up_request(request: Request, response: Response, problem_text: str) -> Request:
    """The next turn after a format failure: the same request, the answer, and the problem named.

    After tool calls the problem is the tools' result, as chat formats want it.
    """
    problem = problem_text[:MAX_QUOTED_CHARS]
    complaint = (
        f"Your answer could not be used: {problem}\n"
        "Answer again, with the same content in the right form. Give only the answer."
    )
    turn = _write_calls(response.tool_calls, complaint) or _write_text(_read_text(response), complaint)
    return replace(request, messages=(*request.messages, *turn))


def _read_text(response: Response) -> str:
    return response.text or "\n".join(call.arguments for call in response.tool_calls)


def _write_text(answer: str, complaint: str) -> tuple[Message, ...]:
    # Some vendors refuse a message without text.
    shown = answer[:MAX_QUOTED_CHARS] if answer.strip() else "(no answer)"
    return {"role": "assistant", "content": shown}, {"role": "user", "content": complaint}


def _write_calls(calls: Sequence[ToolCall], complaint: str) -> tuple[Message, ...]:
    """The calls, each answered by the complaint; () where they cannot be repeated whole."""
    if not calls or any(len(call.arguments) > MAX_QUOTED_CHARS or not _is_object(call) for call in calls):
        return ()
    named = [(call.id or f"call_{place}", call) for place, call in enumerate(calls, 1)]
    asked = [
        {"id": name, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for name, call in named
    ]
    results = ({"role": "tool", "tool_call_id": name, "content": complaint} for name, _ in named)
    return ({"role": "assistant", "content": None, "tool_calls": asked}, *results)


def _is_object(call: ToolCall) -> bool:
    """Whether the arguments are a JSON object: some vendors refuse to be shown any others."""
    try:
        return isinstance(json.loads(call.arguments), dict)
    except (ValueError, RecursionError):
        return False


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

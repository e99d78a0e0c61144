"""How many tokens a request and its answer may have, before anyone has counted them."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from pytest_ftgate.model.evalset import Case, Json, Message, ModelSpec
from pytest_ftgate.model.trial import Request
from pytest_ftgate.planning.texts import CHARS_PER_TOKEN, content_text, json_text, request_chars

SHORTEST_ANSWER = 20
"""Tokens of an answer of which not even an expected output is known."""

LONGEST_ANSWER = 4096
"""Tokens of the longest answer where neither `max_tokens` nor what is known of the model bounds it."""

_CAPS = ("max_tokens", "max_completion_tokens", "max_output_tokens")


def estimate_prompt(request: Request) -> float:
    """Tokens of a request: messages, response format and tools, by their length."""
    return request_chars(request) / CHARS_PER_TOKEN


def estimate_conversation(messages: Sequence[Message], tools: Sequence[Json] | None) -> int:
    """Tokens of a conversation, its calls and the tools it may call, by their length."""
    size = sum(len(content_text(message)) for message in messages)
    size += sum(len(json_text(calls)) for message in messages if (calls := message.get("tool_calls")))
    return ceil((size + (len(json_text(list(tools))) if tools else 0)) / CHARS_PER_TOKEN)


def find_cap(model: ModelSpec) -> int | None:
    """The most tokens that the model's params allow an answer; None where they say nothing."""
    caps = [model.params.get(name) for name in _CAPS]
    known = [cap for cap in caps if isinstance(cap, int) and not isinstance(cap, bool)]
    return min(known, default=None)


def estimate_answer(case: Case | None) -> float:
    """Tokens of an answer: as many as the case's expected output, else SHORTEST_ANSWER."""
    if case is None or not case.has_expected:
        return float(SHORTEST_ANSWER)
    return max(1.0, len(json_text(case.expected)) / CHARS_PER_TOKEN)

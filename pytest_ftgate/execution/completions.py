"""litellm's completion → our Response."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from sys import intern
from typing import Any

from pytest_ftgate.errors import ProviderError
from pytest_ftgate.execution.vendor_errors import empty_answer
from pytest_ftgate.model.response import Response, ToolCall, Usage
from pytest_ftgate.model.trial import Request

TEXT_CHARS = 10 * 2**20
"""Longer answers are cut and read as truncated: nothing sensible is that long."""


def read_completion(
    completion: Any, request: Request, latency_s: float, answered_at: str | None = None
) -> Response:
    """The response of a completion. Raises ProviderError where it holds no choice, or a filter took it."""
    if not getattr(completion, "choices", None):
        raise empty_answer(request)
    choice = completion.choices[0]
    message = choice.message
    text, finish_reason = message.content, choice.finish_reason
    if isinstance(text, str) and len(text) > TEXT_CHARS:
        text, finish_reason = text[:TEXT_CHARS], "length"
    if finish_reason == "content_filter" and not text:
        raise ProviderError(
            "refusal:content_filter",
            f"{request.model}: the vendor's content filter withheld the answer.",
            retryable=False,
        )
    return Response(
        text=text,
        tool_calls=tuple([_read_tool_call(call) for call in message.tool_calls or ()]),
        finish_reason=_share(finish_reason),
        usage=read_usage(getattr(completion, "usage", None)),
        latency_s=latency_s,
        cost_usd=read_cost(completion),
        model=_share(completion.model or None),
        system_fingerprint=_share(getattr(completion, "system_fingerprint", None)),
        answered_at=answered_at,
    )


def _share(text: Any) -> Any:
    """The same object for equal texts: these few stand in every answer, and are kept as long as the run."""
    return intern(text) if type(text) is str else text


def _read_tool_call(call: Any) -> ToolCall:
    return ToolCall(
        name=str(call.function.name or ""), arguments=str(call.function.arguments or ""), id=call.id or None
    )


def read_usage(usage: Any) -> Usage | None:
    """The token counts, or None where none came."""
    if usage is None:
        return None
    prompt, completion = (
        getattr(usage, "prompt_tokens_details", None),
        getattr(usage, "completion_tokens_details", None),
    )
    return _make_usage(
        _count(usage, "prompt_tokens"),
        _count(usage, "completion_tokens"),
        _count(prompt, "cached_tokens") if prompt is not None else 0,
        _count(completion, "reasoning_tokens") if completion is not None else 0,
    )


@lru_cache(maxsize=1_000)
def _make_usage(prompt: int, completion: int, cached: int, reasoning: int) -> Usage:
    """The same object for equal counts: all are kept as long as the run."""
    return Usage(
        prompt_tokens=prompt, completion_tokens=completion, cached_tokens=cached, reasoning_tokens=reasoning
    )


def _count(source: Any, name: str) -> int:
    value = getattr(source, name, None)
    return max(0, value) if isinstance(value, int) else 0


def read_cost(completion: Any) -> float | None:
    """What litellm computed for this call, USD; None for a model that its price map does not know."""
    hidden = getattr(completion, "_hidden_params", None)
    cost = hidden.get("response_cost") if isinstance(hidden, Mapping) else None
    return float(cost) if isinstance(cost, int | float) else None

"""What came back for a trial: a response, or a typed failure to get one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from pytest_ftgate.model.quickly_made import quickly_made

SchemaEnforced: TypeAlias = Literal["enforced", "unsupported", "unverified"]


STOP_SIGNATURES = ("infra:budget", "infra:stopped")
"""Of trials that were not asked: a cap on money or tokens was reached, or their model was given up."""


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts of one response, summed over the turns of a trial."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A native tool call. `arguments` is the raw text the model produced (JSON or not)."""

    name: str
    arguments: str
    id: str | None = None


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A model's answer. `text` is None where only tool calls came. Times in seconds, cost in USD.

    `cost_usd` None = price unknown. `paid_usd`: what this run paid for it, where that is neither all of
    `cost_usd` nor, of a cached one, nothing. `attempts` counts network tries; `turns` follow-ups included.
    `cached`: served from the response store or a recording. `answered_at` is ISO 8601 UTC.
    `tied_to_prompt` is False for a recorded row without a request hash.
    """

    text: str | None
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    latency_s: float | None = None
    cost_usd: float | None = None
    paid_usd: float | None = None
    model: str | None = None
    system_fingerprint: str | None = None
    cached: bool = False
    answered_at: str | None = None
    attempts: int = 1
    turns: int = 1
    schema_enforced: SchemaEnforced | None = None
    tied_to_prompt: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """No response. `signature` is `infra:*` (unanswered), `call:*` or `refusal:content_filter`.

    `infra:not_recorded` and `infra:stale` are replay's: no row, or a row for another request. `paid_usd` is
    what the turns before it cost.
    """

    signature: str
    message: str
    attempts: int = 1
    latency_s: float | None = None
    paid_usd: float | None = None


Answer: TypeAlias = Response | Failure

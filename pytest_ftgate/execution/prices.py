"""From tokens to money, and from a request to what it may take before it is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from pytest_ftgate.execution.price_map import find_max_output
from pytest_ftgate.model.evalset import Json, Price
from pytest_ftgate.model.response import Response, Usage
from pytest_ftgate.model.trial import Request

DEFAULT_MAX_OUTPUT = 4096
"""Tokens of an answer where neither the params nor the price map bound it."""

BYTES_PER_TOKEN = 3
"""Of UTF-8. Texts have 4 and more in English, about 3 in code, JSON and Chinese: an estimate that is high."""

_PER_MESSAGE = 8
_CAPS = ("max_completion_tokens", "max_tokens")
_ENOUGH = 20


class Amount(NamedTuple):
    """Tokens, and USD. `usd` is 0 where nobody knows the price."""

    tokens: int = 0
    usd: float = 0.0


class Estimator:
    """Upper estimates of requests, before they are sent.

    An answer without `max_tokens` may be as long as the model allows. Once 20 answers of a model came, twice
    the longest of them is taken instead, where that is less.
    """

    def __init__(self) -> None:
        self._longest: dict[str, tuple[int, int]] = {}

    def estimate(self, request: Request, price: Price | None) -> Amount:
        """What the request may take at most."""
        prompt = estimate_prompt(request)
        output = 0 if request.operation == "embedding" else self._find_output(request)
        usage = Usage(prompt_tokens=prompt, completion_tokens=output)
        return Amount(prompt + output, cost_of(usage, price) if price is not None else 0.0)

    def note(self, request: Request, usage: Usage) -> None:
        """An answer came: how long it was."""
        count, longest = self._longest.get(request.model, (0, 0))
        self._longest[request.model] = count + 1, max(longest, usage.completion_tokens)

    def _find_output(self, request: Request) -> int:
        stated = [request.params.get(name) for name in _CAPS]
        caps = [cap for cap in stated if isinstance(cap, int) and cap > 0]
        if caps:
            return max(caps)
        bound = find_max_output(request.model) or DEFAULT_MAX_OUTPUT
        count, longest = self._longest.get(request.model, (0, 0))
        return bound if count < _ENOUGH else min(bound, 2 * longest)


def estimate_prompt(request: Request) -> int:
    """Tokens of messages, schema and tools, estimated high from their length."""
    size = sum(_count_bytes(message) for message in request.messages)
    size += _count_bytes(request.response_format) + _count_bytes(request.tools)
    return size // BYTES_PER_TOKEN + _PER_MESSAGE * (1 + len(request.messages))


def _count_bytes(value: Json) -> int:
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, Mapping):
        return sum(len(str(name)) + 4 + _count_bytes(inner) for name, inner in value.items())
    if isinstance(value, Sequence):
        return sum(2 + _count_bytes(inner) for inner in value)
    return 0 if value is None else 8


def cost_of(usage: Usage, price: Price) -> float:
    """USD. Cached prompt tokens count at their own price where one is known; reasoning tokens are among the
    completion tokens."""
    cached_price = price.cached_input_usd_per_m
    cached = min(usage.cached_tokens, usage.prompt_tokens) if cached_price is not None else 0
    prompt = (usage.prompt_tokens - cached) * price.input_usd_per_m + cached * (cached_price or 0.0)
    return (prompt + usage.completion_tokens * price.output_usd_per_m) / 1e6


def price_response(response: Response, price: Price | None) -> Response:
    """The response with the price that the evalset states for its model, which goes before any other."""
    if price is None or response.usage is None:
        return response
    return replace(response, cost_usd=cost_of(response.usage, price))


def measure(response: Response, price: Price | None, *, estimated: Amount) -> Amount:
    """What a response took. What the vendor did not say counts as it was estimated."""
    usage: Any = response.usage
    if usage is None:
        return Amount(estimated.tokens, estimated.usd if response.cost_usd is None else response.cost_usd)
    usd = response.cost_usd
    if usd is None:
        usd = cost_of(usage, price) if price is not None else 0.0
    return Amount(usage.prompt_tokens + usage.completion_tokens, usd)

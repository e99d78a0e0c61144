"""What a vendor's answer says about the limits of the account: headers, and how they reach the limits.

OpenAI, Azure, Groq and others: `x-ratelimit-remaining-requests: 0`, `x-ratelimit-reset-requests: 1m2.5s`.
Anthropic: `anthropic-ratelimit-requests-remaining: 0`, `…-reset: 2026-01-01T00:00:00Z`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

_COUNTED = ("requests", "tokens")
_LIMIT = "ratelimit-"
_FORWARDED = "llm_provider-"
"""What litellm puts before the name of a vendor's header."""

_HEADER_CHARS = 64
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|h|m|s)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_EPOCH_FROM_S = 1e9
"""A plain number as large as this is a moment, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of a limit, and in how many seconds it is whole again."""

    remaining: float
    reset_s: float


class hear_headers:  # noqa: N801 - used like a function
    """Collect what `note_headers` is told in this task, as long as this context lasts.

    `headers`: of the answer to one attempt those that tell of limits, names in lower case.
    """

    __slots__ = ("_token", "headers")

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._token = _heard.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _heard.reset(self._token)


_heard: ContextVar[hear_headers | None] = ContextVar("ftgate_heard_headers", default=None)


def note_headers(headers: Mapping[str, str]) -> None:
    """Tell the limits what headers came. Called by providers; nothing happens where nobody listens."""
    heard = _heard.get()
    if heard is not None:
        heard.headers = {
            name.removeprefix(_FORWARDED): str(value)
            for key, value in headers.items()
            if _LIMIT in (name := str(key).lower())
        }


def read_quotas(headers: Mapping[str, str], now: datetime | None = None) -> dict[str, Quota]:
    """The quotas of `requests` and `tokens` that the headers state whole and readably."""
    quotas = {}
    for counted in _COUNTED:
        for remaining, reset in (
            (f"x-ratelimit-remaining-{counted}", f"x-ratelimit-reset-{counted}"),
            (f"anthropic-ratelimit-{counted}-remaining", f"anthropic-ratelimit-{counted}-reset"),
        ):
            left, wait_s = _read_number(headers.get(remaining)), read_reset(headers.get(reset), now)
            if left is not None and wait_s is not None:
                quotas[counted] = Quota(left, wait_s)
    return quotas


def read_reset(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds of `20ms`, `6m0s` or `7.5`, or until a moment (ISO 8601, or seconds since 1970).

    None = unusable.
    """
    if value is None or not value or len(value) > _HEADER_CHARS:
        return None
    now = now or datetime.now(UTC)
    number = _read_number(value)
    if number is not None:
        return max(0.0, number - now.timestamp() if number >= _EPOCH_FROM_S else number)
    parts = _PART.findall(value)
    if "".join(amount + unit for amount, unit in parts) == value:
        return sum(float(amount) * _UNITS[unit] for amount, unit in parts)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def _read_number(value: str | None) -> float | None:
    try:
        number = float(value[:_HEADER_CHARS]) if value else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None

"""When a request is tried again, and how long to wait before that."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import Random

from pytest_ftgate.errors import ProviderError
from pytest_ftgate.execution.limits import PAUSE_CAP_S
from pytest_ftgate.execution.time_limit import TimeLimit
from pytest_ftgate.model.response import Response

RETRY_AFTER_CAP_S = PAUSE_CAP_S


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """`timeout_s` is per attempt; the n-th wait is about `first_wait_s` * 2^(n-1), at most `wait_cap_s`."""

    max_attempts: int
    timeout_s: float
    first_wait_s: float = 0.5
    wait_cap_s: float = 30.0


def parse_retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds of a `Retry-After` header: a number or an HTTP date (RFC 9110, 10.2.3). None = unusable."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, OverflowError, IndexError):
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (moment - (now or datetime.now(UTC))).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def wait_before_retry(
    attempt: int, retry_after_s: float | None, policy: RetryPolicy, random: Random
) -> float:
    """Seconds to wait after failed attempt number `attempt` (from 1).

    Exponential with jitter, so that requests refused together do not come back together; never
    shorter than what the vendor asked for, up to RETRY_AFTER_CAP_S.
    """
    longest = min(policy.wait_cap_s, policy.first_wait_s * 2.0 ** min(attempt - 1, 30))
    wait = longest * random.uniform(0.5, 1.0)
    if retry_after_s is None:
        return wait
    asked = min(retry_after_s, RETRY_AFTER_CAP_S)
    return asked + random.uniform(0.0, min(0.1 * asked, longest))


async def send_with_retries(
    send: Callable[[], Awaitable[Response]],
    policy: RetryPolicy,
    random: Random,
    *,
    before_attempt: Callable[[], Awaitable[None]],
    limit: TimeLimit | None = None,
) -> Response:
    """The response of the first attempt that succeeds; raises the ProviderError of the last one.

    `before_attempt` is awaited before each try, which it may hold up, and may raise to give up at once.
    `limit`: that of the policy, where many share one.
    """
    limit = limit or TimeLimit(policy.timeout_s)
    attempt = 0
    while True:
        attempt += 1
        await before_attempt()
        try:
            return await _send_in_time(send, limit)
        except ProviderError as error:
            if not error.retryable or attempt >= policy.max_attempts:
                raise
            wait = wait_before_retry(attempt, error.retry_after_s, policy, random)
        await asyncio.sleep(wait)


async def _send_in_time(send: Callable[[], Awaitable[Response]], limit: TimeLimit) -> Response:
    try:
        return await limit.hold(send)
    except TimeoutError:
        raise ProviderError(
            "infra:timeout",
            f"no answer within {limit.seconds:g} s. Raise --ftgate-timeout, or lower --ftgate-concurrency.",
            retryable=True,
        ) from None

"""Waits between attempts."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ftgate.errors import ProviderError
from pytest_ftgate.execution.breaker import STRIKES, Breaker
from pytest_ftgate.execution.retry import (
    RETRY_AFTER_CAP_S,
    RetryPolicy,
    parse_retry_after,
    send_with_retries,
    wait_before_retry,
)
from pytest_ftgate.model.response import Response

POLICY = RetryPolicy(max_attempts=5, timeout_s=1.0, first_wait_s=0.5, wait_cap_s=30.0)
NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3.0),
        ("0.25", 0.25),
        ("-5", 0.0),
        ("Sun, 22 Nov 2026 12:00:10 GMT", 10.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after(value, seconds):
    assert parse_retry_after(value, NOW) == seconds


@given(st.text(max_size=40))
def test_retry_after_of_any_text_is_seconds_or_nothing(value):
    seconds = parse_retry_after(value, NOW)
    assert seconds is None or seconds >= 0


@given(attempt=st.integers(1, 10_000), seed=st.integers(0, 1000))
def test_a_wait_is_jittered_grows_and_is_capped(attempt, seed):
    longest = min(30.0, 0.5 * 2 ** (attempt - 1)) if attempt < 40 else 30.0
    wait = wait_before_retry(attempt, None, POLICY, random.Random(seed))
    assert 0.5 * longest <= wait <= longest


@given(attempt=st.integers(1, 20), asked=st.floats(0, 1e9), seed=st.integers(0, 1000))
def test_the_vendors_wish_is_honoured_up_to_the_cap(attempt, asked, seed):
    wait = wait_before_retry(attempt, asked, POLICY, random.Random(seed))
    assert min(asked, RETRY_AFTER_CAP_S) <= wait <= 1.1 * RETRY_AFTER_CAP_S


async def go_on():
    pass


def run(outcomes, *, before_attempt=go_on):
    left = list(outcomes)

    async def send():
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    policy = RetryPolicy(max_attempts=3, timeout_s=1.0, first_wait_s=0.001)
    return asyncio.run(send_with_retries(send, policy, random.Random(1), before_attempt=before_attempt)), left


def test_only_what_may_be_cured_is_tried_again():
    lost = ProviderError("infra:connection", "x", retryable=True)
    assert run([lost, lost, Response(text="a")])[0].text == "a"
    with pytest.raises(ProviderError, match="third"):
        run([lost, lost, ProviderError("infra:timeout", "third", retryable=True), Response(text="never")])
    with pytest.raises(ProviderError, match="final"):
        run([ProviderError("infra:auth", "final", retryable=False), Response(text="never")])


def test_giving_up_before_an_attempt_sends_nothing():
    async def refuse():
        raise ProviderError("infra:auth", "open", retryable=False)

    with pytest.raises(ProviderError, match="open"):
        run([], before_attempt=refuse)


def test_the_breaker_opens_for_the_lane_only_and_repeats_the_signature():
    breaker = Breaker()
    breaker.note_failure("a", ProviderError("infra:auth", "no key", retryable=False, fatal=True))
    breaker.check("b")
    with pytest.raises(ProviderError, match="no key") as caught:
        breaker.check("a")
    assert caught.value.signature == "infra:auth"


def test_the_breaker_counts_failures_in_a_row_of_the_curable_kind():
    breaker = Breaker()
    lost = ProviderError("infra:connection", "x", retryable=True)
    breaker.note_success("a")
    for _ in range(3):
        for _ in range(STRIKES - 1):
            breaker.note_failure("a", lost)
        breaker.note_success("a")
    for _ in range(5 * STRIKES):
        breaker.note_failure("a", ProviderError("infra:bad_request", "x", retryable=False))
    breaker.check("a")
    for _ in range(STRIKES):
        breaker.note_failure("a", lost)
    with pytest.raises(ProviderError):
        breaker.check("a")

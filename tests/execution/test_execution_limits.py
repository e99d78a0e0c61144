"""The limits of a vendor account: at once, per minute, adaptive, and what vendors say of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servers import Call, ChatServer, Reply, rate_limited
from trials import make_trial

from pytest_ftgate.errors import ProviderError
from pytest_ftgate.execution.breaker import HOPELESS, STRIKES, WINDOW, Breaker
from pytest_ftgate.execution.gate import Gate, Pass
from pytest_ftgate.execution.lanes import Lanes
from pytest_ftgate.execution.limits import MINUTE_S, PAUSE_CAP_S, SAMPLES, Account
from pytest_ftgate.execution.litellm_provider import LitellmProvider
from pytest_ftgate.execution.prices import Amount
from pytest_ftgate.execution.rate_headers import Quota, hear_headers, read_quotas, read_reset
from pytest_ftgate.model.response import Response

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
OVERLOADED = ProviderError("infra:rate_limit", "429", retryable=True)


def answer(account: Account, count: int, latency_s: float = 1.0, now_s: float = 0.0) -> None:
    """So many requests, each answered before the next."""
    for _ in range(count):
        account.note_answer(finish(account, now_s), latency_s)


def finish(account: Account, now_s: float = 0.0):
    ticket = account.begin(now_s, 0)
    account.end(ticket, 0)
    return ticket


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["ask", "ask", "ask", "answer", "overload", "pause"]),
            st.floats(0, 30),
            st.integers(0, 400),
        ),
        max_size=200,
    ),
    concurrency=st.integers(1, 8),
    rpm=st.none() | st.integers(1, 20),
    tpm=st.none() | st.integers(1, 1000),
)
@settings(deadline=None)
def test_no_limit_is_passed_whatever_happens(steps, concurrency, rpm, tpm):
    account = Account(concurrency, rpm=rpm, tpm=tpm)
    now, sent, under_way = 0.0, [], []
    for step, passed, number in steps:
        now += passed
        if step == "ask" and account.wait_s(now, number) == 0:
            assert now >= account.paused_until_s
            under_way.append(account.begin(now, number))
            sent.append((now, number))
        elif step == "pause":
            account.pause(now, number)
        elif step != "ask" and under_way:
            ticket = under_way.pop(number % len(under_way))
            account.end(ticket, ticket.tokens)
            (account.note_overload(ticket) if step == "overload" else account.note_answer(ticket, 1.0))
        assert len(under_way) <= concurrency
        assert 1 <= account.window <= concurrency
        recent = [tokens for at, tokens in sent if now - at < MINUTE_S]
        assert rpm is None or len(recent) <= rpm
        assert tpm is None or len(recent) <= 1 or sum(recent) <= tpm


@given(rpm=st.integers(1, 50))
def test_a_minute_later_the_next_may_go(rpm):
    account = Account(100, rpm=rpm)
    for second in range(rpm):
        assert account.wait_s(second / 10, 1) == 0
        finish(account, second / 10)
    wait = account.wait_s(10.0, 1)
    assert wait == pytest.approx(MINUTE_S - 10.0)
    assert account.wait_s(10.0 + wait, 1) == 0


def test_what_a_request_really_took_counts_for_the_minute():
    account = Account(10, tpm=1000)
    ticket = account.begin(0.0, 900)
    assert account.wait_s(0.0, 200) == MINUTE_S
    account.end(ticket, 100)
    assert account.wait_s(0.0, 200) == 0
    account.end(account.begin(0.0, 200), None)
    assert account.wait_s(1.0, 701) == MINUTE_S - 1
    assert account.wait_s(1.0, 700) == 0
    assert account.wait_s(MINUTE_S, 1000) == 0


def test_a_request_larger_than_the_minutes_tokens_goes_alone():
    account = Account(10, tpm=100)
    assert account.wait_s(0.0, 5000) == 0
    finish(account)
    account.begin(1.0, 50)
    assert account.wait_s(2.0, 5000) > 0


def test_a_refusal_halves_and_answers_add_one_a_window():
    account = Account(16)
    account.note_overload(finish(account))
    assert account.window == 8
    answer(account, 8)
    assert 8.9 < account.window <= 9
    answer(account, 1000)
    assert account.window == 16


def test_a_crowd_of_refusals_counts_once_and_a_later_one_again():
    account = Account(16)
    crowd = [account.begin(0.0, 0) for _ in range(16)]
    for ticket in crowd:
        account.end(ticket, None)
        account.note_overload(ticket)
    assert account.window == 8
    account.note_overload(finish(account))
    assert account.window == 4
    for _ in range(20):
        account.note_overload(finish(account))
    assert account.window == 1


def test_latencies_three_times_the_best_halve_it():
    account = Account(16)
    answer(account, SAMPLES, 1.0)
    answer(account, SAMPLES, 2.9)
    assert account.window == 16
    answer(account, SAMPLES // 2, 3.5)
    assert account.window == 8


def test_a_few_requests_that_ran_out_of_time_are_no_overload_and_many_are():
    account = Account(16)
    answer(account, SAMPLES, 1.0)
    for at in range(2 * SAMPLES):
        ticket = finish(account)
        account.note_latency(ticket, 60.0) if at % 4 == 0 else account.note_answer(ticket, 1.0)
    assert account.window == 16
    for _ in range(SAMPLES):
        account.note_latency(finish(account), 60.0)
    assert account.window == 8


def test_answers_that_are_merely_longer_halve_it_once():
    account = Account(16)
    answer(account, SAMPLES, 1.0)
    for _ in range(20):
        answer(account, SAMPLES, 10.0)
    assert account.window == 16, "asking less did not help, so our load is not the cause"


def test_a_pause_holds_for_all_and_is_bounded():
    account = Account(4)
    account.pause(10.0, 5.0)
    account.pause(10.0, 2.0)
    assert account.wait_s(11.0, 0) == 4.0
    account.pause(10.0, 1e9)
    assert account.wait_s(10.0, 0) == PAUSE_CAP_S


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1s", 1.0),
        ("20ms", 0.02),
        ("6m0s", 360.0),
        ("1h2m3.5s", 3723.5),
        ("7.5", 7.5),
        ("2m59.56s", 179.56),
        ((NOW + timedelta(seconds=9)).isoformat(), 9.0),
        ("2026-11-22T12:00:30Z", 30.0),
        ("2026-11-22T11:00:00Z", 0.0),
        (str(NOW.timestamp() + 12), 12.0),
        ("soon", None),
        ("1 s", None),
        ("nan", None),
        ("-3", None),
        ("", None),
        (None, None),
    ],
)
def test_the_reset_of_a_quota(value, seconds):
    assert read_reset(value, NOW) == (None if seconds is None else pytest.approx(seconds))


@given(st.text(max_size=80))
def test_any_text_is_a_number_of_seconds_or_nothing(value):
    seconds = read_reset(value, NOW)
    assert seconds is None or seconds >= 0


def test_quotas_of_both_spellings():
    assert read_quotas(
        {
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-requests": "2s",
            "anthropic-ratelimit-tokens-remaining": "12000",
            "anthropic-ratelimit-tokens-reset": "2026-11-22T12:00:05Z",
        },
        NOW,
    ) == {"requests": Quota(0, 2.0), "tokens": Quota(12000, 5.0)}
    assert read_quotas({"x-ratelimit-remaining-requests": "0"}) == {}


def in_gate(use: Callable[[], object]) -> object:
    async def run() -> object:
        return await use()  # type: ignore[misc]

    return asyncio.run(asyncio.wait_for(run(), 20))


def test_the_gate_is_first_come_first_served_and_another_account_has_its_own_door():
    async def use():
        gate = Gate(concurrency=2)
        order = []

        async def ask(name, account):
            passed = await gate.enter(account, Amount())
            order.append(name)
            return passed

        first, second = await ask("a1", "a"), await ask("a2", "a")
        waiting = [asyncio.create_task(ask(name, "a")) for name in ("a3", "a4")]
        await asyncio.sleep(0)
        await ask("b1", "b")
        gate.leave(first, took=Amount(), latency_s=1.0)
        gate.leave(second, took=Amount(), latency_s=1.0)
        await asyncio.gather(*waiting)
        return order

    assert in_gate(use) == ["a1", "a2", "b1", "a3", "a4"]


@pytest.mark.parametrize("told_by", ["retry-after", "headers"])
def test_what_one_request_was_told_pauses_the_whole_account(told_by):
    async def use():
        loop = asyncio.get_running_loop()
        gate = Gate(concurrency=4)
        passed = await gate.enter("a", Amount())
        error = ProviderError(
            "infra:rate_limit", "429", retryable=True, retry_after_s=0.1 if told_by == "retry-after" else None
        )
        quota = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "100ms"}
        gate.leave(passed, took=Amount(), error=error, headers=quota if told_by == "headers" else {})
        started = loop.time()
        await gate.enter("b", Amount())
        other = loop.time() - started
        await gate.enter("a", Amount())
        return other, loop.time() - started

    other, same = in_gate(use)
    assert other < 0.09 < same


def test_one_who_gives_up_waiting_leaves_no_place_taken():
    async def use():
        gate = Gate(concurrency=1)
        passed = await gate.enter("a", Amount())
        waiting = [asyncio.create_task(gate.enter("a", Amount())) for _ in range(3)]
        await asyncio.sleep(0)
        gate.leave(passed, took=Amount())
        for task in waiting[:2]:  # the first of them was let out, and has not run since
            task.cancel()
        for task in waiting[:2]:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        return await waiting[2]

    assert isinstance(in_gate(use), Pass)


def test_lanes_share_fairly_between_evalsets():
    lanes: Lanes[str] = Lanes(4, lambda item: ("model", None), lambda item: item[0])
    for item in ("a1", "a2", "a3", "a4", "b1", "b2"):
        lanes.add(item)
    taken = [lanes.take() for _ in range(4)]
    assert taken == ["a1", "b1", "a2", "b2"]
    lanes.free("a1")
    assert lanes.take() == "a3"


def test_the_breaker_gives_up_a_model_that_nearly_always_fails():
    breaker = Breaker()
    lost = ProviderError("infra:timeout", "no answer", retryable=True)
    run = STRIKES - 1
    for trial in range(WINDOW - 1):
        breaker.note_success("a") if trial % run == 0 else breaker.note_failure("a", lost)
    breaker.check("a")
    assert (run - 1) / run > HOPELESS
    breaker.note_failure("a", lost)
    with pytest.raises(
        ProviderError, match=r"\d+ of the last 100 trials failed, the last: no answer"
    ) as caught:
        breaker.check("a")
    assert caught.value.signature == "infra:stopped"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("litellm_is_loaded")
@pytest.mark.parametrize("is_lean", [True, False])
@pytest.mark.parametrize("status", [200, 429])
def test_both_transports_hear_the_headers(is_lean, status):
    headers = {"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "1s"}
    reply = (
        Reply("ok", headers=headers) if status == 200 else Reply(status=429, error="slow", headers=headers)
    )

    async def use(server):
        provider = LitellmProvider(is_lean=is_lean)
        trial = make_trial(base_url=server.base_url)
        try:
            with hear_headers() as heard, contextlib.suppress(ProviderError):
                await provider.complete(trial, trial.request, 5)
        finally:
            await provider.close()
        return read_quotas(heard.headers)

    with ChatServer(lambda call: reply) as server:
        assert asyncio.run(use(server)) == {"requests": Quota(3, 1.0)}


@pytest.mark.usefixtures("litellm_is_loaded")
def test_retry_after_of_one_request_holds_back_all_of_its_account(make_engine):
    def script(call: Call) -> Reply | str:
        return rate_limited("1") if call.number == 1 else Reply("ok", delay_s=0.01)

    with ChatServer(script) as server:
        trials = [make_trial(f"p{n}", base_url=server.base_url, case=f"c-{n}") for n in range(12)]
        engine = make_engine(concurrency=1)
        engine.submit(trials)
        assert all(isinstance(engine.wait(trial.key, 30), Response) for trial in trials)
        first, *later = [call.at_s for call in server.calls]
    assert len(later) == 12
    assert min(later) - first >= 0.95


def test_requests_a_minute_hold_in_the_engine(make_engine):
    """Nothing of the rest goes out: a minute is longer than the test."""

    class Instant:
        asked = 0

        async def complete(self, trial, request, timeout_s):
            self.asked += 1
            return Response(text="ok")

        async def close(self):
            pass

    provider = Instant()
    engine = make_engine(provider, rpm=5)
    trials = [make_trial(f"p{n}", case=f"c-{n}") for n in range(9)]
    engine.submit(trials)
    for trial in trials[:5]:
        engine.wait(trial.key, 10)
    with pytest.raises(TimeoutError):
        engine.wait(trials[5].key, 0.2)
    assert provider.asked == engine.requests_sent == 5

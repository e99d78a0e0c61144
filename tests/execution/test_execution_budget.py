"""Caps on money and tokens, and what a run is said to have paid."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import ChatServer, Reply, error, rate_limited
from trials import make_trial

from pytest_ftgate.errors import ProviderError
from pytest_ftgate.execution.budget import Budget, Caps
from pytest_ftgate.execution.price_map import find_max_output, find_price
from pytest_ftgate.execution.prices import (
    DEFAULT_MAX_OUTPUT,
    Amount,
    Estimator,
    cost_of,
    estimate_prompt,
    price_response,
)
from pytest_ftgate.execution.store import SqliteStore
from pytest_ftgate.execution.turns import sum_turns
from pytest_ftgate.model.evalset import Price
from pytest_ftgate.model.response import Failure, Response, Usage

PRICE = Price(input_usd_per_m=2.0, output_usd_per_m=10.0)


class Metered:
    """A provider that counts the tokens of its answers, and how many it gave at once."""

    def __init__(self, completion_tokens: int = 40, delay_s: float = 0.005) -> None:
        self.completion_tokens, self.delay_s = completion_tokens, delay_s
        self.tokens = self.sent = self.busy = self.peak = 0
        self.asked: Counter[str] = Counter()

    async def complete(self, trial, request, timeout_s):
        self.sent += 1
        self.busy += 1
        self.peak = max(self.peak, self.busy)
        self.asked[request.messages[-1]["content"]] += 1
        await asyncio.sleep(self.delay_s)
        self.busy -= 1
        self.tokens += 10 + self.completion_tokens
        usage = Usage(prompt_tokens=10, completion_tokens=self.completion_tokens)
        return Response(text="ok", usage=usage, latency_s=self.delay_s, finish_reason="stop")

    async def close(self) -> None:
        pass


def ask(engine, trials):
    engine.submit(trials)
    return [engine.wait(trial.key, 30) for trial in trials]


def numbered(count, **more):
    more.setdefault("params", {"max_tokens": 40})
    return [make_trial(f"p{n}", case=f"c-{n}", **more) for n in range(count)]


@given(
    cap=st.integers(1, 1000),
    steps=st.lists(st.tuples(st.booleans(), st.integers(0, 200), st.floats(0, 2)), max_size=80),
)
def test_a_cap_is_passed_only_by_what_requests_take_beyond_their_estimates(cap, steps):
    budget = Budget(Caps(max_tokens=cap))
    under_way, beyond = [], 0
    for is_new, tokens, share in steps:
        if is_new:
            if budget.check(Amount(tokens)) == "fits":
                budget.reserve(Amount(tokens))
                under_way.append(tokens)
        elif under_way:
            reserved = under_way.pop(0)
            took = int(reserved * share)
            beyond += max(0, took - reserved)
            budget.settle(Amount(reserved), Amount(took))
        assert budget.paid.tokens <= cap + beyond


def test_a_request_waits_while_others_may_turn_out_smaller_and_then_it_is_over():
    budget = Budget(Caps(max_cost_usd=1.0))
    assert budget.check(Amount(usd=0.6)) == "fits"
    budget.reserve(Amount(usd=0.6))
    assert budget.check(Amount(usd=0.6)) == "later"
    budget.settle(Amount(usd=0.6), Amount(usd=0.1))
    assert budget.check(Amount(usd=0.6)) == "fits"
    assert budget.check(Amount(usd=0.95)) == "never"
    assert budget.check(Amount(usd=0.0001)) == "never", "once it is over nothing goes out any more"
    assert budget.reason == (
        "--ftgate-max-cost 1 was reached after $0.1 "
        "(the next request may take $0.95; max_tokens in the model's params bounds that)"
    )


def test_a_request_that_ran_out_of_time_may_be_billed():
    budget = Budget(Caps(max_tokens=100))
    budget.reserve(Amount(60))
    budget.settle(Amount(60), Amount(), is_lost=True)
    assert budget.paid == Amount()
    assert budget.check(Amount(50)) == "never"
    assert "after 0 tokens and 60 tokens that requests without an answer in time may cost" in budget.reason


def test_a_worker_says_that_it_has_a_share():
    budget = Budget(Caps(max_cost_usd=2.5, workers=2))
    budget.check(Amount(usd=3.0))
    assert budget.reason.startswith(
        "--ftgate-max-cost 5 (1/2 of it for each xdist worker) was reached after $0"
    )


def test_the_estimate_is_prompt_and_longest_answer():
    estimator = Estimator()
    stated = make_trial("x" * 300, params={"max_tokens": 50}).request
    assert estimator.estimate(stated, PRICE).tokens == estimate_prompt(stated) + 50
    assert estimate_prompt(stated) >= 100
    assert estimator.estimate(stated, PRICE).usd == pytest.approx(
        (estimate_prompt(stated) * 2.0 + 50 * 10.0) / 1e6
    )
    known = make_trial(model="openai/gpt-4o-mini").request
    assert (
        estimator.estimate(known, None).tokens - estimate_prompt(known)
        == find_max_output(known.model)
        == 16384
    )
    unknown = make_trial().request
    assert estimator.estimate(unknown, None) == Amount(estimate_prompt(unknown) + DEFAULT_MAX_OUTPUT, 0.0)
    embedding = replace(unknown, operation="embedding")
    assert estimator.estimate(embedding, None).tokens == estimate_prompt(embedding)


def test_after_twenty_answers_twice_the_longest_bounds_what_nothing_else_bounds():
    estimator, free = Estimator(), make_trial().request
    for tokens in range(20):
        assert estimator.estimate(free, None).tokens > DEFAULT_MAX_OUTPUT
        estimator.note(free, Usage(completion_tokens=tokens))
    assert estimator.estimate(free, None).tokens == estimate_prompt(free) + 38
    stated = replace(free, params={"max_tokens": 100})
    assert estimator.estimate(stated, None).tokens == estimate_prompt(stated) + 100


def test_schema_and_tools_are_part_of_the_prompt():
    plain = make_trial().request
    schema = {"type": "json_schema", "json_schema": {"schema": {"description": "y" * 900}}}
    assert estimate_prompt(replace(plain, response_format=schema)) >= estimate_prompt(plain) + 300
    assert (
        estimate_prompt(replace(plain, tools=({"description": "y" * 900},))) >= estimate_prompt(plain) + 300
    )


def test_cached_tokens_have_their_own_price_and_reasoning_is_part_of_the_answer():
    usage = Usage(prompt_tokens=1000, completion_tokens=100, cached_tokens=400, reasoning_tokens=80)
    assert cost_of(usage, PRICE) == pytest.approx((1000 * 2.0 + 100 * 10.0) / 1e6)
    cheap = replace(PRICE, cached_input_usd_per_m=0.5)
    assert cost_of(usage, cheap) == pytest.approx((600 * 2.0 + 400 * 0.5 + 100 * 10.0) / 1e6)
    listed = find_price("openai/gpt-4o-mini")
    assert cost_of(usage, listed) == pytest.approx((600 * 0.15 + 400 * 0.075 + 100 * 0.6) / 1e6)


@pytest.mark.usefixtures("litellm_is_loaded")
def test_litellm_and_the_price_map_agree_on_cached_and_reasoning_tokens(make_engine):
    reply = Reply("ok", prompt_tokens=1000, completion_tokens=100, cached_tokens=400, reasoning_tokens=80)
    with ChatServer(lambda call: reply) as server:
        trial = make_trial(base_url=server.base_url, model="openai/gpt-4o-mini")
        [answer] = ask(make_engine(), [trial])
    assert answer.cost_usd == pytest.approx(cost_of(answer.usage, find_price("openai/gpt-4o-mini")))


@pytest.mark.parametrize("cap", ["cost", "tokens"])
def test_a_cap_ends_the_run_and_nothing_more_is_sent(cap, make_engine):
    provider = Metered()
    most = (
        2000 if cap == "tokens" else 2000 * cost_of(Usage(prompt_tokens=10, completion_tokens=40), PRICE) / 50
    )
    caps = Caps(max_tokens=2000) if cap == "tokens" else Caps(max_cost_usd=most)
    engine = make_engine(provider, caps=caps, price_of=lambda trial: PRICE)
    answers = ask(engine, numbered(200))
    given = [answer for answer in answers if isinstance(answer, Response)]
    left = [answer for answer in answers if isinstance(answer, Failure)]
    assert len(given) == provider.sent == engine.requests_sent
    assert {(failure.signature, failure.attempts) for failure in left} == {("infra:budget", 0)}
    assert len({failure.message for failure in left}) == 1
    assert left[0].message.startswith("not asked: --ftgate-max-")
    assert 2000 - 2 * 80 < provider.tokens <= 2000
    assert engine.paid.tokens == provider.tokens
    assert engine.paid.usd == pytest.approx(sum(answer.cost_usd for answer in given))
    assert provider.peak == 8, "the cap does not slow down what is far from it"


def test_answers_longer_than_estimated_pass_the_cap_by_those_under_way_only(make_engine):
    provider = Metered(completion_tokens=400)
    engine = make_engine(provider, caps=Caps(max_tokens=5000))
    ask(engine, numbered(100))
    assert provider.tokens <= 5000 + 8 * 410


def test_stored_and_shared_answers_cost_nothing(tmp_path, make_engine):
    price_of = lambda trial: PRICE  # noqa: E731
    first = make_engine(Metered(), store=SqliteStore(tmp_path / "r.sqlite"), price_of=price_of)
    assert len(ask(first, numbered(20))) == 20
    first.close()
    again = Metered()
    engine = make_engine(
        again, store=SqliteStore(tmp_path / "r.sqlite"), caps=Caps(max_cost_usd=1e-9), price_of=price_of
    )
    answers = ask(engine, numbered(20))
    assert all(answer.cached and answer.cost_usd == pytest.approx(0.00042) for answer in answers)
    assert (again.sent, engine.paid) == (0, Amount())
    [refused] = ask(engine, [make_trial("new", case="new")])
    assert refused.signature == "infra:budget"


def test_the_price_that_the_evalset_states_goes_before_litellms(make_engine):
    class Priced(Metered):
        async def complete(self, trial, request, timeout_s):
            return replace(await super().complete(trial, request, timeout_s), cost_usd=99.0)

    engine = make_engine(Priced(), price_of=lambda trial: PRICE if trial.key.role == "judge" else None)
    mine, listed = ask(engine, [make_trial("a", case="a", role="judge"), make_trial("b", case="b")])
    assert mine.cost_usd == pytest.approx(0.00042)
    assert listed.cost_usd == 99.0
    assert engine.paid.usd == pytest.approx(99.00042)


def test_a_first_turn_shared_with_another_arm_is_paid_once(make_engine):
    def follow_up(trial, request, response):
        message = {"role": "user", "content": f"again {request.messages[-1]['content']}"}
        return replace(request, messages=(*request.messages, message))

    provider = Metered()
    engine = make_engine(provider, follow_up=follow_up, price_of=lambda trial: PRICE)
    as_is = numbered(10)
    reask = [replace(trial, key=trial.key._replace(arm="reask"), max_turns=1) for trial in as_is]
    answers = ask(engine, [*as_is, *reask])
    one = cost_of(Usage(prompt_tokens=10, completion_tokens=40), PRICE)
    assert provider.sent == 20
    assert [answer.cost_usd for answer in answers] == pytest.approx([one] * 10 + [2 * one] * 10)
    assert [answer.paid_usd for answer in answers[:10]] == [None] * 10
    assert [answer.paid_usd for answer in answers[10:]] == pytest.approx([one] * 10)
    assert engine.paid.usd == pytest.approx(20 * one)


def test_what_turns_paid_where_no_price_is_known():
    turn = Response(text="x", cost_usd=None)
    assert sum_turns([replace(turn, cached=True), turn]).paid_usd is None
    assert sum_turns([turn, turn]).paid_usd is None


def test_turns_before_a_failed_one_stay_counted(make_engine):
    class Failing(Metered):
        async def complete(self, trial, request, timeout_s):
            if len(request.messages) > 1:
                raise ProviderError("infra:bad_request", "no", retryable=False)
            return await super().complete(trial, request, timeout_s)

    def follow_up(trial, request, response):
        return replace(request, messages=(*request.messages, {"role": "user", "content": "again"}))

    engine = make_engine(Failing(), follow_up=follow_up, price_of=lambda trial: PRICE)
    trial = make_trial(max_turns=1)
    [answer] = ask(engine, [trial])
    assert isinstance(answer, Failure)
    assert (answer.attempts, answer.paid_usd) == (2, pytest.approx(0.00042))


def test_a_response_without_usage_keeps_its_price():
    assert price_response(Response(text="x", cost_usd=0.5), PRICE).cost_usd == 0.5


@pytest.mark.usefixtures("litellm_is_loaded")
def test_what_the_server_counted_is_what_the_engine_paid(make_engine):
    counted = [0]

    def script(call):
        if call.number % 3 == 0:
            return rate_limited("0.01") if call.number % 2 else error(500)
        counted[0] += 100 + call.number
        return Reply("ok", prompt_tokens=100, completion_tokens=call.number)

    with ChatServer(script) as server:
        trials = [make_trial(f"p{n}", base_url=server.base_url, case=f"c-{n}") for n in range(60)]
        engine = make_engine(max_attempts=8, caps=Caps(max_tokens=1_000_000))
        answers = ask(engine, trials)
    assert all(isinstance(answer, Response) for answer in answers)
    assert engine.paid.tokens == counted[0]
    assert counted[0] == sum(a.usage.prompt_tokens + a.usage.completion_tokens for a in answers)

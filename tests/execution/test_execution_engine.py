"""The engine's promises, with providers that need no network."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from trials import make_trial

from pytest_ftgate.errors import FtgateError, ProviderError, StorageError
from pytest_ftgate.execution.builtin import find_provider, register
from pytest_ftgate.execution.engine import Engine
from pytest_ftgate.execution.lanes import Lanes
from pytest_ftgate.execution.local_provider import host_limit
from pytest_ftgate.execution.store import MemoryStore, SqliteStore
from pytest_ftgate.model.response import Failure, Response, ToolCall, Usage
from pytest_ftgate.model.trial import Request, Trial
from pytest_ftgate.registry import Registry


class Scripted:
    """A provider whose answers a function gives; notes what it was asked, and how much at once."""

    def __init__(
        self, script: Callable[[Request], str | Exception] = lambda request: "ok", delay_s: float = 0.0
    ):
        self.script, self.delay_s = script, delay_s
        self.asked: list[str] = []
        self.busy = self.peak = self.closed = 0

    async def complete(self, trial: Trial, request: Request, timeout_s: float) -> Response:
        self.asked.append(request.messages[-1]["content"])
        self.busy += 1
        self.peak = max(self.peak, self.busy)
        try:
            await asyncio.sleep(self.delay_s)
        finally:
            self.busy -= 1
        outcome = self.script(request)
        if isinstance(outcome, Exception):
            raise outcome
        usage = Usage(prompt_tokens=10, completion_tokens=2)
        return Response(
            text=outcome, finish_reason="stop", usage=usage, latency_s=0.5, cost_usd=0.25, model="m"
        )

    async def close(self) -> None:
        self.closed += 1


def ask(engine: Engine, *trials: Trial):
    engine.submit(trials)
    return [engine.wait(trial.key, 20) for trial in trials]


def numbered(count: int, **more) -> list[Trial]:
    return [make_trial(f"p{n}", case=f"c-{n}", **more) for n in range(count)]


def test_trials_go_out_in_the_order_of_submission_and_never_more_than_the_setting(make_engine):
    provider = Scripted(delay_s=0.005)
    trials = numbered(100)
    engine = make_engine(provider, concurrency=7)
    ask(engine, *trials)
    assert provider.asked == [f"p{n}" for n in range(100)]
    assert provider.peak == engine.peak_concurrency == 7
    assert engine.requests_sent == 100


def test_ten_thousand_waiting_trials_are_not_ten_thousand_tasks(make_engine):
    most = 0

    def count_tasks(request):
        nonlocal most
        most = max(most, len(asyncio.all_tasks()))
        return "ok"

    engine = make_engine(Scripted(count_tasks), concurrency=20)
    answers = ask(engine, *numbered(10_000))
    assert len(answers) == 10_000
    assert most < 50


def test_a_model_with_a_limit_of_its_own_does_not_hold_up_the_others(make_engine):
    slow, fast = Scripted(delay_s=0.05), Scripted()
    local = [make_trial(f"l{n}", model="local/x", case=f"l-{n}") for n in range(10)]
    remote = [make_trial(f"r{n}", model="openai/x", case=f"r-{n}") for n in range(10)]
    engine = make_engine(concurrency=6, host_limit=host_limit)
    engine._sender._provider_for = lambda trial: slow if trial.request.model == "local/x" else fast
    engine.submit([*local, *remote])
    started = time.monotonic()
    for trial in remote:
        engine.wait(trial.key, 20)
    assert time.monotonic() - started < 0.1
    for trial in local:
        engine.wait(trial.key, 20)
    assert slow.peak == 2


def test_lanes_give_the_oldest_that_may_go():
    lanes: Lanes[tuple[str, int]] = Lanes(3, lambda item: (item[0], 1 if item[0] == "a" else None))
    for item in [("a", 1), ("a", 2), ("b", 3), ("b", 4), ("b", 5)]:
        lanes.add(item)
    assert [lanes.take() for _ in range(4)] == [("a", 1), ("b", 3), ("b", 4), None]
    lanes.free(("a", 1))
    assert lanes.take() == ("a", 2)
    assert lanes.drain() == [("b", 5)]


@pytest.mark.parametrize("delay_s", [0.05, 0.0])
def test_a_repair_trial_never_sends_a_request_of_its_own(delay_s, make_engine):
    provider = Scripted(delay_s=delay_s)
    trial = make_trial()
    repair = replace(trial, key=trial.key._replace(arm="repair"), source_arm="as_is", tolerant=True)
    engine = make_engine(provider)
    first, second = ask(engine, trial, repair)
    assert len(provider.asked) == 1
    assert (first.text, first.cached) == (second.text, False)
    assert second.cached, "the money was spent once"


def test_a_repair_trial_alone_is_asked_for(make_engine):
    provider = Scripted()
    repair = make_trial(arm="repair", source_arm="as_is")
    [answer] = ask(make_engine(provider), repair)
    assert answer.text == "ok"
    assert not answer.cached
    assert len(provider.asked) == 1


@pytest.mark.parametrize("outcome", ["truncated", "failed"])
def test_a_repair_trial_shares_also_what_no_later_run_would_get(outcome, make_engine):
    provider = Scripted(lambda request: ProviderError("infra:bad_request", "no", retryable=False))

    async def truncated(trial, request, timeout_s):
        provider.asked.append("x")
        return Response(text="{", finish_reason="length")

    if outcome == "truncated":
        provider.complete = truncated
    trial = make_trial()
    repair = replace(trial, key=trial.key._replace(arm="repair"), source_arm="as_is")
    engine = make_engine(provider)
    [first] = ask(engine, trial)
    [second] = ask(engine, repair)
    assert len(provider.asked) == 1
    assert type(first) is type(second)


def test_repeats_are_draws_of_their_own(make_engine):
    provider = Scripted()
    ask(make_engine(provider), *[make_trial(repeat=k) for k in (1, 2, 3)])
    assert len(provider.asked) == 3


def test_reask_shows_the_problem_and_sums_what_was_spent(make_engine):
    def follow_up(trial: Trial, request: Request, response: Response) -> Request | None:
        if response.text == "good":
            return None
        further = ({"role": "assistant", "content": response.text}, {"role": "user", "content": "fix it"})
        return replace(request, messages=(*request.messages, *further))

    provider = Scripted(lambda request: "good" if request.messages[-1]["content"] == "fix it" else "bad")
    engine = make_engine(provider, follow_up=follow_up)
    as_is, reask, other = ask(
        engine, make_trial(), make_trial(arm="reask", max_turns=1), make_trial("good?", max_turns=0, case="d")
    )
    assert (reask.text, reask.turns, reask.attempts) == ("good", 2, 1)
    assert sum(a.attempts for a in (as_is, reask, other) if not a.cached) == engine.requests_sent == 3
    assert reask.usage == Usage(prompt_tokens=20, completion_tokens=4)
    assert (reask.cost_usd, reask.latency_s) == (0.5, 1.0)
    assert (as_is.text, as_is.turns) == ("bad", 1)
    assert other.text == "bad"
    assert provider.asked.count("hello") == 1, "the first turn is the same request as arm as_is sends"
    assert provider.asked.count("fix it") == 1


def test_a_follow_up_that_gets_no_answer_leaves_the_trial_unanswered(make_engine):
    def script(request):
        return (
            "bad" if len(request.messages) == 1 else ProviderError("infra:bad_request", "no", retryable=False)
        )

    def follow_up(trial, request, response):
        return replace(request, messages=(*request.messages, {"role": "user", "content": "again"}))

    [answer] = ask(make_engine(Scripted(script), follow_up=follow_up), make_trial(max_turns=3))
    assert isinstance(answer, Failure)
    assert answer.attempts == 2


def test_a_shared_failure_counts_its_attempts_once(make_engine):
    provider = Scripted(lambda request: ProviderError("infra:bad_gateway", "500", retryable=True))
    engine = make_engine(provider, max_attempts=3)
    answers = ask(engine, make_trial(), make_trial(arm="reask", max_turns=1))
    assert {answer.signature for answer in answers} == {"infra:bad_gateway"}
    assert sum(answer.attempts for answer in answers) == engine.requests_sent == 3


def test_a_key_that_a_vendor_echoes_is_not_stored_and_a_resumed_run_is_equal(make_engine, tmp_path):
    class Echo(Scripted):
        async def complete(self, trial, request, timeout_s):
            call = ToolCall(name="f", arguments='{"auth": "sk-planted"}', id="sk-planted")
            return Response(
                text="Bearer sk-planted",
                tool_calls=(call,),
                model="sk-planted",
                system_fingerprint="sk-planted",
            )

    def answer_once(**more):
        store = SqliteStore(tmp_path / "r.sqlite")
        engine = make_engine(Echo(), store=store, redact=lambda t: t.replace("sk-planted", "***"), **more)
        [answer] = ask(engine, make_trial())
        assert all(b"sk-planted" not in file.read_bytes() for file in tmp_path.iterdir())
        engine.close()
        return answer

    first, resumed = answer_once(), answer_once()
    assert (first.text, first.tool_calls[0].arguments) == ("Bearer ***", '{"auth": "***"}')
    assert resumed == replace(first, cached=True)
    assert all(b"sk-planted" not in file.read_bytes() for file in tmp_path.iterdir())


def test_retries_are_attempts_and_end_at_the_limit(make_engine):
    provider = Scripted(lambda request: ProviderError("infra:rate_limit", "429", retryable=True))
    [answer] = ask(make_engine(provider, max_attempts=4), make_trial())
    assert (answer.signature, answer.attempts, len(provider.asked)) == ("infra:rate_limit", 4, 4)


def test_a_slow_answer_is_a_timeout(make_engine):
    engine = make_engine(Scripted(delay_s=5), timeout_s=0.05, max_attempts=2)
    [answer] = ask(engine, make_trial())
    assert (answer.signature, answer.attempts) == ("infra:timeout", 2)


def test_preparing_takes_no_time_from_an_attempt(make_engine):
    class SlowToStart(Scripted):
        async def prepare(self, request):
            await asyncio.sleep(0.3)

    [answer] = ask(make_engine(SlowToStart(), timeout_s=0.1), make_trial())
    assert answer.attempts == 1


def test_a_hopeless_model_is_given_up(make_engine):
    provider = Scripted(lambda request: ProviderError("infra:bad_gateway", "500", retryable=True))
    answers = ask(make_engine(provider, max_attempts=2, concurrency=2), *numbered(200))
    assert {answer.signature for answer in answers} == {"infra:bad_gateway", "infra:stopped"}
    assert answers[-1].message == "given up after 20 trials in a row failed, the last: 500"
    assert answers[-1].attempts == 0
    assert len(provider.asked) < 60


def test_faults_between_answers_do_not_give_a_model_up(make_engine):
    def script(request):
        is_lost = int(request.messages[-1]["content"][1:]) % 2
        return ProviderError("infra:bad_gateway", "500", retryable=True) if is_lost else "ok"

    answers = ask(make_engine(Scripted(script), max_attempts=1, concurrency=2), *numbered(200))
    assert sum(isinstance(answer, Response) for answer in answers) == 100


def test_a_fault_in_a_providers_code_is_raised_where_the_answer_is_awaited(make_engine):
    engine = make_engine(
        Scripted(lambda request: ZeroDivisionError("sk-planted")),
        redact=lambda t: t.replace("sk-planted", "***"),
    )
    engine.submit([make_trial()])
    with pytest.raises(FtgateError, match=r"Scripted failed with ZeroDivisionError: \*\*\* at .*\.py:\d+"):
        engine.wait(make_trial().key, 20)


def test_a_fault_in_a_callback_is_raised_where_the_answer_is_awaited(make_engine):
    def follow_up(trial, request, response):
        raise RuntimeError("grader crashed")

    engine = make_engine(Scripted(), follow_up=follow_up)
    engine.submit([make_trial(max_turns=1)])
    with pytest.raises(RuntimeError, match="grader crashed"):
        engine.wait(make_trial().key, 20)


def test_on_answer_sees_every_answer_after_it_is_stored(make_engine, tmp_path):
    store = SqliteStore(tmp_path / "r.sqlite")
    seen = []

    def note(trial, answer):
        with_rows = SqliteStore(tmp_path / "r.sqlite")._file
        stored = with_rows._connection().execute("SELECT count(*) FROM responses").fetchone()[0]
        seen.append((trial.key.case, answer.text, stored >= 1))

    ask(make_engine(Scripted(), store=store, on_answer=note), *numbered(3))
    assert sorted(seen) == [(f"c-{n}", "ok", True) for n in range(3)]


def test_an_answer_is_released_once_it_was_taken(make_engine):
    engine = make_engine(Scripted(), store=None)
    engine._sender._store = _ForgetfulStore()
    [answer] = ask(engine, make_trial())
    reference = weakref.ref(answer) if hasattr(answer, "__weakref__") else None
    assert engine._outcomes == {}
    assert engine._pending == set()
    assert engine._sender._shared == {}
    with pytest.raises(KeyError, match="already taken"):
        engine.wait(make_trial().key)
    del answer
    gc.collect()
    assert reference is None or reference() is None


class _ForgetfulStore(MemoryStore):
    async def put(self, key, response):
        return None


def test_waiting_for_what_nobody_asked_is_an_error(make_engine):
    with pytest.raises(KeyError, match="was not submitted"):
        make_engine(Scripted()).wait(make_trial().key)


def test_a_wait_can_run_out_of_time_and_be_repeated(make_engine):
    engine = make_engine(Scripted(delay_s=0.3))
    engine.submit([make_trial()])
    with pytest.raises(TimeoutError, match="c-1"):
        engine.wait(make_trial().key, 0.01)
    assert engine.wait(make_trial().key, 20).text == "ok"


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_breaks_a_wait_and_close_does_not_hang(make_engine):
    engine = make_engine(Scripted(delay_s=600), timeout_s=600)
    engine.submit(numbered(100))
    key = make_trial(case="c-0").key

    def interrupt_the_wait() -> None:
        while key not in engine._awaited:
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)

    interrupter = threading.Thread(target=interrupt_the_wait)
    interrupter.start()
    with pytest.raises(KeyboardInterrupt):
        engine.wait(key)
    engine.close()
    interrupter.join()
    assert not engine._thread.is_alive()


def test_cancel_gives_everything_up_and_the_engine_lives_on(make_engine):
    provider = Scripted(delay_s=60)
    engine = make_engine(provider, timeout_s=60)
    trials = numbered(50)
    engine.submit(trials)
    time.sleep(0.05)
    engine.cancel()
    assert {engine.wait(trial.key, 5).signature for trial in trials} == {"infra:cancelled"}
    provider.delay_s = 0
    assert ask(engine, make_trial("again", case="again"))[0].text == "ok"


def test_close_ends_work_closes_providers_and_may_be_repeated(make_engine):
    provider = Scripted(delay_s=60)
    engine = make_engine(provider, timeout_s=60)
    trials = numbered(20)
    engine.submit(trials)
    time.sleep(0.05)
    started = time.monotonic()
    engine.close()
    engine.close()
    assert time.monotonic() - started < 2
    assert provider.closed == 1
    assert engine.wait(trials[0].key).signature == "infra:cancelled"
    assert threading.active_count() < 10
    with pytest.raises(FtgateError, match="closed"):
        engine.submit(trials)


def test_an_engine_that_was_never_used_closes_without_a_thread():
    engine = Engine(lambda trial: Scripted(), concurrency=1, timeout_s=1, max_attempts=1)
    engine.close()
    assert engine._thread is None


def test_a_provider_that_will_not_close_does_not_hang_the_run(make_engine, monkeypatch):
    monkeypatch.setattr("pytest_ftgate.execution.engine.CLOSE_WAIT_S", 0.1)

    class Stubborn(Scripted):
        async def close(self):
            await asyncio.sleep(60)

    engine = make_engine(Stubborn())
    ask(engine, make_trial())
    started = time.monotonic()
    engine.close()
    assert time.monotonic() - started < 2


def test_where_answers_cannot_be_kept_no_more_are_paid_for(make_engine):
    class Full(MemoryStore):
        async def put(self, key, response):
            raise StorageError("the disk is full")

    provider = Scripted()
    engine = make_engine(provider, store=Full(), concurrency=1)
    trials = numbered(10)
    engine.submit(trials)
    for trial in trials:
        with pytest.raises(StorageError, match="the disk is full"):
            engine.wait(trial.key, 20)
    assert len(provider.asked) == 1


def test_a_second_run_pays_nothing_and_refresh_pays_again(make_engine, tmp_path):
    trials = numbered(30)
    counts = []
    for refresh in (False, False, True):
        provider = Scripted()
        engine = make_engine(provider, store=SqliteStore(tmp_path / "r.sqlite"), refresh=refresh)
        answers = ask(engine, *trials)
        engine.close()
        counts.append((len(provider.asked), engine.requests_sent, sum(answer.cached for answer in answers)))
    assert counts == [(30, 30, 0), (0, 0, 30), (30, 30, 0)]


def test_the_address_is_part_of_a_stored_answers_identity(make_engine, tmp_path):
    asked = []
    for address in ("http://127.0.0.1:1/v1", "http://127.0.0.1:2/v1", "http://127.0.0.1:1/v1/"):
        provider = Scripted()
        engine = make_engine(provider, store=SqliteStore(tmp_path / "r.sqlite"))
        ask(engine, make_trial(base_url=address))
        engine.close()
        asked.append(len(provider.asked))
    assert asked == [1, 1, 0]


def test_a_model_id_finds_its_provider():
    registry: Registry = Registry("provider")
    register(registry, functions={}.__getitem__)
    mine = Scripted()
    registry.register("mycorp", mine)
    assert find_provider(registry, "mycorp/large") is mine
    assert find_provider(registry, "local/smollm2") is registry.get("local")
    assert find_provider(registry, "openai/gpt-4o-mini") is registry.get("litellm")
    assert find_provider(registry, "gpt-4o-mini") is registry.get("litellm")


def test_importing_the_stage_imports_no_client():
    import subprocess
    import sys

    folder = Path(__file__).parents[2] / "pytest_ftgate" / "execution"
    names = [
        f"pytest_ftgate.execution.{path.stem}" for path in folder.glob("*.py") if path.stem != "__init__"
    ]
    heavy = ("litellm", "aiohttp", "yaml", "openai", "xllamacpp")
    code = f"import sys, {', '.join(names)}; print([m for m in {heavy} if m in sys.modules])"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )

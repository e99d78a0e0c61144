"""Asks for answers ahead of need, on an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

from pytest_ftgate.errors import FtgateError
from pytest_ftgate.execution.budget import Caps
from pytest_ftgate.execution.gate import Gate
from pytest_ftgate.execution.lanes import Lanes
from pytest_ftgate.execution.prices import Amount
from pytest_ftgate.execution.quiet import mark_quiet, quiet_threads
from pytest_ftgate.execution.retry import RetryPolicy
from pytest_ftgate.execution.sending import FollowUp, PriceOf, Sender
from pytest_ftgate.execution.store import MemoryStore, ResponseStore
from pytest_ftgate.execution.waiting import RightOfWay, wait_for
from pytest_ftgate.model.protocols import Provider
from pytest_ftgate.model.response import Answer, Failure
from pytest_ftgate.model.trial import Request, Trial, TrialKey

CLOSE_WAIT_S = 5.0
"""For each of: requests under way to end, providers to close."""

MAX_UNCLAIMED = 2_000
"""Answers that nobody has waited for yet, before no more are asked for: in memory they would pile up."""

_REST_S = 0.01
"""Who had to wait for one of many answers waits this much longer, to find several: two threads that take
turns for every answer cost a tenth of all CPU."""

_Outcome: TypeAlias = Answer | Exception


class Engine:
    """Answers trials, first submitted first, at most `concurrency` at a time.

    `submit`, `wait`, `cancel` and `close` may be called from any thread. `store` None keeps
    responses in memory. `follow_up` may give a trial's next request after a response, up to
    `max_turns`. `redact` removes keys from messages. `on_answer` is called on the loop's thread once
    an answer is durable. `refresh` reads nothing that earlier runs stored. `host_limit` gives a
    model's own limit of requests under way, or None. `rpm` and `tpm` are requests and tokens per minute and
    vendor account, `caps` those of the run. `price_of` gives the price that the evalset states.
    """

    def __init__(
        self,
        provider_for: Callable[[Trial], Provider],
        *,
        concurrency: int,
        timeout_s: float,
        max_attempts: int,
        store: ResponseStore | None = None,
        follow_up: FollowUp | None = None,
        redact: Callable[[str], str] = str,
        on_answer: Callable[[Trial, Answer], None] | None = None,
        refresh: bool = False,
        host_limit: Callable[[Request], int | None] | None = None,
        policy: RetryPolicy | None = None,
        rpm: int | None = None,
        tpm: int | None = None,
        caps: Caps | None = None,
        price_of: PriceOf | None = None,
    ) -> None:
        self._store = MemoryStore() if store is None else store
        self._gate = Gate(concurrency=concurrency, rpm=rpm, tpm=tpm, caps=caps)
        self._sender = Sender(
            provider_for=provider_for,
            store=self._store,
            policy=policy or RetryPolicy(max_attempts=max_attempts, timeout_s=timeout_s),
            follow_up=follow_up,
            redact=redact,
            refresh=refresh,
            gate=self._gate,
            price_of=price_of,
        )
        self.on_answer = on_answer
        self._host_limit = host_limit or (lambda _request: None)
        self._lanes: Lanes[Trial] = Lanes(concurrency, self._lane_of, lambda trial: trial.key.evalset)
        self._lock = threading.Lock()
        self._pending: set[TrialKey] = set()
        self._outcomes: dict[TrialKey, _Outcome] = {}
        self._awaited: dict[TrialKey, threading.Event] = {}
        self._max_unclaimed = max(MAX_UNCLAIMED, 8 * concurrency)
        self._is_paused = False
        self._tasks: dict[asyncio.Task[None], Trial] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._way = RightOfWay()

    @property
    def requests_sent(self) -> int:
        """Network attempts so far."""
        return self._sender.traffic.requests_sent

    @property
    def peak_concurrency(self) -> int:
        """The most requests that were under way at once."""
        return self._sender.traffic.peak

    @property
    def paid(self) -> Amount:
        """What vendors reported for the requests of this process, failed trials included."""
        return self._gate.budget.paid

    @property
    def transports(self) -> tuple[str, ...]:
        """How requests went: a line for each vendor whose provider says so (`openai: lean`)."""
        providers = list(self._sender.providers.values())
        return tuple(sorted({line for one in providers for line in getattr(one, "transports", ())}))

    @property
    def notices(self) -> list[str]:
        """What the user should be told about the response store."""
        return self._store.notices

    def start(self) -> None:
        """Start the thread; does nothing if it runs."""
        with self._lock:
            if self._thread is not None or self._is_closed:
                return
            ready = threading.Event()
            self._thread = threading.Thread(
                target=self._run, args=(ready,), name="ftgate-engine", daemon=True
            )
            self._thread.start()
        ready.wait()

    def submit(self, trials: Iterable[Trial], *, first: bool = False) -> None:
        """Queue trials. One that waits, runs, or holds an unclaimed answer is not queued again.

        `first`: they go before all that waits (but for others that came so).
        """
        self.start()
        with self._lock:
            if self._is_closed:
                raise FtgateError("the engine is closed")
            fresh = []
            for trial in trials:
                if trial.key not in self._pending and trial.key not in self._outcomes:
                    self._pending.add(trial.key)
                    fresh.append(trial)
        if fresh and self._loop is not None:
            self._loop.call_soon_threadsafe(self._enqueue, fresh, first)

    def wait(self, key: TrialKey, timeout_s: float | None = None) -> Answer:
        """The answer of a submitted trial; it is released, so it can be waited for once.

        Raises KeyError for a trial that was not submitted, TimeoutError after `timeout_s` seconds, and
        FtgateError for a fault of a provider, the store, or a callback.
        """
        with self._lock:
            if key not in self._outcomes and key not in self._pending:
                raise KeyError(f"{key} was not submitted, or its answer was already taken")
            event = None if key in self._outcomes else self._awaited.setdefault(key, threading.Event())
        if event is not None:
            self._resume()
            wait_for(event, timeout_s, key)
            if len(self._pending) > 1:
                time.sleep(_REST_S)
        if self._pending:
            self._way.give()
        with self._lock:
            outcome = self._outcomes.pop(key)
            is_behind = self._is_paused and len(self._outcomes) < self._max_unclaimed // 2
        if is_behind:
            self._resume()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _resume(self) -> None:
        with self._lock:
            was_paused, self._is_paused = self._is_paused, False
        if was_paused and self._loop is not None and not self._is_closed:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._pump)

    def cancel(self) -> None:
        """Give up everything that waits or runs; those trials get a Failure `infra:cancelled`."""
        if self._loop is not None and not self._is_closed:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._cancel_all)

    def close(self) -> None:
        """Give up what is left, close providers and store. Never hangs; may be called again."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            thread, loop, stop = self._thread, self._loop, self._stop
        if thread is not None and loop is not None and stop is not None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(stop.set)
            thread.join(3 * CLOSE_WAIT_S)
        self._fail_pending()
        self._store.close()

    # -- on the loop's thread -------------------------------------------------------------------

    def _run(self, ready: threading.Event) -> None:
        with quiet_threads():
            try:
                self._way.run(self._serve(ready))
            finally:
                ready.set()
                self._fail_pending()

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        # litellm prepares each request in a worker thread.
        self._loop.set_default_executor(ThreadPoolExecutor(initializer=mark_quiet))
        ready.set()
        await self._stop.wait()
        self._cancel_all()
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=CLOSE_WAIT_S)
        for provider in self._sender.providers.values():
            with contextlib.suppress(Exception):
                await asyncio.wait_for(provider.close(), CLOSE_WAIT_S)

    def _enqueue(self, trials: Iterable[Trial], first: bool) -> None:
        for trial in trials:
            self._lanes.add(trial, first=first)
        self._pump()

    def _pump(self) -> None:
        while not self._is_too_far_ahead() and (trial := self._lanes.take()) is not None:
            task = asyncio.create_task(self._work(trial))
            self._tasks[task] = trial
            task.add_done_callback(self._finish)

    def _is_too_far_ahead(self) -> bool:
        with self._lock:
            # Never while somebody waits: the answer may be one that has not been asked for.
            self._is_paused = len(self._outcomes) >= self._max_unclaimed and not self._awaited
            return self._is_paused

    async def _work(self, trial: Trial) -> None:
        outcome: _Outcome
        try:
            outcome = await self._sender.answer(trial)
            if self.on_answer is not None:
                self.on_answer(trial, outcome)
        except Exception as error:  # noqa: BLE001 - carried to the thread that waits, and raised there
            outcome = error
        self._settle(trial.key, outcome)

    def _finish(self, task: asyncio.Task[None]) -> None:
        trial = self._tasks.pop(task)
        if task.cancelled():
            self._settle(trial.key, _cancelled())
        self._lanes.free(trial)
        self._pump()

    def _cancel_all(self) -> None:
        for trial in self._lanes.drain():
            self._settle(trial.key, _cancelled())
        for task in list(self._tasks):
            task.cancel()

    def _settle(self, key: TrialKey, outcome: _Outcome) -> None:
        with self._lock:
            if key not in self._pending:
                return
            self._pending.discard(key)
            if not self._pending:
                self._pending.clear()  # its table, which is as large as all that was submitted
            self._outcomes[key] = outcome
            event = self._awaited.pop(key, None)
        if event is not None:
            self._way.tell(event)

    def _fail_pending(self) -> None:
        """Nobody may wait for ever for an engine that has ended."""
        with self._lock:
            left = list(self._pending)
        for key in left:
            self._settle(key, _cancelled())

    def _lane_of(self, trial: Trial) -> tuple[str, int | None]:
        return trial.request.model, self._host_limit(trial.request)


def _cancelled() -> Failure:
    return Failure(signature="infra:cancelled", message="the run ended before the answer came", attempts=0)

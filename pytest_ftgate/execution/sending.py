"""From one trial to its answer: stored or sent, tried again, followed up, never sent twice."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import TypeAlias

from pytest_ftgate.errors import FtgateError, ProviderError, StorageError
from pytest_ftgate.execution.attempts import Attempts, Line, Traffic
from pytest_ftgate.execution.breaker import Breaker
from pytest_ftgate.execution.endpoints import base_url_of, endpoint_of
from pytest_ftgate.execution.gate import Gate
from pytest_ftgate.execution.prices import Estimator, price_response
from pytest_ftgate.execution.retry import RetryPolicy, send_with_retries
from pytest_ftgate.execution.store import ResponseStore, StoreKey, follow_up_key, now_iso, store_key
from pytest_ftgate.execution.time_limit import TimeLimit
from pytest_ftgate.execution.turns import fail_after, sum_turns
from pytest_ftgate.model.evalset import Price
from pytest_ftgate.model.protocols import Provider
from pytest_ftgate.model.response import Answer, Failure, Response
from pytest_ftgate.model.trial import Request, Trial

MESSAGE_CHARS = 400

FollowUp: TypeAlias = Callable[[Trial, Request, Response], Request | None]
PriceOf: TypeAlias = Callable[[Trial], Price | None]
"""The price that the evalset states for the model that a trial asks, or None."""


class Sender:
    """Answers trials on one event loop. Raises FtgateError for faults of ours or of a provider's code."""

    def __init__(
        self,
        *,
        provider_for: Callable[[Trial], Provider],
        store: ResponseStore,
        policy: RetryPolicy,
        follow_up: FollowUp | None,
        redact: Callable[[str], str],
        refresh: bool,
        gate: Gate,
        price_of: PriceOf | None = None,
        random: Random | None = None,
    ) -> None:
        self.traffic = Traffic()
        self.providers: dict[int, Provider] = {}
        self._provider_for, self._store, self._policy = provider_for, store, policy
        self._follow_up, self._redact, self._refresh = follow_up, redact, refresh
        self._random = random or Random()  # noqa: S311 - jitter, not secrets
        self._limit = TimeLimit(policy.timeout_s)
        self._since = now_iso()
        self._shared: dict[StoreKey, asyncio.Future[Answer | Exception]] = {}
        self._breaker = Breaker()
        self._line = Line(
            gate=gate,
            breaker=self._breaker,
            traffic=self.traffic,
            estimator=Estimator(),
            timeout_s=policy.timeout_s,
        )
        self._price_of: PriceOf = price_of or (lambda _trial: None)
        self._halted: StorageError | None = None

    async def answer(self, trial: Trial) -> Answer:
        """The trial's answer, all its turns summed."""
        provider = self._provider_for(trial)
        self.providers[id(provider)] = provider
        if not sends_requests(provider):
            return await self._read_recorded(provider, trial)
        request, turns = trial.request, list[Response]()
        endpoint = endpoint_of(request)
        key = store_key(trial, endpoint)
        while True:
            answer = await self._share(provider, trial, request, key)
            if isinstance(answer, Failure):
                return fail_after(turns, answer)
            answer = price_response(answer, self._price_of(trial))
            turns.append(answer)
            further = None
            if self._follow_up is not None and len(turns) <= trial.max_turns:
                further = self._follow_up(trial, request, answer)
            if further is None:
                return sum_turns(turns)
            request, key = further, follow_up_key(trial, further, endpoint)

    async def _read_recorded(self, provider: Provider, trial: Trial) -> Answer:
        try:
            response = await provider.complete(trial, trial.request, self._policy.timeout_s)
            return price_response(response, self._price_of(trial))
        except ProviderError as error:
            return self._failure(error, attempts=0, latency_s=None)

    async def _share(self, provider: Provider, trial: Trial, request: Request, key: StoreKey) -> Answer:
        """Ask once for all trials that want the same draw of the same request."""
        shared = self._shared.get(key)
        if shared is not None:
            outcome = await asyncio.shield(shared)
            if isinstance(outcome, Exception):
                raise outcome
            if isinstance(outcome, Response):
                return replace(outcome, cached=True)
            return replace(outcome, attempts=0)  # counted where they were made
        shared = self._shared[key] = asyncio.get_running_loop().create_future()
        outcome = FtgateError("the run ended before the answer came")
        try:
            outcome = await self._fetch(provider, trial, request, key)
        except Exception as error:
            outcome = error
            raise
        finally:
            shared.set_result(outcome)
            # A response can be read from the store again; a failure is kept: it is final for this run.
            if not isinstance(outcome, Failure):
                del self._shared[key]
        return outcome

    async def _fetch(self, provider: Provider, trial: Trial, request: Request, key: StoreKey) -> Answer:
        if self._halted is not None:
            raise self._halted
        try:
            keeps = getattr(provider, "keeps_answers", True)
            stored = None
            if keeps:
                stored = await self._store.get(key, since=self._since, refresh=self._refresh)
            if stored is not None:
                return redact_response(stored, self._redact)
            answer = await self._send(provider, trial, request)
            if isinstance(answer, Response):
                # A vendor may echo the key. What is stored is what is judged, so that a resumed run is equal.
                answer = redact_response(answer, self._redact)
                if keeps:
                    await self._store.put(key, answer)
        except StorageError as error:
            # Going on would pay for answers that cannot be kept.
            self._halted = error
            raise
        return answer

    async def _send(self, provider: Provider, trial: Trial, request: Request) -> Answer:
        lane = f"{request.model}\n{base_url_of(request) or ''}"
        tries = Attempts(self._line, provider, trial, request, lane, self._price_of(trial))
        started = time.perf_counter()
        try:
            await _prepare(provider, request)
            response = await send_with_retries(
                tries.send, self._policy, self._random, before_attempt=tries.enter, limit=self._limit
            )
        except ProviderError as error:
            self._breaker.note_failure(lane, error)
            return self._failure(error, attempts=tries.count, latency_s=time.perf_counter() - started)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - any other exception is a bug of the provider, said as such
            raise FtgateError(self._redact(_describe_bug(provider, error))) from None
        self._breaker.note_success(lane)
        if response.attempts == tries.count and response.answered_at:
            return response
        return replace(response, attempts=tries.count, answered_at=response.answered_at or now_iso())

    def _failure(self, error: ProviderError, *, attempts: int, latency_s: float | None) -> Failure:
        message = self._redact(str(error))
        if len(message) > MESSAGE_CHARS:
            message = message[: MESSAGE_CHARS - 3] + "..."
        return Failure(signature=error.signature, message=message, attempts=attempts, latency_s=latency_s)


async def _prepare(provider: Provider, request: Request) -> None:
    """Let a provider do what takes time once (an import, starting a server) before an attempt is timed."""
    prepare = getattr(provider, "prepare", None)
    if prepare is not None:
        await prepare(request)


def sends_requests(provider: Provider) -> bool:
    """Whether asking it costs anything. A provider of recorded answers sets `sends_requests = False`:
    each trial is then asked by itself, and nothing is stored or followed up."""
    return bool(getattr(provider, "sends_requests", True))


def redact_response(response: Response, redact: Callable[[str], str]) -> Response:
    """The response with no key in any of its texts."""

    def redact_known(text: str | None) -> str | None:
        return None if text is None else redact(text)

    texts = (response.text, response.finish_reason, response.model, response.system_fingerprint)
    together = "\n".join([text for text in texts if text])
    if not response.tool_calls and redact(together) == together:
        return response
    return replace(
        response,
        text=redact_known(response.text),
        tool_calls=tuple(
            replace(call, name=redact(call.name), arguments=redact(call.arguments), id=redact_known(call.id))
            for call in response.tool_calls
        ),
        finish_reason=redact_known(response.finish_reason),
        model=redact_known(response.model),
        system_fingerprint=redact_known(response.system_fingerprint),
    )


def _describe_bug(provider: Provider, error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    said = f"{type(error).__name__}: {error}"[:MESSAGE_CHARS]
    return (
        f"provider {type(provider).__name__} failed with {said}{place}. A provider raises ProviderError for "
        "what a vendor does; anything else is a fault in its code."
    )

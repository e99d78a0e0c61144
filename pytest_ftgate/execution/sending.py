"""From one trial to its answer: stored or sent, tried again, followed up, never sent twice."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TypeAlias

from pytest_ftgate.errors import FtgateError, ProviderError, StorageError
from pytest_ftgate.execution.breaker import Breaker
from pytest_ftgate.execution.endpoints import base_url_of, endpoint_of
from pytest_ftgate.execution.retry import RetryPolicy, send_with_retries
from pytest_ftgate.execution.store import ResponseStore, StoreKey, follow_up_key, now_iso, store_key
from pytest_ftgate.model.protocols import Provider
from pytest_ftgate.model.response import Answer, Failure, Response, Usage
from pytest_ftgate.model.trial import Request, Trial

MESSAGE_CHARS = 400

FollowUp: TypeAlias = Callable[[Trial, Request, Response], Request | None]


@dataclass(slots=True)
class Traffic:
    """What went over the network. `peak` is the most requests that were under way at once."""

    requests_sent: int = 0
    under_way: int = 0
    peak: int = 0

    def begin(self) -> None:
        """One more request goes out."""
        self.requests_sent += 1
        self.under_way += 1
        self.peak = max(self.peak, self.under_way)

    def end(self) -> None:
        """One request is over, whatever became of it."""
        self.under_way -= 1


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
        random: Random | None = None,
    ) -> None:
        self.traffic = Traffic()
        self.providers: dict[int, Provider] = {}
        self._provider_for, self._store, self._policy = provider_for, store, policy
        self._follow_up, self._redact, self._refresh = follow_up, redact, refresh
        self._random = random or Random()  # noqa: S311 - jitter, not secrets
        self._since = now_iso()
        self._shared: dict[StoreKey, asyncio.Future[Answer | Exception]] = {}
        self._breaker = Breaker()
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
                return replace(answer, attempts=answer.attempts + _count_sent(turns))
            turns.append(answer)
            further = None
            if self._follow_up is not None and len(turns) <= trial.max_turns:
                further = self._follow_up(trial, request, answer)
            if further is None:
                return sum_turns(turns)
            request, key = further, follow_up_key(trial, further, endpoint)

    async def _read_recorded(self, provider: Provider, trial: Trial) -> Answer:
        try:
            return await provider.complete(trial, trial.request, self._policy.timeout_s)
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
            stored = await self._store.get(key, since=self._since, refresh=self._refresh)
            if stored is not None:
                return redact_response(stored, self._redact)
            answer = await self._send(provider, trial, request)
            if isinstance(answer, Response):
                # A vendor may echo the key. What is stored is what is judged, so that a resumed run is equal.
                answer = redact_response(answer, self._redact)
                await self._store.put(key, answer)
        except StorageError as error:
            # Going on would pay for answers that cannot be kept.
            self._halted = error
            raise
        return answer

    async def _send(self, provider: Provider, trial: Trial, request: Request) -> Answer:
        lane = f"{request.model}\n{base_url_of(request) or ''}"
        attempts = 0
        started = time.perf_counter()

        def before_attempt() -> None:
            nonlocal attempts
            self._breaker.check(lane)
            attempts += 1

        async def send() -> Response:
            self.traffic.begin()
            try:
                return await provider.complete(trial, request, self._policy.timeout_s)
            finally:
                self.traffic.end()

        try:
            await _prepare(provider, request)
            response = await send_with_retries(
                send, self._policy, self._random, before_attempt=before_attempt
            )
        except ProviderError as error:
            self._breaker.note_failure(lane, error)
            return self._failure(error, attempts=attempts, latency_s=time.perf_counter() - started)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - any other exception is a bug of the provider, said as such
            raise FtgateError(self._redact(_describe_bug(provider, error))) from None
        self._breaker.note_success(lane)
        return replace(response, attempts=attempts, answered_at=response.answered_at or now_iso())

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


def sum_turns(turns: Sequence[Response]) -> Response:
    """One response for all turns of a trial: the last one's text, everything summed.

    A sum over an unknown number is unknown (None). Attempts are those of the turns that were not
    cached: a first turn shared with another arm is counted there.
    """
    last = turns[-1]
    if len(turns) == 1:
        return last
    usages = [turn.usage for turn in turns if turn.usage is not None]
    return replace(
        last,
        usage=_sum_usage(usages) if len(usages) == len(turns) else None,
        latency_s=_sum_known([turn.latency_s for turn in turns]),
        cost_usd=_sum_known([turn.cost_usd for turn in turns]),
        attempts=_count_sent(turns) or sum(turn.attempts for turn in turns),
        turns=len(turns),
        cached=all(turn.cached for turn in turns),
    )


def _count_sent(turns: Sequence[Response]) -> int:
    return sum(turn.attempts for turn in turns if not turn.cached)


def _sum_usage(usages: Sequence[Usage]) -> Usage:
    return Usage(
        prompt_tokens=sum(usage.prompt_tokens for usage in usages),
        completion_tokens=sum(usage.completion_tokens for usage in usages),
        cached_tokens=sum(usage.cached_tokens for usage in usages),
        reasoning_tokens=sum(usage.reasoning_tokens for usage in usages),
    )


def _sum_known(numbers: Sequence[float | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def _describe_bug(provider: Provider, error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    said = f"{type(error).__name__}: {error}"[:MESSAGE_CHARS]
    return (
        f"provider {type(provider).__name__} failed with {said}{place}. A provider raises ProviderError for "
        "what a vendor does; anything else is a fault in its code."
    )

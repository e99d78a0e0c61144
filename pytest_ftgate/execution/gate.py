"""Lets requests out: one door for each vendor account, one purse for all. Belongs to one event loop."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pytest_ftgate.errors import ProviderError
from pytest_ftgate.execution.budget import Budget, Caps
from pytest_ftgate.execution.limits import Account, Ticket
from pytest_ftgate.execution.prices import Amount
from pytest_ftgate.execution.rate_headers import read_quotas

_OVERLOAD = "infra:rate_limit"


@dataclass(slots=True)
class _Door:
    account: Account
    waiting: deque[tuple[Amount, asyncio.Future[Pass]]] = field(default_factory=deque)
    timer: asyncio.TimerHandle | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """What one attempt was let out with; to be given back with `leave`."""

    door: _Door
    ticket: Ticket
    reserved: Amount


class Gate:
    """First come, first served at each door. `rpm` and `tpm` are those of one account.

    Where neither of `tpm` and caps is set nobody looks at amounts, and they need not be estimated.
    """

    def __init__(
        self,
        *,
        concurrency: int,
        rpm: int | None = None,
        tpm: int | None = None,
        caps: Caps | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.budget = Budget(caps or Caps())
        self.reads_amounts = tpm is not None or self.budget.caps.has_any
        self._concurrency, self._rpm, self._tpm, self._clock = concurrency, rpm, tpm, clock
        self._doors: dict[str, _Door] = {}

    async def enter(self, account: str, amount: Amount) -> Pass:
        """Wait until a request of that size may go. Raises ProviderError `infra:budget` where none may."""
        door = self._doors.get(account)
        if door is None:
            door = self._doors[account] = _Door(Account(self._concurrency, rpm=self._rpm, tpm=self._tpm))
        passed = None if door.waiting and self.budget.reason is None else self._admit(door, amount)
        if passed is not None:
            return passed
        turn: asyncio.Future[Pass] = asyncio.get_running_loop().create_future()
        door.waiting.append((amount, turn))
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.leave(turn.result(), took=Amount())
            raise

    def leave(
        self,
        passed: Pass,
        *,
        took: Amount,
        is_lost: bool = False,
        latency_s: float | None = None,
        error: ProviderError | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """The attempt is over: what it took, and what it says about the account.

        `is_lost`: it ended without an answer in time, and may be billed all the same.
        """
        account = passed.door.account
        account.end(passed.ticket, None if is_lost else took.tokens)
        self.budget.settle(passed.reserved, took, is_lost=is_lost)
        if is_lost:
            account.note_latency(passed.ticket, self._clock() - passed.ticket.at_s)
        elif error is not None and error.signature == _OVERLOAD and error.retryable:
            account.note_overload(passed.ticket)
        elif error is None:
            account.note_answer(passed.ticket, latency_s)
        if error is not None and error.retry_after_s is not None:
            account.pause(self._clock(), error.retry_after_s)
        if headers:
            self._heed(account, headers, took)
        for door in self._doors.values() if self.budget.caps.has_any else (passed.door,):
            self._wake(door)

    def _heed(self, account: Account, headers: Mapping[str, str], took: Amount) -> None:
        """Wait for a quota that the next request would find empty."""
        needs = {"requests": 1, "tokens": took.tokens}
        for counted, quota in read_quotas(headers).items():
            if quota.remaining < needs[counted]:
                account.pause(self._clock(), quota.reset_s)

    def _admit(self, door: _Door, amount: Amount) -> Pass | None:
        if self.budget.reason is not None:
            raise _refusal(self.budget.reason)
        now_s = self._clock()
        wait_s = door.account.wait_s(now_s, amount.tokens)
        if wait_s is None:
            return None
        if wait_s > 0:
            self._wake_in(door, wait_s)
            return None
        fit = self.budget.check(amount)
        if fit == "never":
            raise _refusal(self.budget.reason or "")
        if fit == "later":
            return None
        self.budget.reserve(amount)
        return Pass(door, door.account.begin(now_s, amount.tokens), amount)

    def _wake(self, door: _Door) -> None:
        while door.waiting:
            amount, turn = door.waiting[0]
            if not turn.done():
                try:
                    passed = self._admit(door, amount)
                except ProviderError as error:
                    turn.set_exception(error)
                else:
                    if passed is None:
                        return
                    turn.set_result(passed)
            door.waiting.popleft()

    def _wake_in(self, door: _Door, wait_s: float) -> None:
        loop = asyncio.get_running_loop()
        if door.timer is not None:
            door.timer.cancel()
        door.timer = loop.call_later(wait_s, self._wake, door)


def _refusal(reason: str) -> ProviderError:
    return ProviderError("infra:budget", f"not asked: {reason}", retryable=False)

"""How a thread that judges waits for the event loop that asks, and for its turn at the interpreter.

Two threads that both have work hand the interpreter lock to and fro, at system calls above all, of which
pytest makes a dozen an item: up to a tenth of all CPU goes there. Who judges has time while answers are on
their way, and so lets the loop go first.
"""

from __future__ import annotations

import asyncio
import math
import select
import selectors
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue

from pytest_ftgate.model.trial import TrialKey

GAP_S = 0.001
"""Answers to what was asked together come as a crowd: in so short a gap between two the loop is not idle."""

LONGEST_S = 0.05
"""One wait for an idle loop: one that never is must not stop all judging."""

_STEP_S = 0.5
"""On Windows a wait without end cannot be interrupted by Ctrl-C."""

_CAN_WATCH = hasattr(select, "poll") and hasattr(selectors.DefaultSelector, "fileno")
"""Not on Windows."""


def wait_for(event: threading.Event, timeout_s: float | None, key: TrialKey) -> None:
    """Wait until a trial's answer is there; raises TimeoutError after `timeout_s` seconds."""
    end = math.inf if timeout_s is None else time.monotonic() + timeout_s
    while not event.wait(max(0.0, min(_STEP_S, end - time.monotonic()))):
        if time.monotonic() >= end:
            raise TimeoutError(f"no answer for {key} within {timeout_s:g} s")


class RightOfWay:
    """The event loop runs in one thread, and others `give` way to it.

    Where its selector cannot be watched (Windows) nobody does.
    """

    def __init__(self) -> None:
        self._has_events: Callable[[], bool] = bool
        self._is_idle = True
        self._gives_way = False
        self._told: SimpleQueue[None] = SimpleQueue()
        self._owed: list[threading.Event] = []
        self._owed_from_s = 0.0

    def run(self, main: Coroutine[object, object, None]) -> None:
        """Run a loop of this thread until `main` is done."""
        try:
            with asyncio.Runner(loop_factory=self._make_loop if _CAN_WATCH else None) as runner:
                runner.run(main)
        finally:
            self.note_idle()

    def give(self) -> None:
        """Return once the loop is idle, or after `LONGEST_S`."""
        self._gives_way = True
        # Idle, but with events: the loop waits for the interpreter, not for answers.
        if not self._is_idle or self._has_events():
            with suppress(Empty):
                self._told.get(timeout=LONGEST_S)
        self._gives_way = False

    def tell(self, event: threading.Event) -> None:
        """Wake who waits for an event once the loop is idle, or after `LONGEST_S`."""
        if self._is_idle:
            event.set()
            return
        if not self._owed:
            self._owed_from_s = time.monotonic()
        self._owed.append(event)

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits until the loop is idle."""
        return self._gives_way or bool(self._owed)

    def note_idle(self) -> None:
        """The loop has nothing to do."""
        self._is_idle = True
        self._wake()
        if self._gives_way:
            self._gives_way = False
            self._told.put(None)

    def note_busy(self) -> None:
        """It has again."""
        self._is_idle = False
        if self._owed and time.monotonic() > self._owed_from_s + LONGEST_S:
            self._wake()

    def _wake(self) -> None:
        while self._owed:
            self._owed.pop().set()

    def _make_loop(self) -> asyncio.AbstractEventLoop:
        selector = _WatchedSelector(self)
        poll = select.poll()
        poll.register(selector.fileno(), select.POLLIN)
        self._has_events = partial(_has_events, poll)
        return asyncio.SelectorEventLoop(selector)


def _has_events(poll: select.poll) -> bool:
    try:
        return any(event & select.POLLIN for _, event in poll.poll(0))
    except RuntimeError:  # another thread asks at this moment
        return True


class _WatchedSelector(selectors.DefaultSelector):
    def __init__(self, way: RightOfWay) -> None:
        super().__init__()
        self._way = way

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            self._way.note_busy()
            return super().select(timeout)
        if self._way.is_awaited:
            gap_s = GAP_S if timeout is None else min(GAP_S, timeout)
            found = super().select(gap_s)
            if found or gap_s == timeout:
                self._way.note_busy()
                return found
            timeout = None if timeout is None else timeout - gap_s
        self._way.note_idle()
        try:
            return super().select(timeout)
        finally:
            self._way.note_busy()

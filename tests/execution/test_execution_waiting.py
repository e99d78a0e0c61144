"""Who judges lets the event loop go first."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pytest_ftgate.execution import waiting
from pytest_ftgate.execution.waiting import RightOfWay

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no selector that can be watched")

BLOCK_S = 0.05


@contextmanager
def running(way: RightOfWay) -> Iterator[Callable[[Callable[[], None]], object]]:
    """A loop in a thread; gives what runs a function on it."""
    loops: list[asyncio.AbstractEventLoop] = []
    is_ready, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        is_ready.set()
        await stop.wait()

    thread = threading.Thread(target=way.run, args=(serve(),))
    thread.start()
    is_ready.wait()
    try:
        yield loops[0].call_soon_threadsafe
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join()


def test_a_thread_that_gives_way_goes_on_when_the_loop_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "LONGEST_S", 600.0)
    way, done = RightOfWay(), list[int]()
    with running(way) as call:
        for number in range(20):
            is_begun = threading.Event()

            def work(number: int = number, is_begun: threading.Event = is_begun) -> None:
                is_begun.set()
                time.sleep(BLOCK_S / 10)
                done.append(number)

            call(work)
            if number % 2:  # else the loop has perhaps not even heard of it
                is_begun.wait()
            way.give()
            assert done == list(range(number + 1))
        way.give()  # nothing to wait for


def test_a_loop_that_is_never_idle_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "LONGEST_S", 0.001)
    way, is_begun, may_end = RightOfWay(), threading.Event(), threading.Event()

    def work() -> None:
        is_begun.set()
        may_end.wait()

    with running(way) as call:
        call(work)
        is_begun.wait()
        for _ in range(3):
            way.give()
        may_end.set()


def test_who_waits_for_an_answer_is_woken_when_the_loop_is_idle() -> None:
    way, told, done = RightOfWay(), threading.Event(), list[int]()

    def work() -> None:
        way.tell(told)
        time.sleep(BLOCK_S / 10)
        assert not told.is_set()
        done.append(1)

    with running(way) as call:
        call(work)
        assert told.wait(600.0)
        assert done == [1]


def test_who_waits_for_an_answer_is_woken_where_the_loop_is_never_idle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "LONGEST_S", 0.001)
    way, told, may_end = RightOfWay(), threading.Event(), threading.Event()

    def go_on() -> None:
        if not may_end.is_set():
            asyncio.get_running_loop().call_soon(go_on)

    with running(way) as call:
        call(go_on)
        call(lambda: way.tell(told))
        assert told.wait(600.0)
        may_end.set()


def test_who_waits_is_woken_when_the_loop_ends() -> None:
    way, told = RightOfWay(), threading.Event()

    async def serve() -> None:
        way.tell(told)
        raise KeyError

    with pytest.raises(KeyError):
        way.run(serve())
    assert told.is_set()
    way.tell(later := threading.Event())
    assert later.is_set()


def test_many_threads_give_way_at_once() -> None:
    way = RightOfWay()

    def give() -> None:
        for _ in range(20):
            way.give()

    with running(way) as call:
        threads = [threading.Thread(target=give) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(50):
            call(lambda: time.sleep(0.001))
        for thread in threads:
            thread.join()


def test_nobody_waits_for_a_loop_that_was_never_run() -> None:
    RightOfWay().give()

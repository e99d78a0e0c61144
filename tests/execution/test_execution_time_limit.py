"""One limit for many awaits."""

from __future__ import annotations

import asyncio

import pytest

from pytest_ftgate.execution.time_limit import TimeLimit


def test_each_ends_at_its_own_time_and_none_before() -> None:
    async def run() -> tuple[list[str], list[float]]:
        limit, loop, ended = TimeLimit(0.05), asyncio.get_running_loop(), list[str]()
        took: list[float] = []

        async def hold(name: str, delay_s: float, start_s: float) -> None:
            await asyncio.sleep(start_s)
            began = loop.time()
            try:
                await limit.hold(lambda: asyncio.sleep(delay_s))
                ended.append(f"{name} done")
            except TimeoutError:
                took.append(loop.time() - began)
                ended.append(f"{name} late")
            assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]

        await asyncio.gather(
            hold("a", 600, 0), hold("b", 0, 0), hold("c", 600, 0.02), hold("d", 0, 0.08), hold("e", 600, 0.2)
        )
        return ended, took

    ended, took = asyncio.run(run())
    assert ended == ["b done", "a late", "c late", "d done", "e late"]
    assert all(seconds >= 0.05 - 1e-3 for seconds in took)


def test_a_result_and_an_error_pass_through() -> None:
    async def give() -> int:
        return 3

    async def fail() -> int:
        raise KeyError("x")

    async def run() -> None:
        limit = TimeLimit(600.0)
        assert await limit.hold(give) == 3
        with pytest.raises(KeyError):
            await limit.hold(fail)

    asyncio.run(run())


@pytest.mark.parametrize("is_late_too", [False, True])
def test_who_is_cancelled_by_others_is_cancelled(is_late_too: bool) -> None:
    async def run() -> None:
        limit = TimeLimit(0.0 if is_late_too else 600.0)
        task = asyncio.create_task(limit.hold(lambda: asyncio.sleep(600)))
        await asyncio.sleep(0)
        if is_late_too:
            limit._sweep(asyncio.get_running_loop())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())


def test_what_swallows_the_end_is_not_cancelled_later() -> None:
    async def stubborn() -> str:
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            return "ended by itself"
        return ""

    async def run() -> None:
        limit = TimeLimit(0.001)
        assert await limit.hold(stubborn) == "ended by itself"
        await asyncio.sleep(0.01)
        with pytest.raises(TimeoutError):
            await limit.hold(lambda: asyncio.sleep(600))

    asyncio.run(run())

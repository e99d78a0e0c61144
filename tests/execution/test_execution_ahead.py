"""The engine runs ahead, but not so far that answers pile up; and never so that anybody waits for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from trials import make_trial

from pytest_ftgate.execution import engine as engine_module
from pytest_ftgate.execution.engine import Engine
from pytest_ftgate.model.response import Response
from pytest_ftgate.model.trial import Request, Trial


class Quick:
    """Answers at once."""

    sends_requests = True

    async def complete(self, trial: Trial, request: Request, timeout_s: float) -> Response:
        return Response(text=trial.key.case)

    async def close(self) -> None:
        pass


@pytest.fixture
def engine(make_engine: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setattr(engine_module, "MAX_UNCLAIMED", 20)
    return make_engine(Quick(), concurrency=2)


def settle(engine: Engine) -> int:
    """How many requests were sent when no more are."""
    sent = -1
    while sent != engine.requests_sent:
        sent = engine.requests_sent
        time.sleep(0.1)
    return sent


def test_answers_that_nobody_wants_yet_are_bounded_and_all_come_in_the_end(engine: Engine) -> None:
    trials = [make_trial(f"p{n}", case=f"c-{n}") for n in range(300)]
    engine.submit(trials)
    assert 20 <= settle(engine) <= 22
    assert [engine.wait(trial.key, 20).text for trial in trials] == [f"c-{n}" for n in range(300)]
    assert engine.requests_sent == 300


def test_last_trial_can_be_waited_for_first(engine: Engine) -> None:
    trials = [make_trial(f"p{n}", case=f"c-{n}") for n in range(120)]
    engine.submit(trials)
    settle(engine)
    claimed = [engine.wait(trial.key, 20).text for trial in reversed(trials)]
    assert claimed == [f"c-{n}" for n in reversed(range(120))]


def test_urgent_trial_of_a_paused_engine_comes(engine: Engine) -> None:
    engine.submit(make_trial(f"p{n}", case=f"c-{n}") for n in range(100))
    settle(engine)
    urgent = make_trial("urgent", case="urgent")
    engine.submit([urgent], first=True)
    assert engine.wait(urgent.key, 20).text == "urgent"


def test_many_threads_wait_in_any_order(engine: Engine) -> None:
    trials = [make_trial(f"p{n}", case=f"c-{n}") for n in range(400)]
    engine.submit(trials)
    got: list[str | None] = []

    def claim(part: list[Trial]) -> None:
        got.extend(engine.wait(trial.key, 20).text for trial in part)

    threads = [threading.Thread(target=claim, args=(trials[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(map(str, got)) == sorted(f"c-{n}" for n in range(400))

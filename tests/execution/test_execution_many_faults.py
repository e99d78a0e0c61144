"""Thousands of trials against a server of which a quarter of the answers are faults."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from servers import Call, ChatServer, Reply, error, rate_limited
from trials import make_trial

from pytest_ftgate.execution.store import SqliteStore
from pytest_ftgate.model.response import Failure, Response

pytestmark = pytest.mark.usefixtures("litellm_is_loaded")

FAULTS = {
    "refused": lambda: rate_limited("0.02"),
    "500": lambda: error(500),
    "dropped": lambda: Reply(drop=True),
    "stalled": lambda: Reply(hang=True),
    "malformed": lambda: Reply(body=b'{"choices": ['),
}
SHARE = 0.05


class Faulty:
    """5 % of each fault, drawn by request and attempt; counts what it answered and what it charged."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.answered: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.tokens = 0

    def __call__(self, call: Call) -> Reply:
        draw = Random(f"{self.seed} {call.prompt} {call.attempt}").random()
        for index, name in enumerate(FAULTS):
            if draw < SHARE * (index + 1):
                self.faults[name] += 1
                return FAULTS[name]()
        self.answered[call.prompt] += 1
        tokens = 1 + int(call.prompt) % 50
        self.tokens += 20 + tokens
        return Reply(f"answer {call.prompt}", prompt_tokens=20, completion_tokens=tokens)


@pytest.mark.parametrize("count", [300, pytest.param(3000, marks=pytest.mark.slow)])
def test_every_trial_ends_once_and_every_token_is_counted(count, make_engine, tmp_path):
    world = Faulty(seed=count)
    with ChatServer(world, keep_calls=False) as server:
        trials = [make_trial(str(n), base_url=server.base_url, case=f"c-{n}") for n in range(count)]
        engine = make_engine(
            concurrency=24,
            timeout_s=0.6,
            max_attempts=4,
            store=SqliteStore(tmp_path / "responses.sqlite"),
        )
        engine.submit(trials)
        answers = [engine.wait(trial.key, 120) for trial in trials]
        assert server.peak_in_flight <= 24
        assert engine.peak_concurrency <= 24
        assert server.count == engine.requests_sent == sum(answer.attempts for answer in answers)
        assert engine.paid.tokens == world.tokens

        engine.submit(trials)
        again = [engine.wait(trial.key, 120) for trial in trials]
        for trial, answer, second in zip(trials, answers, again, strict=True):
            number = trial.request.messages[0]["content"]
            if isinstance(answer, Response):
                assert answer.text == f"answer {number}"
                assert world.answered[number] == 1
                assert second.text == answer.text
                assert second.cached
            else:
                assert isinstance(answer, Failure)
                assert answer.signature.startswith("infra:")
                assert answer.attempts == 4
                assert world.answered[number] == 0
    assert set(world.faults) == set(FAULTS)
    lost = sum(isinstance(answer, Failure) for answer in answers)
    assert lost <= count * 0.25**4 * 4 + 3
    if count >= 3000:
        assert all(found > count * SHARE / 2 for found in world.faults.values())

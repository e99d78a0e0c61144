from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from pytest_ftgate.execution.engine import Engine
from pytest_ftgate.execution.litellm_provider import LitellmProvider, load_litellm
from pytest_ftgate.execution.retry import RetryPolicy
from pytest_ftgate.model.protocols import Provider


@pytest.fixture(scope="session")
def litellm_is_loaded() -> None:
    """The import takes seconds and must not count in a test's own timing."""
    from pytest_ftgate.execution.quiet import quiet_threads

    with quiet_threads():
        load_litellm()


@pytest.fixture
def make_engine() -> Iterator[Callable[..., Engine]]:
    """Engines that wait only briefly before a retry; closed when the test ends."""
    engines: list[Engine] = []

    def make(provider: Provider | None = None, **options: Any) -> Engine:
        provider = provider or LitellmProvider()
        policy = RetryPolicy(
            max_attempts=options.pop("max_attempts", 3),
            timeout_s=options.pop("timeout_s", 5.0),
            first_wait_s=0.01,
            wait_cap_s=0.02,
        )
        defaults: dict[str, Any] = {"concurrency": 8, "timeout_s": 5.0, "max_attempts": 3, "policy": policy}
        engine = Engine(lambda _trial: provider, **{**defaults, **options})
        engines.append(engine)
        return engine

    yield make
    for engine in engines:
        engine.close()

"""Makes `servers` and `trials` importable, and gives every test pytester, without one test's neighbours."""

from __future__ import annotations

import os
import signal

import pytest
from neighbours import WITHOUT

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
os.environ["PYTEST_ADDOPTS"] = WITHOUT

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background of a shell: the tests that interrupt would wait for ever.
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["pytester"]


@pytest.fixture(autouse=True)
def _without_neighbours(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """pytester takes the variable away from the sessions that it starts."""
    if "pytester" in request.fixturenames:
        request.getfixturevalue("pytester")
        monkeypatch.setenv("PYTEST_ADDOPTS", WITHOUT)

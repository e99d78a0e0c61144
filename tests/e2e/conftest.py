"""End to end: a real pytest session over a real evalset, against a real HTTP server behind litellm."""

from __future__ import annotations

import importlib
import pkgutil

import pytest
import pytest_ftgate
from pytest_ftgate.execution.litellm_provider import load_litellm
from e2e_world import World


@pytest.fixture(scope="session", autouse=True)
def _imported_once() -> None:
    """pytester forgets what an inner session imported; litellm alone costs seconds each time."""
    load_litellm()
    for module in pkgutil.walk_packages(pytest_ftgate.__path__, "pytest_ftgate."):
        importlib.import_module(module.name)


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.fixture
def world(pytester: pytest.Pytester) -> World:
    return World(pytester)

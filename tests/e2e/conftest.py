"""End to end: a real pytest session over a real evalset, against a real HTTP server behind litellm."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import warnings

import pytest
from e2e_world import World
from servers import ChatServer

import pytest_ftgate
from pytest_ftgate.execution.litellm_provider import load_litellm

LAZY = (
    "bm25s", "json_repair", "jsonschema_rs", "langdetect.detector_factory",
    "langdetect.lang_detect_exception", "numpy", "rapidfuzz", "regex", "rensa",
)  # fmt: skip
"""Libraries that are imported where they are first needed."""


@pytest.fixture(scope="session", autouse=True)
def _imported_once() -> None:
    """pytester forgets what an inner session imported; litellm alone costs seconds each time.

    What is imported twice has two classes of each name, and an `except` may know the other one.
    """
    with warnings.catch_warnings():
        # What libraries warn of while they are imported is nobody's test.
        warnings.simplefilter("ignore")
        _ask_once()
        for name in LAZY:
            importlib.import_module(name)
    for module in pkgutil.walk_packages(pytest_ftgate.__path__, "pytest_ftgate."):
        importlib.import_module(module.name)


def _ask_once() -> None:
    # litellm imports a good part of itself at the first call, and another part at the first error.
    with ChatServer("ok") as server:
        litellm = load_litellm()
        arguments = {"model": "openai/m", "api_base": server.base_url, "api_key": "not-needed"}
        arguments["messages"] = [{"role": "user", "content": "hello"}]

        async def ask() -> None:
            await litellm.acompletion(**arguments)
            await litellm.close_litellm_async_clients()

        asyncio.run(ask())


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.fixture
def world(pytester: pytest.Pytester) -> World:
    return World(pytester)

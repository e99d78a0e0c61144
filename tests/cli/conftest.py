"""The script: what its inner pytest sessions need is imported before them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from pytest_ftgate.execution.litellm_provider import load_litellm

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))


@pytest.fixture(scope="session", autouse=True)
def _imported_once() -> None:
    """pytester forgets what an inner session imported: numpy cannot be imported twice, litellm is slow."""
    for name in ("numpy", "scipy.special", "scipy.stats"):
        importlib.import_module(name)
    load_litellm()


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

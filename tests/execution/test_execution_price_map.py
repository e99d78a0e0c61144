"""What litellm's map says of models' names and limits."""

from __future__ import annotations

import json

import pytest

from pytest_ftgate.execution import price_map
from pytest_ftgate.execution.price_map import find_snapshot, find_window, is_floating


@pytest.mark.parametrize(
    ("model", "snapshot"),
    [
        ("openai/gpt-4o", "openai/gpt-4o-2024-11-20"),
        ("gpt-4o", "gpt-4o-2024-11-20"),
        ("openai/gpt-4o-mini", "openai/gpt-4o-mini-2024-07-18"),
        ("openai/gpt-3.5-turbo", "openai/gpt-3.5-turbo-1106"),
        ("anthropic/claude-sonnet-4-5", "anthropic/claude-sonnet-4-5-20250929"),
    ],
)
def test_names_with_dated_snapshots_float(model: str, snapshot: str) -> None:
    assert is_floating(model)
    assert find_snapshot(model) == snapshot


def test_latest_floats_whether_the_map_knows_it_or_not() -> None:
    assert is_floating("mistral/mistral-large-latest")
    assert is_floating("ollama/llama3:latest")
    assert not is_floating("vendor/latest-news")


@pytest.mark.parametrize(
    "model",
    [
        "openai/gpt-4o-2024-11-20",
        "openai/scripted",
        "deepinfra/deepseek-ai/DeepSeek-R1",
        "azure/gpt-4o",
        "hosted_vllm/gpt-4o",
        "local/smollm2",
        "",
    ],
)
def test_snapshots_open_models_and_own_deployments_do_not(model: str) -> None:
    """`DeepSeek-R1-0528` is another model than `DeepSeek-R1`, not a snapshot of it."""
    assert not is_floating(model)


def test_windows_are_the_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_window("openai/gpt-4o") == 128_000
    assert find_window("openai/scripted") is None
    entries = json.loads('{"v/a": {"litellm_provider": "v", "max_input_tokens": "many"}, "v/b": null}')
    monkeypatch.setattr(price_map, "_read_map", lambda: entries)
    assert find_window("v/a") is None
    assert find_window("v/b") is None
    assert not is_floating("v/b")

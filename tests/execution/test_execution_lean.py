"""The lean transport against `acompletion`: one server, the same bytes, the same reading, the same errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from servers import Call, ChatServer, Reply, closed_port, error, rate_limited

from pytest_ftgate.errors import ProviderError
from pytest_ftgate.execution import lean_transport
from pytest_ftgate.execution.lean_transport import VENDORS, LeanTransport
from pytest_ftgate.execution.litellm_provider import LitellmProvider, load_litellm
from pytest_ftgate.execution.quiet import mark_quiet, quiet_threads
from pytest_ftgate.model.response import Response
from pytest_ftgate.model.trial import Request

pytestmark = pytest.mark.usefixtures("litellm_is_loaded")

T = TypeVar("T")
SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "answer",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"a": {"type": "string"}},
            "required": ["a"],
            "additionalProperties": False,
        },
    },
}
TOOLS = (
    {
        "type": "function",
        "function": {
            "name": "look_up",
            "description": "Looks up.",
            "parameters": {"type": "object", "properties": {"a": {"type": "string"}}},
        },
    },
)
MODELS = {
    "openai": "openai/gpt-4o-mini",
    "azure": "azure/my-deployment",
    "anthropic": "anthropic/claude-sonnet-4-5",
    "gemini": "gemini/gemini-2.5-flash",
    "hosted_vllm": "hosted_vllm/some-model",
    "groq": "groq/llama-3.1-8b-instant",
    "mistral": "mistral/mistral-small-latest",
    "deepseek": "deepseek/deepseek-chat",
    "openrouter": "openrouter/some/model",
    "together_ai": "together_ai/some/model",
}
WHAT_VARIES = {
    "plain": {},
    "schema": {"response_format": SCHEMA},
    "tools": {"tools": TOOLS},
    "params": {"params": {"top_p": 0.9, "stop": ["END"]}},
}
TEXTS = (
    "plain",
    'quotes " and \\ and \u00fc \u2028 \U0001f600',
    "control \x00\x1b\n\t",
    "{{ braces }} </s>" * 50,
    "",
)


def answer_of(vendor: str, *, text: str | None = "yes", has_call: bool = False) -> bytes:
    """What the vendor's server would send."""
    if vendor == "anthropic":
        content: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
        if has_call:
            content.append({"type": "tool_use", "id": "t1", "name": "look_up", "input": {"a": "b"}})
        body: Mapping[str, Any] = {
            "id": "msg", "type": "message", "role": "assistant", "model": "claude-real", "content": content,
            "stop_reason": "tool_use" if has_call else "max_tokens",
            "usage": {"input_tokens": 9, "output_tokens": 5, "cache_read_input_tokens": 3},
        }  # fmt: skip
    elif vendor == "gemini":
        parts: list[dict[str, Any]] = [{"text": text}] if text else []
        if has_call:
            parts.append({"functionCall": {"name": "look_up", "args": {"a": "b"}}})
        body = {
            "candidates": [
                {"content": {"parts": parts, "role": "model"}, "finishReason": "MAX_TOKENS", "index": 0}
            ],
            "usageMetadata": {
                "promptTokenCount": 9, "candidatesTokenCount": 5, "thoughtsTokenCount": 2,
                "totalTokenCount": 16,
            },
            "modelVersion": "gemini-real",
        }  # fmt: skip
    else:
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if has_call:
            call = {
                "id": "c1",
                "type": "function",
                "function": {"name": "look_up", "arguments": '{"a": "b"}'},
            }
            message["tool_calls"] = [call]
        body = {
            "id": "c", "object": "chat.completion", "created": 1, "model": "real-model",
            "choices": [
                {"index": 0, "message": message, "finish_reason": "tool_calls" if has_call else "length"}
            ],
            "usage": {
                "prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14,
                "prompt_tokens_details": {"cached_tokens": 3},
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
            "system_fingerprint": "fp-real", "service_tier": "default",
        }  # fmt: skip
    return json.dumps(body).encode()


def make_request(server: ChatServer, vendor: str, text: str = "hello", **more: Any) -> Request:
    base = (
        server.base_url.removesuffix("/v1") if vendor in ("anthropic", "azure", "gemini") else server.base_url
    )
    params = {"api_base": base, "max_tokens": 10, "temperature": 0, **more.pop("params", {})}
    if vendor == "azure":
        params["api_version"] = "2024-10-21"
    messages = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": text})
    return Request(model=MODELS[vendor], messages=messages, params=params, **more)


def run_quietly(work: Coroutine[Any, Any, T]) -> T:
    """As on the engine's thread, where warnings inside litellm are nobody's errors."""

    async def run() -> T:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(initializer=mark_quiet))
        return await work

    with quiet_threads():
        return asyncio.run(run())


def ask(request: Request, *, is_lean: bool, timeout_s: float = 5.0) -> Response | ProviderError:
    """The answer without its latency, or the error."""

    async def run() -> Response | ProviderError:
        provider = LitellmProvider(is_lean=is_lean)
        try:
            return replace(await provider.send(request, timeout_s), latency_s=None, answered_at=None)
        except ProviderError as failure:
            return failure
        finally:
            if is_lean:
                (line,) = provider.transports
                assert line.endswith(": lean"), line
            await provider.close()

    return run_quietly(run())


def seen(call: Call) -> tuple[str, dict[str, Any], dict[str, str]]:
    ways = ("accept-encoding", "connection", "content-length", "host")
    return call.path, dict(call), {name: value for name, value in call.headers.items() if name not in ways}


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for vendor in VENDORS:
        monkeypatch.setenv(f"{vendor.upper()}_API_KEY", f"sk-{vendor}")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def test_every_vendor_is_held_against_acompletion() -> None:
    assert set(MODELS) == VENDORS


@pytest.mark.parametrize("what", WHAT_VARIES)
@pytest.mark.parametrize("vendor", sorted(MODELS))
def test_the_same_request_and_the_same_reading(vendor: str, what: str) -> None:
    body = answer_of(vendor, text=None if what == "tools" else '{"a": "yes"}', has_call=what == "tools")
    with ChatServer(lambda _call: Reply(body=body)) as server:
        request = make_request(server, vendor, **WHAT_VARIES[what])
        slow = ask(request, is_lean=False)
        lean = ask(request, is_lean=True)
        first, second = server.calls
    assert seen(first) == seen(second)
    assert isinstance(slow, Response), slow
    assert isinstance(lean, Response), lean
    if vendor == "gemini":  # its calls have no ids: litellm draws some
        slow, lean = (
            replace(r, tool_calls=tuple(replace(c, id="") for c in r.tool_calls)) for r in (slow, lean)
        )
    assert slow == lean
    assert bool(lean.tool_calls) == (what == "tools")
    assert lean.usage is not None
    assert lean.usage.prompt_tokens > 0


@pytest.mark.parametrize("vendor", ["openai", "azure", "anthropic", "gemini", "hosted_vllm"])
def test_any_text_is_sent_alike_once_a_shape_is_proven(vendor: str) -> None:
    async def run(is_lean: bool) -> list[Response]:
        provider = LitellmProvider(is_lean=is_lean)
        try:
            return [await provider.send(make_request(server, vendor, text), 5.0) for text in TEXTS]
        finally:
            await provider.close()

    with ChatServer(lambda call: Reply(body=answer_of(vendor, text=json.dumps(call)))) as server:
        slow = run_quietly(run(is_lean=False))
        lean = run_quietly(run(is_lean=True))
        calls = server.calls
    assert [seen(call) for call in calls[: len(TEXTS)]] == [seen(call) for call in calls[len(TEXTS) :]]
    assert [r.text for r in slow] == [r.text for r in lean]


FAULTS = {
    "400": error(400, "bad temperature"),
    "400 filter": error(400, "content management policy", error_code="content_filter"),
    "400 too long": error(400, "maximum context length is 4097 tokens", error_code="context_length_exceeded"),
    "401": error(401, "Incorrect API key"),
    "403": error(403, "no"),
    "404": error(404, "no such model", error_code="model_not_found"),
    "408": error(408, "slow"),
    "409": error(409, "busy"),
    "413": error(413, "large"),
    "422": error(422, "what"),
    "429": rate_limited(),
    "429 later": rate_limited("7"),
    "500": error(500),
    "502 page": Reply(status=502, body=b"<html>proxy</html>", content_type="text/html"),
    "503": error(503),
    "529": error(529, "Overloaded"),
    "200 page": Reply(body=b"<html>proxy</html>", content_type="text/html"),
    "200 broken": Reply(body=b'{"choices": ['),
    "200 null": Reply(body=b"null"),
    "200 empty": Reply(body=b"{}"),
    "drop": Reply(drop=True),
    "cut": Reply("x" * 5000, cut=True),
}


@pytest.mark.parametrize("vendor", ["openai", "azure", "anthropic", "gemini", "hosted_vllm"])
@pytest.mark.parametrize("fault", FAULTS)
def test_the_same_error(vendor: str, fault: str) -> None:
    with ChatServer(lambda _call: FAULTS[fault]) as server:
        request = make_request(server, vendor)
        slow, lean = ask(request, is_lean=False), ask(request, is_lean=True)
    assert isinstance(slow, ProviderError), slow
    assert isinstance(lean, ProviderError), lean
    assert (lean.signature, lean.retryable, lean.retry_after_s, lean.fatal) == (
        slow.signature,
        slow.retryable,
        slow.retry_after_s,
        slow.fatal,
    )


def test_a_redirect_carries_no_key_away() -> None:
    with ChatServer("stolen") as thief:
        away = Reply(status=307, body=b"", headers={"Location": f"{thief.base_url}/chat/completions"})
        with ChatServer(lambda _call: away) as server:
            answer = ask(make_request(server, "openai"), is_lean=True)
        assert isinstance(answer, ProviderError)
        assert thief.count == 0


@pytest.mark.parametrize("vendor", ["openai", "azure", "anthropic", "gemini", "hosted_vllm"])
def test_no_answer_in_time_and_no_server(vendor: str) -> None:
    with ChatServer(lambda _call: Reply(hang=True)) as server:
        late = ask(make_request(server, vendor), is_lean=True, timeout_s=0.3)
    assert isinstance(late, ProviderError)
    assert (late.signature, late.retryable) == ("infra:timeout", True)
    nobody = make_request(server, vendor)
    base = f"http://127.0.0.1:{closed_port()}"
    nobody = replace(nobody, params={**nobody.params, "api_base": base})
    refused = ask(nobody, is_lean=True)
    assert isinstance(refused, ProviderError)
    assert (refused.signature, refused.retryable) == ("infra:connection", True)


def find(request: Request, monkeypatch: pytest.MonkeyPatch | None = None) -> tuple[bool, tuple[str, ...]]:
    from pytest_ftgate.execution.litellm_provider import _arguments

    async def run() -> tuple[bool, tuple[str, ...]]:
        lean = LeanTransport(load_litellm())
        shape = await lean.find_shape(request, _arguments(request, 5.0))
        return shape is not None, lean.describe()

    return run_quietly(run())


def test_what_cannot_be_proven_goes_by_acompletion() -> None:
    with ChatServer("yes") as server:
        plain = make_request(server, "openai")
        parts = replace(plain, messages=({"role": "user", "content": [{"type": "text", "text": "x"}]},))
        unknown = replace(plain, model="cohere/command-r")
        assert find(plain) == (True, ("openai: lean",))
        assert find(parts) == (False, ())
        assert find(unknown) == (False, ())
        refused = make_request(server, "anthropic", params={"seed": 1})
        is_found, (line,) = find(refused)
        assert not is_found
        assert line.startswith("anthropic: acompletion (UnsupportedParamsError")
        assert server.count == 0


@pytest.mark.parametrize("model", ["openai/gpt-5-codex", "openai/o1-pro", "openai/responses/any"])
def test_a_model_of_the_responses_api_is_not_proven_and_not_asked_for_the_proof(model: str) -> None:
    with ChatServer("yes") as server:
        request = replace(make_request(server, "openai"), model=model, params={"api_base": server.base_url})
        is_found, (line,) = find(request)
        assert not is_found
        assert "Responses API" in line
        assert server.count == 0


def test_the_time_allowed_is_the_options_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    import aiohttp
    from aiohttp import client

    monkeypatch.setattr(client, "DEFAULT_TIMEOUT", aiohttp.ClientTimeout(total=0.2))
    with ChatServer(lambda _call: Reply("late", delay_s=0.6)) as server:
        answer = ask(make_request(server, "openai"), is_lean=True)
    assert isinstance(answer, Response), answer
    assert answer.text == "late"


def test_a_difference_in_the_request_or_the_reading_is_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_ftgate.execution import lean_shapes

    with ChatServer("yes") as server:
        request = make_request(server, "openai")
        with monkeypatch.context() as patch:
            patch.setattr(lean_shapes, "_FOR_LITELLM", frozenset(("stream", "temperature")))
            assert find(request) == (
                False,
                ("openai: acompletion (ValueError: the request is built differently)",),
            )
        with monkeypatch.context() as patch:
            patch.setattr(lean_shapes, "_measure_cost", lambda *_: 17.0)
            assert find(request) == (
                False,
                ("openai: acompletion (ValueError: an answer is read differently)",),
            )
        assert find(request)[0]


def test_a_proxy_of_the_environment_is_left_to_acompletion(monkeypatch: pytest.MonkeyPatch) -> None:
    with ChatServer("yes") as server:
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        assert find(make_request(server, "openai")) == (False, ())


def test_shapes_without_end_are_not_all_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lean_transport, "MAX_SHAPES", 2)
    from pytest_ftgate.execution.litellm_provider import _arguments

    async def run() -> list[bool]:
        lean = LeanTransport(load_litellm())
        found = []
        for seed in (1, 2, 3, 1):
            request = make_request(server, "openai", params={"seed": seed})
            found.append(await lean.find_shape(request, _arguments(request, 5.0)) is not None)
        return found

    with ChatServer("yes") as server:
        assert run_quietly(run()) == [True, True, False, True]


def test_many_at_once_prove_a_shape_once() -> None:
    async def run() -> list[Response]:
        provider = LitellmProvider()
        try:
            requests = [make_request(server, "openai", f"text {i}") for i in range(40)]
            return list(await asyncio.gather(*(provider.send(request, 5.0) for request in requests)))
        finally:
            await provider.close()

    with ChatServer(lambda call: call.prompt) as server:
        answers = run_quietly(run())
        assert [answer.text for answer in answers] == [f"text {i}" for i in range(40)]
        assert server.count == 40

"""A key goes to its vendor, to loopback, or where the project's settings say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import ChatServer
from trials import make_trial

from pytest_ftgate.errors import ProviderError
from pytest_ftgate.execution.endpoints import (
    endpoint_of,
    environment_base_url,
    is_loopback,
    refuse_unsafe_params,
)
from pytest_ftgate.execution.litellm_provider import LitellmProvider


def request(model="openai/gpt-4o-mini", **params):
    return make_trial(model=model, params=params).request


ALLOWED = [
    request(),
    request(temperature=0, seed=1, extra_body={"cache_prompt": False}),
    request(n=1, stream=False, tool_choice="required", parallel_tool_calls=False),
    request(api_base="http://127.0.0.1:8000/v1"),
    request(api_base="http://localhost:8000"),
    request(api_base="http://[::1]:8000/v1"),
    request(base_url="https://api.openai.com/v1"),
    request("anthropic/claude", api_base="https://api.anthropic.com"),
    request(api_base="https://llm.example.org:8443/v1"),
    request(api_base="https://eu.models.example.com/v1"),
]
REFUSED = [
    request(api_base="https://evil.example.net/v1"),
    request(base_url="https://evil.example.net/v1"),
    request(api_base="http://api.openai.com/v1"),
    request("anthropic/claude", api_base="https://api.openai.com/v1"),
    request(api_base="https://api.openai.com.evil.net/v1"),
    request(api_base="https://api.openai.com@evil.net/v1"),
    request(api_base="https://evil.net\\@127.0.0.1/v1"),
    request(api_base="https://127.0.0.1 .evil.net/v1"),
    request(api_base="http://127.0.0.1.evil.net/v1"),
    request(api_base="http://127.1/v1"),
    request(api_base="evil.net/v1"),
    request(api_base="file:///etc/passwd"),
    request(api_base="https://models.example.com/v1"),
    request(api_base="https://llm.example.org/v1"),
    request(api_base=5),
    request("bedrock/x", aws_bedrock_runtime_endpoint="https://evil.net"),
    request("huggingface/https://evil.net/model"),
    request(proxies={"https": "http://evil.net"}),
    request(api_key="sk-1"),
    request(drop_params=True),
    request(num_retries=9),
    request(fallbacks=["openai/other"]),
    request(mock_response="hello"),
    request(messages=[]),
    request(best_of=3),
    request(functions=[]),
    request(stream=True),
    request(stream_options={"include_usage": True}),
    request(extra_body={"n": 5}),
]
HOSTS = ("llm.example.org:8443", "*.models.example.com")


@pytest.mark.parametrize("wanted", ALLOWED, ids=lambda r: str(dict(r.params)))
def test_allowed(wanted):
    refuse_unsafe_params(wanted, HOSTS, {})


@pytest.mark.parametrize("wanted", REFUSED, ids=lambda r: f"{r.model} {dict(r.params)}")
def test_refused(wanted):
    with pytest.raises(ProviderError) as caught:
        refuse_unsafe_params(wanted, HOSTS, {})
    assert caught.value.signature == "infra:config"
    assert caught.value.fatal
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("params", "remedy"),
    [
        ({"n": 5}, r"may not set n \(to '5'\)\. .*set `repeats`"),
        ({"model": "gpt-9"}, "`model` beside `params`"),
        ({"tools": [{"type": "function"}]}, "in the cases, as `tools`"),
        ({"response_format": {"type": "json_object"}}, "the arm `structured`"),
    ],
)
def test_a_param_that_breaks_the_request_is_refused_with_what_to_do_instead(params, remedy):
    wanted = replace(request(), params=params)
    with pytest.raises(ProviderError, match=remedy):
        refuse_unsafe_params(wanted, (), {})


def test_a_refusal_says_what_to_write():
    with pytest.raises(ProviderError, match=r"`ftgate_api_hosts = evil\.example\.net`"):
        refuse_unsafe_params(REFUSED[0], (), {})


@given(st.text(max_size=60))
def test_any_text_as_address_is_refused_or_on_this_machine(address):
    try:
        refuse_unsafe_params(request(api_base=address), (), {})
    except ProviderError:
        return
    assert address == "" or is_loopback(address) or "api.openai.com" in address


def test_the_users_own_environment_may_redirect():
    environment = {"OPENAI_BASE_URL": "https://gateway.corp/v1"}
    refuse_unsafe_params(request(), (), environment)
    refuse_unsafe_params(request(api_base="https://gateway.corp/v1"), (), environment)
    with pytest.raises(ProviderError):
        refuse_unsafe_params(request("anthropic/x", api_base="https://gateway.corp/v1"), (), environment)
    assert environment_base_url("openai", environment) == "https://gateway.corp/v1"
    assert endpoint_of(request(), environment) == "https://gateway.corp/v1"
    assert endpoint_of(request(), {}) == ""


def test_nothing_reaches_a_host_that_is_not_allowed(make_engine, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")
    with ChatServer() as server:
        address = server.base_url.replace("127.0.0.1", "127.0.0.1.nip.example")
        engine = make_engine(LitellmProvider())
        trials = [make_trial(f"p{n}", base_url=address, case=f"c-{n}") for n in range(20)]
        engine.submit(trials)
        answers = [engine.wait(trial.key, 10) for trial in trials]
        assert {answer.signature for answer in answers} == {"infra:config"}
        assert engine.requests_sent == server.count == 0

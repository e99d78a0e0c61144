"""Every fault of a real HTTP server, through litellm as it is, to the answer that a trial gets."""

from __future__ import annotations

import gc
import json
import logging
import time
import warnings
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from servers import Call, ChatServer, Reply, closed_port, error, rate_limited
from trials import make_trial

from pytest_ftgate.execution.vendor_errors import translate_error
from pytest_ftgate.model.response import Failure, Response, Usage

pytestmark = pytest.mark.usefixtures("litellm_is_loaded")

HTML = b"<html><body>hello from a proxy</body></html>"
FAULTS = {
    "rate limit": (rate_limited(), "infra:rate_limit", 3),
    "overloaded": (error(529, "Overloaded"), "infra:rate_limit", 3),
    "no quota": (
        error(429, "You exceeded your current quota", error_code="insufficient_quota"),
        "infra:rate_limit",
        1,
    ),
    "server error": (error(500), "infra:bad_gateway", 3),
    "server says Missing credentials": (error(500, "Missing credentials"), "infra:bad_gateway", 3),
    "gateway error page": (Reply(status=502, body=HTML, content_type="text/html"), "infra:bad_gateway", 3),
    "page in place of an answer": (Reply(body=HTML, content_type="text/html"), "infra:bad_gateway", 3),
    "broken JSON": (Reply(body=b'{"choices": ['), "infra:bad_gateway", 3),
    "JSON that is no object": (Reply(body=b"null"), "infra:bad_gateway", 3),
    "no choices": (Reply(body=b'{"id": "x", "choices": []}'), "infra:bad_gateway", 3),
    "choice without a message": (
        Reply(body=b'{"choices": [{"index": 0, "message": null}]}'),
        "infra:bad_gateway",
        3,
    ),
    "content that is a number": (
        Reply(body=b'{"choices": [{"message": {"content": 5}}]}'),
        "infra:bad_gateway",
        3,
    ),
    "100,000 brackets": (Reply(body=b'{"choices":' + b"[" * 100_000), "infra:bad_gateway", 3),
    "dropped connection": (Reply(drop=True), "infra:connection", 3),
    "half an answer": (Reply("x" * 5000, cut=True), "infra:connection", 3),
    "hang": (Reply(hang=True), "infra:timeout", 3),
    "wrong key": (
        error(401, "Incorrect API key provided: sk-planted", error_code="invalid_api_key"),
        "infra:auth",
        1,
    ),
    "forbidden": (error(403, "no"), "infra:auth", 1),
    "unknown model": (
        error(404, "The model does not exist", error_code="model_not_found"),
        "infra:not_found",
        1,
    ),
    "bad request": (error(400, "bad temperature"), "infra:bad_request", 1),
    "unprocessable": (error(422, "no such field"), "infra:bad_request", 1),
    "too long": (
        error(
            400, "This model's maximum context length is 4097 tokens.", error_code="context_length_exceeded"
        ),
        "call:context_overflow",
        1,
    ),
    "llama.cpp too long": (
        error(400, "request (9031 tokens) exceeds the available context size (2048 tokens)"),
        "call:context_overflow",
        1,
    ),
    "Azure's filter": (
        error(
            400, "The response was filtered due to content management policy.", error_code="content_filter"
        ),
        "refusal:content_filter",
        1,
    ),
    "OpenAI's filter": (
        error(400, "rejected as a result of our safety system", error_code="content_policy_violation"),
        "refusal:content_filter",
        1,
    ),
    "filtered answer": (Reply("", finish_reason="content_filter"), "refusal:content_filter", 1),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_server_becomes_its_signature(name, make_engine, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")
    reply, signature, attempts = FAULTS[name]
    with ChatServer(lambda call: reply) as server:
        engine = make_engine(
            timeout_s=0.3 if name == "hang" else 5, redact=lambda text: text.replace("sk-planted", "***")
        )
        trial = make_trial(base_url=server.base_url)
        engine.submit([trial])
        answer = engine.wait(trial.key, 30)
        assert isinstance(answer, Failure), answer
        assert (answer.signature, answer.attempts, server.count) == (signature, attempts, attempts)
        assert answer.message.startswith("openai/scripted") or signature == "infra:timeout"
        assert len(answer.message) <= 400
        assert "sk-planted" not in answer.message
        assert "Traceback" not in answer.message


def test_an_answer_arrives_whole(make_engine):
    reply = Reply(
        "grüß \ud83d alone \u0000 [1, 2]",
        prompt_tokens=120,
        completion_tokens=30,
        cached_tokens=64,
        reasoning_tokens=12,
        model="scripted-2026",
        system_fingerprint="fp_1",
        tool_calls=(("look_up", '{"id": 1'),),
        delay_s=0.05,
    )
    with ChatServer(lambda call: reply) as server:
        engine = make_engine()
        trial = make_trial(
            "a question", base_url=server.base_url, params={"seed": 7, "extra_body": {"cache_prompt": False}}
        )
        engine.submit([trial])
        answer = engine.wait(trial.key, 30)
        [call] = server.calls
    assert isinstance(answer, Response)
    assert (answer.text, answer.finish_reason, answer.model) == (reply.text, "tool_calls", "scripted-2026")
    assert answer.usage == Usage(
        prompt_tokens=120, completion_tokens=30, cached_tokens=64, reasoning_tokens=12
    )
    assert [(tool.name, tool.arguments) for tool in answer.tool_calls] == [("look_up", '{"id": 1')]
    assert answer.cost_usd is None, "litellm's map has no price for it"
    assert answer.latency_s is not None
    assert 0.05 <= answer.latency_s < 5
    assert answer.answered_at is not None
    assert answer.answered_at.endswith("+00:00")
    assert (answer.attempts, answer.turns, answer.cached) == (1, 1, False)
    assert (call["seed"], call["cache_prompt"], call["model"], call.prompt) == (
        7,
        False,
        "scripted",
        "a question",
    )


def test_the_cost_is_that_of_litellms_price_map(make_engine):
    with ChatServer(lambda call: Reply("ok", prompt_tokens=1000, completion_tokens=100)) as server:
        engine = make_engine()
        trial = make_trial(base_url=server.base_url, model="openai/gpt-4o-mini")
        engine.submit([trial])
        answer = engine.wait(trial.key, 30)
    assert answer.cost_usd == pytest.approx(1000 * 0.15e-6 + 100 * 0.60e-6)


def test_tools_and_response_format_are_sent(make_engine):
    schema = {
        "type": "json_schema",
        "json_schema": {"name": "x", "schema": {"type": "object"}, "strict": True},
    }
    tool = {
        "type": "function",
        "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}},
    }
    with ChatServer("{}") as server:
        engine = make_engine()
        trial = make_trial(
            base_url=server.base_url, model="openai/gpt-4o-mini", response_format=schema, tools=(tool,)
        )
        engine.submit([trial])
        engine.wait(trial.key, 30)
        [call] = server.calls
    assert call["response_format"] == schema
    assert call["tools"] == [tool]


def test_ten_megabytes_survive_whole(make_engine):
    text = "{" * (10 * 2**20 - 1)
    with ChatServer(lambda call: Reply(text)) as server:
        engine = make_engine()
        trial = make_trial(base_url=server.base_url)
        engine.submit([trial])
        answer = engine.wait(trial.key, 30)
    assert answer.text == text
    assert answer.finish_reason == "stop"


def test_beyond_ten_megabytes_an_answer_is_cut_and_says_so(make_engine):
    with ChatServer(lambda call: Reply("x" * (11 * 2**20))) as server:
        engine = make_engine()
        trial = make_trial(base_url=server.base_url)
        engine.submit([trial])
        answer = engine.wait(trial.key, 30)
    assert len(answer.text) == 10 * 2**20
    assert answer.finish_reason == "length"


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured_and_the_second_attempt_counts(form, make_engine):
    def script(call: Call) -> Reply | str:
        if call.attempt > 1:
            return "answered"
        wish = (
            "1"
            if form == "seconds"
            else format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
        )
        return rate_limited(wish)

    with ChatServer(script) as server:
        engine = make_engine()
        trial = make_trial(base_url=server.base_url)
        engine.submit([trial])
        answer = engine.wait(trial.key, 30)
        first, second = server.calls
    assert (answer.text, answer.attempts, engine.requests_sent) == ("answered", 2, 2)
    assert second.at_s - first.at_s >= 0.95
    assert answer.latency_s < 0.9, "the latency is that of the attempt that succeeded"


def test_a_missing_key_is_told_apart_and_nothing_is_sent(make_engine, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    trials = [make_trial(model="openai/gpt-4o-mini", case=f"c-{n}") for n in range(5)]
    engine = make_engine(concurrency=1)
    engine.submit(trials)
    answers = [engine.wait(trial.key, 30) for trial in trials]
    assert {answer.signature for answer in answers} == {"infra:auth"}
    assert "no API key" in answers[0].message
    assert "OPENAI_API_KEY" in answers[0].message
    assert engine.requests_sent == 1, "the others fail at once, without another try"


def test_a_local_server_needs_no_key(make_engine, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with ChatServer("fine") as server:
        engine = make_engine()
        trial = make_trial(base_url=server.base_url)
        engine.submit([trial])
        assert engine.wait(trial.key, 30).text == "fine"


@pytest.mark.parametrize("model", ["nonesuch/m", "gpt-without-a-vendor"])
def test_an_unknown_vendor_is_a_fault_of_the_configuration(model, make_engine):
    engine = make_engine()
    trial = make_trial(model=model)
    engine.submit([trial])
    answer = engine.wait(trial.key, 30)
    assert answer.signature == "infra:config"
    assert "VENDOR/NAME" in answer.message


def test_a_port_where_nothing_listens_ends_the_model_after_one_trials_attempts(make_engine):
    nowhere = f"http://127.0.0.1:{closed_port()}/v1"
    trials = [make_trial(f"p{n}", base_url=nowhere, case=f"c-{n}") for n in range(200)]
    engine = make_engine(concurrency=4)
    engine.submit(trials)
    answers = [engine.wait(trial.key, 30) for trial in trials]
    assert {answer.signature for answer in answers} == {"infra:connection"}
    assert "127.0.0.1" in answers[0].message
    assert engine.requests_sent <= 4 * 3


def test_a_refused_key_stops_further_sends(make_engine):
    with ChatServer(lambda call: error(401, "wrong key")) as server:
        trials = [make_trial(f"p{n}", base_url=server.base_url, case=f"c-{n}") for n in range(100)]
        engine = make_engine(concurrency=2)
        engine.submit(trials)
        assert {engine.wait(trial.key, 30).signature for trial in trials} == {"infra:auth"}
        assert server.count <= 4


def test_many_faults_at_once_every_trial_answered_once(make_engine):
    kinds = [rate_limited("0.05"), error(500), Reply(drop=True), Reply(body=b"{"), Reply(hang=True)]

    def script(call: Call) -> Reply | str:
        number = int(call.prompt)
        faulty = call.attempt == 1 and number % 4 == 0
        return kinds[number // 4 % len(kinds)] if faulty else Reply(f"answer {number}", delay_s=0.01)

    with ChatServer(script) as server:
        trials = [make_trial(str(n), base_url=server.base_url, case=f"c-{n}") for n in range(200)]
        engine = make_engine(concurrency=10, timeout_s=1.0, max_attempts=4)
        engine.submit(trials)
        answers = [engine.wait(trial.key, 60) for trial in trials]
        assert [answer.text for answer in answers] == [f"answer {n}" for n in range(200)]
        assert server.count == engine.requests_sent == sum(answer.attempts for answer in answers) == 250
        assert engine.peak_concurrency == 10
        assert server.peak_in_flight <= 10


def test_errors_as_warnings_and_debug_logs_of_the_user_do_not_reach_the_engine(
    make_engine, monkeypatch, caplog
):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")
    caplog.set_level(logging.DEBUG)
    with ChatServer("ok") as server, warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("error")
        trials = [make_trial(f"p{n}", base_url=server.base_url, case=f"c-{n}") for n in range(20)]
        engine = make_engine()
        engine.submit(trials)
        for trial in trials:
            # As pytest does around each test: filters are replaced while calls are under way.
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                assert engine.wait(trial.key, 30).text == "ok"
        engine.close()
        gc.collect()
        with pytest.raises(UserWarning):
            warnings.warn("the main thread still warns", stacklevel=1)
    assert seen == []
    assert [
        record for record in caplog.records if record.name.split(".")[0] in ("httpx", "openai", "LiteLLM")
    ] == []


def test_a_missing_tools_package_says_what_to_install():
    error = translate_error(ModuleNotFoundError("No module named 'mcp'", name="mcp"), make_trial().request)
    assert error.signature == "infra:config"
    assert 'pip install "pytest-ftgate[tools]"' in str(error)
    assert not error.retryable


def test_two_engines_after_each_other_share_the_client(make_engine):
    for _ in range(2):
        with ChatServer("ok") as server:
            engine = make_engine()
            trial = make_trial(base_url=server.base_url)
            engine.submit([trial])
            assert engine.wait(trial.key, 30).text == "ok"
            started = time.monotonic()
            engine.close()
            assert time.monotonic() - started < 2


def test_the_scripted_server_repeats_what_it_was_sent():
    import urllib.request

    with ChatServer(lambda call: call.prompt.upper()) as server:
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "echo"}]}).encode()
        with urllib.request.urlopen(server.base_url + "/chat/completions", body) as answer:
            assert json.load(answer)["choices"][0]["message"]["content"] == "ECHO"
        assert (server.count, server.completed, server.calls[0].path) == (1, 1, "/v1/chat/completions")


def test_first_requests_at_the_same_time_share_one_session_that_is_closed(make_engine, monkeypatch):
    """litellm makes a client per first request and forgets all but one of them, with their connections."""
    import aiohttp

    opened: list[aiohttp.ClientSession] = []
    start = aiohttp.ClientSession.__init__

    def note(session, *args, **more):
        opened.append(session)
        start(session, *args, **more)

    monkeypatch.setattr(aiohttp.ClientSession, "__init__", note)
    with ChatServer(lambda call: Reply("ok", delay_s=0.05)) as server:
        engine = make_engine(concurrency=20)
        trials = [make_trial(f"say {i}", case=f"c-{i}", base_url=server.base_url) for i in range(40)]
        engine.submit(trials)
        for trial in trials:
            assert isinstance(engine.wait(trial.key, 30), Response)
        engine.close()
    assert [session.closed for session in opened] == [True]

"""Hostile answers, planted keys and redirected requests: nothing gets out, in any file or stream."""

from __future__ import annotations

import json
import re
import sqlite3
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from e2e_world import QUICK, World, make_cases, model_at
from servers import Call, ChatServer, Reply

KEY = "planted-5Qx8Zt2Lw9Rv4Nc7/+=Mb1"
"""Of no vendor's shape: only the environment says that it is a secret."""
SHAPED = "sk-proj-Ab12Cd34Ef56Gh78Ij90Kl12"

ATTACKS = {
    "ansi": "\x1b[2J\x1b[31mall gates passed\x1b[0m\x1b]8;;http://evil.example\x07link\x1b]8;;\x07",
    "set-output": "ok\n::set-output name=pass::true\n::error file=a.py::boom\n##[error]boom",
    "script": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "markdown": "[click](javascript:alert(1)) ![x](http://evil.example/p.png) @everyone ``` </details> |",
    "surrogate": "half \ud83d of a pair \udc00",
    "nul": "a\0b\x07\x08\x7f\x9b31m\u202e\u2028",
    "cdata": "]]></failure></testcase>&amp;&#0;",
    "carriage": "done\rFAILED\r\nPASSED",
}


def attack(call: Call) -> Reply:
    """The answer that the case's tag in the prompt asks for; raw JSON, so that lone surrogates survive."""
    name = call.prompt.rsplit("key=", 1)[1]
    message = {"role": "assistant", "content": ATTACKS[name]}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return Reply(body=json.dumps(body).encode())


@pytest.fixture
def attacked(world: World) -> pytest.RunResult:
    cases = [{"id": name, "input": f"key={name}", "expected": "never"} for name in ATTACKS]
    cases[0]["must_pass"] = True
    with world.serve(attack) as server:
        evalset = simple(server, cases=cases, graders=[{"label": {"labels": ["never", "ok"]}}])
        world.write("t", evalset)
        return world.run(
            "-v", "--ftgate-report", "markdown=r.md", "--junitxml", "j.xml", "--ftgate-record", "c.jsonl"
        )


def test_the_terminal_shows_nothing_raw(attacked: pytest.RunResult) -> None:
    output = attacked.stdout.str()
    assert attacked.ret == 1
    # pytest itself uses no colours here.
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2028\ud800-\udfff]", output)
    assert not [line for line in attacked.outlines if line.lstrip().startswith(("::", "##["))]
    assert "INTERNALERROR" not in output


def test_junit_and_files_stay_readable(attacked: pytest.RunResult, world: World) -> None:
    root = ET.parse(world.path / "j.xml").getroot()
    names = [case.get("name") for case in root.iter("testcase")]
    assert set(ATTACKS) <= set(names)
    records = {record["case"]: record for record in world.records()}
    assert set(records) == set(ATTACKS)
    assert "all gates passed" in records["ansi"]["output"]
    assert {record["outcome"] for record in records.values()} == {"failed"}
    for path in ("c.jsonl", ".ftgate/runs/latest/records.jsonl", ".ftgate/runs/latest/report.json"):
        text = (world.path / path).read_bytes().decode("utf-8")
        assert not re.search(r"[\x00-\x09\x0b-\x1f]", text), path


def test_markdown_defuses_what_it_quotes(attacked: pytest.RunResult, world: World) -> None:
    text = (world.path / "r.md").read_text()
    outside = re.sub(
        r"`[^`\n]*`", "", re.sub(r"^(`{3,})[^`]*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    )
    for forbidden in ("<script", "<img", "](javascript:", "](http://evil", "@everyone"):
        assert forbidden not in outside
    assert not re.search(r"^\s*(::|##\[)", text, flags=re.MULTILINE)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text)


def test_a_replay_judges_the_same(attacked: pytest.RunResult, world: World) -> None:
    live = world.records()
    assert world.run("--ftgate-replay", "c.jsonl").ret == 1
    assert [(r["case"], r["signature"], r["output"]) for r in world.records()] == [
        (r["case"], r["signature"], r["output"]) for r in live
    ]


def echo_key(call: Call) -> Reply | str:
    """A server that gives the key back wherever it can."""
    key = call.headers["authorization"].removeprefix("Bearer ")
    number = int(call.prompt[-3:])
    if number == 1:
        return Reply(status=401, error=f"Incorrect API key provided: {key}. Again: {SHAPED}")
    if number == 2:
        return Reply(body=f"<html>{key} {SHAPED}</html>".encode(), content_type="text/html")
    if number == 3:
        return Reply(tool_calls=((key, json.dumps({"key": key, "again": SHAPED})),))
    return Reply(
        f"the key is {key} or {json.dumps(key)[1:-1]} and {SHAPED}", model=f"m-{key}", system_fingerprint=key
    )


def test_keys_never_get_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with world.serve(echo_key) as server:
        cases = make_cases(6)
        cases[0]["must_pass"] = True
        world.write(
            "t",
            simple(server, cases=cases, arms={"few_shot": {"examples": [{"input": "a", "expected": "b"}]}}),
        )
        arguments = [
            "--ftgate-report",
            "markdown=r.md",
            "--ftgate-report",
            "json=r.json",
            "--junitxml",
            "j.xml",
        ]
        result = world.run("-v", *arguments, "--ftgate-record", "c.jsonl", "--ftgate-attempts", "1")
        assert server.calls[0].headers["authorization"] == f"Bearer {KEY}"
    assert result.ret == 1
    streams = result.stdout.str() + result.stderr.str()
    written = {path: path.read_bytes() for path in sorted(world.path.rglob("*")) if path.is_file()}
    assert {"records.jsonl", "report.json", "r.md", "j.xml", "c.jsonl"} <= {path.name for path in written}
    for secret in (KEY, SHAPED):
        assert secret not in streams
        for path, content in written.items():
            if not path.name.startswith("responses.sqlite"):
                assert secret.encode() not in content, path
    assert "[redacted]" in (world.path / "c.jsonl").read_text()


def test_the_response_store_holds_no_key_of_ours(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with world.serve("fine") as server:
        world.write("t", simple(server))
        world.run()
        assert server.calls[0].headers["authorization"] == f"Bearer {KEY}"
    for path in Path(world.path / ".ftgate").glob("responses.sqlite*"):
        assert KEY.encode() not in path.read_bytes()
    with sqlite3.connect(world.path / ".ftgate" / "responses.sqlite") as connection:
        assert KEY not in str(connection.execute("SELECT * FROM responses").fetchall())


REDIRECTS = {
    "api_base": {"params": {"api_base": "https://evil.example/v1"}},
    "base_url": {"params": {"base_url": "https://evil.example/v1"}},
    "loopback-lookalike": {"params": {"api_base": "http://127.0.0.1@evil.example/v1"}},
    "vendor-lookalike": {"params": {"api_base": "https://api.openai.com.evil.example/v1"}},
    "backslash": {"params": {"api_base": "https://evil.example\\@127.0.0.1/v1"}},
}


@pytest.mark.parametrize("name", REDIRECTS)
def test_a_key_is_not_sent_to_a_strange_host(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr("socket.getaddrinfo", refuse_names)
    world.write("t", simple(None, models={"candidate": {"model": "openai/gpt-4o-mini", **REDIRECTS[name]}}))
    result = world.run("--ftgate-attempts", "1")
    assert result.ret == 1
    records = world.records()
    assert {record["signature"] for record in records} == {"infra:config"}
    assert all("ftgate_api_hosts" in record["error"] for record in records)
    assert "a key is sent only to its vendor's own host" in " ".join(result.stdout.str().split())
    assert world.verdict()["decision"] == "incomplete"


def test_params_cannot_smuggle_a_key_or_headers(world: World) -> None:
    params = {"extra_headers": {"Authorization": "Bearer x"}, "api_key": "abc"}
    world.write("t", simple(None, models={"candidate": {"model": "openai/m", "params": params}}))
    assert world.run().ret == 2


def refuse_names(*arguments: Any, **_: Any) -> Any:
    raise AssertionError(f"a name was looked up: {arguments[0]}")


def test_a_key_in_a_hook_s_error_is_redacted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SERVICE_TOKEN", KEY)
    world.pytester.makeconftest(
        "import os\n"
        "def pytest_ftgate_verdict_reached():\n    raise ValueError(os.environ['MY_SERVICE_TOKEN'])\n"
    )
    with world.serve("fine") as server:
        world.write("t", simple(server))
        result = world.pytester.runpytest_inprocess("--ftgate", *QUICK)
    assert result.ret == 1
    assert "raised ValueError: [redacted]" in result.stdout.str()
    assert KEY not in result.stdout.str()


def simple(server: ChatServer | None, **more: Any) -> dict[str, Any]:
    evalset: dict[str, Any] = {
        "prompt": "{{ input }}",
        "graders": ["equals"],
        "repeats": 1,
        "cases": make_cases(2),
    }
    if server is not None:
        evalset["models"] = model_at(server)
    return evalset | more

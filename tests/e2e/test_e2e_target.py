"""`target: NAME`: an application, a registered function, in place of a raw model."""

from __future__ import annotations

import json

import pytest
from e2e_world import World
from servers import ChatServer, Reply

CONFTEST = """
import asyncio, threading
from pytest_ftgate.model.response import Response, Usage

def plain(call):
    assert not hasattr(call, "expected")
    return f"yes-{call.input['key']}"

async def waits(call):
    await asyncio.sleep(0)
    text = f"yes-{call.input['key']}"
    return Response(text=text, usage=Usage(prompt_tokens=3), cost_usd=0.5, model="app-7")

def raises(call):
    if call.input["key"] == "c001":
        raise LookupError("no such sk-planted-0123456789abcdef order")
    return plain(call)

def speaks_json(call):
    return {"key": call.input["key"], "prompt": call.prompt, "arm": call.arm, "repeat": call.repeat}

def leaves(call):
    raise SystemExit(3)

def returns_junk(call):
    return object()

def hangs(call):
    threading.Event().wait(2)

def pytest_ftgate_register_providers(functions):
    for function in (plain, waits, raises, speaks_json, leaves, returns_junk, hangs):
        functions.register(function.__name__, function)
"""


@pytest.fixture
def app(world: World) -> World:
    world.pytester.makeconftest(CONFTEST)
    return world


def evalset(target: str, count: int = 4, **more: object) -> dict[str, object]:
    cases = [
        {"id": f"c{n:03}", "input": {"key": f"c{n:03}"}, "expected": f"yes-c{n:03}"} for n in range(count)
    ]
    return {"target": target, "graders": ["equals"], "repeats": 2, "cases": cases, **more}


@pytest.mark.parametrize("name", ["plain", "waits"])
def test_an_application_is_judged_like_a_model(app: World, name: str) -> None:
    app.write("t", evalset(name, 14))
    assert app.run().ret == 0
    entry = app.entry()
    assert entry["arms"][0]["accuracy"]["passed"] == 28
    assert {record["output"] for record in app.records()} == {f"yes-c{n:03}" for n in range(14)}
    models = {"plain": "target/plain", "waits": "app-7"}
    assert app.report()["header"]["models"] == {"t": {"candidate": [models[name]]}}
    # A second run calls it again: nobody can tell whether its code is the same.
    assert app.run().ret == 0
    assert not any(record["cached"] for record in app.records())


def test_what_it_raises_fails_the_case_and_is_no_pattern_of_a_model(
    app: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-0123456789abcdef")
    app.write("t", evalset("raises", 6))
    result = app.run("-v")
    failed = [record for record in app.records() if record["outcome"] == "failed"]
    assert {record["case"] for record in failed} == {"c001"}
    assert {record["signature"] for record in failed} == {"call:exception"}
    assert "LookupError" in json.dumps(failed)
    assert "sk-planted" not in json.dumps(app.records()) + result.stdout.str()


def test_json_values_prompt_and_place_are_handed_over(app: World) -> None:
    more = {"graders": ["is-json"], "models": {"candidate": {"target": "speaks_json"}}}
    written = evalset("", 2, **more)
    del written["target"]
    app.write("t", {**written, "prompt": "Order {{ input.key }}"})
    app.run()
    told = [json.loads(record["output"]) for record in app.records()]
    assert told[1] == {"key": "c000", "prompt": "Order c000", "arm": "as_is", "repeat": 2}


@pytest.mark.parametrize(
    ("name", "signature"),
    [("leaves", "call:exception"), ("returns_junk", "infra:config"), ("hangs", "infra:timeout")],
)
def test_an_application_cannot_end_or_hold_up_the_run(app: World, name: str, signature: str) -> None:
    app.write("t", evalset(name, 2))
    result = app.run("--ftgate-timeout", "0.2")
    assert result.ret == 1
    assert {record["signature"] for record in app.records()} == {signature}


def test_recorded_answers_stand_in_for_it(app: World) -> None:
    app.write("t", evalset("plain", 14))
    assert app.run("--ftgate-record", "answers.jsonl").ret == 0
    app.pytester.makeconftest(CONFTEST.replace("yes-", "no-"))
    assert app.run("--ftgate-replay", "answers.jsonl", subprocess=True).ret == 0


def test_workers_call_it_too(app: World) -> None:
    app.write("t", evalset("plain", 14))
    assert app.run("-n", "2", subprocess=True).ret == 0
    assert len(app.records()) == 28


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"target": "plane"}, "*Did you mean 'plain'?*"),
        ({"target": "my.app:answer"}, "*is a path: YAML names registered functions only*"),
        ({"target": "plain", "models": {"candidate": "openai/x"}}, "*keep one of them*"),
        ({"models": {"candidate": {"target": "plain", "model": "openai/x"}}}, "*models/candidate*"),
        ({"models": {"candidate": {"params": {}}}}, "*models/candidate*"),
    ],
)
def test_a_target_that_cannot_be_called_is_refused_at_collection(
    app: World, written: dict[str, object], told: str
) -> None:
    base = evalset("plain")
    del base["target"]
    app.write("t", {**base, "prompt": "{{ input.key }}", **written})
    result = app.run()
    result.stdout.fnmatch_lines([told])
    assert result.ret == 2


def test_a_judge_may_serve_an_application(app: World) -> None:
    with ChatServer(lambda _call: Reply('{"reasoning": "fine", "pass": true}')) as server:
        judge = {"model": "openai/judge", "params": {"api_base": server.base_url}}
        written = evalset("plain", 14, graders=["equals", {"llm-rubric": {"value": "polite", "votes": 1}}])
        app.write("t", {**written, "models": {"judge": judge}})
        app.run()
    assert server.count > 0
    assert app.entry()["arms"][0]["accuracy"]["graded"] == 28

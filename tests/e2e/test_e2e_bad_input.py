"""Bad evalsets, servers that misbehave: one clear sentence with place and remedy, the right exit status."""

from __future__ import annotations

import json
from typing import Any

import pytest
from e2e_world import World, make_cases, model_at
from servers import ChatServer, Reply, closed_port

from pytest_ftgate.cli.main import main

HEAD = (
    "ftgate: 1\nname: t\nmodels: {candidate: {model: openai/m}}\nprompt: '{{ input }}'\ngraders: [equals]\n"
)
CASES = "cases:\n  - {id: a, input: x, expected: y}\n"

# What is written in t.evalset.yaml, what the message says of place, cause and remedy.
BAD_FILES = {
    "wrong-yaml": (HEAD + "cases: [\n", ["t.evalset.yaml:7", "YAML"]),
    "tab": (HEAD + "cases:\n\t- {id: a}\n", ["t.evalset.yaml:7", "tab"]),
    "not-a-mapping": ("- a\n- b\n", ["t.evalset.yaml:1", "mapping"]),
    "empty": ("", ["t.evalset.yaml", "empty"]),
    "unknown-key": (
        HEAD + "gradrs: [equals]\n" + CASES,
        ["t.evalset.yaml:6", "/gradrs", "Did you mean 'graders'?"],
    ),
    "unknown-grader": (
        HEAD.replace("equals", "equalz") + CASES,
        ["t.evalset.yaml:5", "/graders/0", "equalz", "Did you mean 'equals'?"],
    ),
    "unknown-arm": (
        HEAD + "arms: {few_shots: {}}\n" + CASES,
        ["t.evalset.yaml:6", "/arms/few_shots", "Did you mean 'few_shot'?"],
    ),
    "duplicate-id": (
        HEAD + CASES + "  - {id: a, input: z, expected: y}\n",
        ["t.evalset.yaml:8", "/cases/1", "'a'", "t.evalset.yaml:7"],
    ),
    "duplicate-key": (HEAD + "name: u\n" + CASES, ["t.evalset.yaml:6", "duplicate key 'name'", "line 2"]),
    "missing-file": (
        HEAD + "cases: [{file: nowhere.jsonl}]\n",
        ["t.evalset.yaml:6", "/cases", "nowhere.jsonl"],
    ),
    "missing-schema": (
        HEAD.replace("[equals]", "[{is-json: {schema: none.json}}]") + CASES,
        ["t.evalset.yaml:5", "/graders/0", "none.json"],
    ),
    "wrong-schema": (
        HEAD.replace("[equals]", "[{is-json: {schema: {type: objekt}}}]") + CASES,
        ["t.evalset.yaml:5", "/graders/0", "objekt"],
    ),
    "wrong-type": (HEAD + "repeats: many\n" + CASES, ["t.evalset.yaml:6", "/repeats", "many"]),
    "no-cases": (HEAD + "cases: []\n", ["t.evalset.yaml:6", "/cases", "case"]),
    "no-case-key": (HEAD, ["t.evalset.yaml", "cases"]),
    "undefined-name": (
        HEAD.replace("{{ input }}", "{{ inptu }}") + CASES,
        ["t.evalset.yaml:4", "inptu", "input"],
    ),
    "bad-template": (HEAD.replace("{{ input }}", "{{ input ") + CASES, ["t.evalset.yaml:4", "/prompt"]),
    "key-in-params": (
        HEAD.replace("openai/m", "openai/m, params: {api_key: sk-1234567890abcdef1234}") + CASES,
        ["t.evalset.yaml:3", "api_key", "environment"],
    ),
    "nan-in-file": (HEAD + "bar: .nan\n" + CASES, ["t.evalset.yaml:6", "/bar"]),
    "outside": (HEAD + "cases: [{file: ../../../etc/passwd}]\n", ["t.evalset.yaml:6", "/cases", "rootdir"]),
    "impossible-gate": (
        HEAD + "bar: 0.99\ngates: {accuracy: {evidence: prove-pass}}\n" + CASES,
        ["accuracy cannot pass", "Add "],
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_evalsets(world: World, name: str) -> None:
    text, expected = BAD_FILES[name]
    (world.path / "t.evalset.yaml").write_text(text)
    result = world.run()
    output = result.stdout.str()
    assert result.ret == 2
    for part in expected:
        assert part in output
    assert_clean(result)
    assert "sk-1234567890abcdef1234" not in output
    assert not (world.path / ".ftgate").exists()


def test_all_problems_of_several_files_at_once(world: World) -> None:
    (world.path / "t.evalset.yaml").write_text(HEAD + "bogus: 1\nrepeats: 0\n" + CASES)
    (world.path / "u.evalset.yaml").write_text(HEAD.replace("name: t", "name: u") + "cases: []\n")
    result = world.run()
    assert result.ret == 2
    for part in ("t.evalset.yaml: 2 problems", "t.evalset.yaml:6", "t.evalset.yaml:7", "u.evalset.yaml:6"):
        assert part in result.stdout.str()
    assert_clean(result)


def test_a_bad_line_of_a_case_file(world: World) -> None:
    (world.path / "t.evalset.yaml").write_text(HEAD + "cases: [{file: cases.jsonl}]\n")
    (world.path / "cases.jsonl").write_text('{"id": "a", "input": "x", "expected": "y"}\n{"id": "b", \n')
    result = world.run()
    assert result.ret == 2
    assert "cases.jsonl:2" in result.stdout.str()
    assert_clean(result)


def test_two_evalsets_of_one_name(world: World) -> None:
    with world.serve("x") as server:
        for name in ("t", "u"):
            world.write(name, {**simple(server), "name": "same"})
        result = world.run()
        assert server.count == 0
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        ["*u.evalset.yaml*the name 'same' is also used by t.evalset.yaml; choose another*"]
    )
    assert_clean(result)


def test_an_evalset_that_loads_is_not_asked_beside_one_that_does_not(world: World) -> None:
    with world.serve("x") as server:
        world.write("good", simple(server))
        (world.path / "bad.evalset.yaml").write_text(HEAD + "cases: []\n")
        assert world.run().ret == 2
        assert server.count == 0
        # Asked to go on, pytest runs the rest and the build still fails.
        result = world.run("--continue-on-collection-errors")
    assert result.ret == 1
    assert server.count == 4
    assert_clean(result)


# -- while it runs ------------------------------------------------------------------------------


def test_no_api_key(world: World) -> None:
    world.write("t", simple(None, models={"candidate": {"model": "openai/gpt-4o-mini"}}))
    result = world.run()
    assert result.ret == 1
    assert said(result, "infra:auth", "OPENAI_API_KEY")
    assert {r["signature"] for r in world.records()} == {"infra:auth"}
    assert_incomplete(world, result)


def test_unreachable_server(world: World) -> None:
    address = f"http://127.0.0.1:{closed_port()}/v1"
    models = {"candidate": {"model": "openai/m", "params": {"api_base": address}}}
    world.write("t", simple(None, models=models))
    result = world.run("--ftgate-attempts", "2")
    assert result.ret == 1
    assert said(result, "infra:connection", address.removesuffix("/v1").removeprefix("http://"))
    assert_incomplete(world, result)


HTML = Reply(body=b"<html><body><h1>It works!</h1></body></html>", content_type="text/html")


def test_a_server_that_answers_html(world: World) -> None:
    with world.serve(lambda call: HTML) as server:
        world.write("t", simple(server))
        result = world.run("--ftgate-attempts", "1")
    assert result.ret == 1
    assert said(result, "infra:bad_gateway", "no chat completion", "check the address", "It works!")
    assert server.count == 4
    assert_incomplete(world, result)


def test_a_server_that_breaks_off_and_hangs(world: World) -> None:
    faults = [Reply("x", cut=True), Reply("x", drop=True), Reply(hang=True), Reply(body=b'{"choices": [NaN')]
    with world.serve(lambda call: faults[int(call.prompt[-1]) % 4]) as server:
        world.write("t", simple(server, count=4, repeats=1))
        result = world.run("--ftgate-attempts", "1", "--ftgate-timeout", "2")
    assert result.ret == 1
    signatures = [r["signature"] for r in world.records()]
    assert all(signature.startswith("infra:") for signature in signatures)
    assert signatures[2] == "infra:timeout"
    assert said(result, "infra:timeout", "--ftgate-timeout")
    assert_incomplete(world, result)


def test_what_was_answered_is_kept_beside_what_was_not(world: World) -> None:
    with world.serve(lambda call: HTML if "c001" in call.prompt else f"yes-{call.prompt[-4:]}") as server:
        world.write("t", simple(server, count=4))
        assert world.run("--ftgate-attempts", "1").ret == 1
        assert server.count == 8
        assert [r["outcome"] for r in world.records()] == ["passed"] * 2 + ["error"] * 2 + ["passed"] * 4
        server.script = lambda call: f"yes-{call.prompt[-4:]}"
        assert world.run().ret == 0
    assert server.count == 10


HOSTILE_ANSWERS: dict[str, tuple[str, list[Any], str]] = {
    "ten-megabytes": ("x" * 10_000_000, ["is-json"], "format:too_large"),
    "ten-megabytes-of-json": (
        '{"a": "' + "x" * 10_000_000 + '"}',
        [{"is-json": {"schema": {"required": ["b"]}}}],
        "format:too_large",
    ),
    "deep": ("[" * 1_000 + "]" * 1_000, ["is-json"], "format:too_deep"),
    "deeper": ('{"a":' * 100_000, ["is-json"], "format:"),
    "nan": ('{"a": NaN}', ["is-json"], "format:nan"),
    "infinity": ('{"a": -Infinity}', ["json-fields"], "format:"),
    "huge-number": ('{"a": ' + "9" * 20_000 + "}", ["json-fields"], ""),
    "nul": ("a\0b", ["equals"], "value:text"),
}


@pytest.mark.parametrize("name", HOSTILE_ANSWERS)
def test_hostile_answers_are_judged(world: World, name: str) -> None:
    answer, graders, signature = HOSTILE_ANSWERS[name]
    with world.serve(answer) as server:
        cases = [
            {"id": "a", "input": "q", "expected": {"a": 1}},
            {"id": "b", "input": "r", "expected": {"a": 2}},
        ]
        if graders == ["equals"]:
            cases = [{**case, "expected": "y"} for case in cases]
        world.write("t", simple(server, cases=cases, graders=graders))
        result = world.run()
    assert result.ret == 1
    assert_clean(result)
    records = world.records()
    assert len(records) == 4
    assert {r["outcome"] for r in records} == {"failed"}
    assert all(r["signature"].startswith(signature) for r in records), records[0]["signature"]
    assert world.verdict()["decision"] == "not_ready"
    assert max(map(len, result.outlines)) < 400


# -- what the tests above share -------------------------------------------------------------------


def simple(server: ChatServer | None, count: int = 2, **more: Any) -> dict[str, Any]:
    evalset: dict[str, Any] = {
        "prompt": "{{ input }}",
        "graders": ["equals"],
        "repeats": 2,
        "cases": make_cases(count),
    }
    if server is not None:
        evalset["models"] = model_at(server)
    return evalset | more


def said(result: pytest.RunResult, *parts: str) -> bool:
    """Whether the terminal section names all of these, wherever its lines were wrapped."""
    text = " ".join(result.stdout.str().partition("= ftgate =")[2].split())
    missing = [part for part in parts if part not in text]
    assert not missing, (missing, text)
    return True


def assert_clean(result: pytest.RunResult) -> None:
    for text in (result.stdout.str(), result.stderr.str()):
        assert "Traceback" not in text
        assert "INTERNALERROR" not in text


def assert_incomplete(world: World, result: pytest.RunResult) -> None:
    assert_clean(result)
    assert world.verdict()["decision"] == "incomplete"
    assert json.loads((world.path / ".ftgate/runs/latest/report.json").read_text())["ftgate"] == 1
    result.stdout.fnmatch_lines(["FAILED t.evalset.yaml::gate::complete*"])


def test_a_key_cannot_start_a_line_of_a_log(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    path = world.path / "t.evalset.yaml"
    path.write_text(HEAD + '"\\e[31m\\n::error::pwn": 1\n' + CASES)
    said_by_pytest = world.run().stdout.str()
    capsys.readouterr()
    assert main(["check", str(path)]) == 1
    for said in (said_by_pytest, capsys.readouterr().out):
        assert "t.evalset.yaml:6: /\\x1b[31m\\n::error::pwn: unknown key" in said
        assert "\x1b" not in said
        assert not [line for line in said.splitlines() if line.lstrip().startswith("::")]

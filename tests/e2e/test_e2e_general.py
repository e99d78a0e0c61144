"""The general-capability pack, written by `init general` and run: offline by replay, and live."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from e2e_world import World
from servers import Call, ChatServer

from pytest_ftgate.cli.main import main
from pytest_ftgate.general_pack import SUITES

DATA = Path(__file__).resolve().parents[1] / "data"
MODELS = ("--base", "openai/untuned", "--candidate", "openai/tuned")
NO_FUNCTION = "None of the functions can do that."


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def pack(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Writes suites of the pack as a user would; gives their cases by suite."""

    def write(*suites: str, **options: str) -> dict[str, list[dict[str, Any]]]:
        # Only code of the benchmark itself is run here; a real sandbox is taken where there is one.
        world.pytester.makeini("[pytest]\nftgate_code_unsafe = true\n")
        monkeypatch.chdir(world.path)
        flags = [f"--{name}={value}" for name, value in options.items()]
        assert main(["init", "general", *MODELS, "--repeats", "1", "--suites", ",".join(suites), *flags]) == 0
        capsys.readouterr()
        return {suite: read_lines(world.path / "general" / "cases" / f"{suite}.jsonl") for suite in suites}

    return write


def keep_cases(world: World, suite: str, ids: set[str]) -> None:
    path = world.path / "general" / "cases" / f"{suite}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in read_lines(path) if row["id"] in ids))


def make_call(expected: list[dict[str, Any]]) -> str:
    """The calls that BFCL allows, with the first value on offer for each argument."""
    calls = [
        {
            "name": name,
            "arguments": {key: choose(allowed) for key, allowed in arguments.items() if "" not in allowed},
        }
        for wanted in expected
        for name, arguments in wanted.items()
    ]
    return json.dumps(calls) if calls else NO_FUNCTION


def choose(allowed: list[Any]) -> Any:
    return spell_out(allowed[0])


def spell_out(value: Any) -> Any:
    """Objects come with a list of allowed values for each key."""
    if isinstance(value, list):
        return [spell_out(item) for item in value]
    if isinstance(value, dict):
        return {key: choose(allowed) for key, allowed in value.items() if "" not in allowed}
    return value


def answer_rightly(suite: str, case: dict[str, Any], recorded: dict[str, str]) -> str:
    if suite == "mathematics":
        return f"It is so.\nThe answer is {case['expected']}."
    if suite in ("knowledge", "truthfulness"):
        return f"Think. The answer is ({case['expected']})."
    if suite == "tool_calling":
        return make_call(case["expected"])
    if suite == "plain_json":
        return json.dumps(case["expected"])
    return recorded[case["id"]]


def replay(world: World, rows: list[dict[str, Any]]) -> tuple[int, str, dict[str, Any]]:
    """Exit status, terminal, and suite → its row of the card."""
    world.write_lines("answers.jsonl", rows)
    result = world.run("general", "--ftgate-replay", "answers.jsonl")
    card = world.report()["capability"]
    return int(result.ret), result.stdout.str(), {suite["suite"]: suite for suite in card["suites"]}


def name_evalset(suite: str) -> str:
    return f"general-{suite.replace('_', '-')}"


def test_right_answers_pass_every_suite_and_a_loss_is_found_where_it_is(world: World, pack: Any) -> None:
    cases = pack(*SUITES)
    solutions = read_lines(DATA / "humaneval_cases.jsonl")
    keep_cases(world, "coding", {row["id"] for row in solutions})
    cases["coding"] = [case for case in cases["coding"] if case["id"] in {row["id"] for row in solutions}]
    instructed = read_lines(DATA / "ifeval_outputs.jsonl")
    recorded = {row["id"]: f"```python\n{row['input']}{row['reference']}```" for row in solutions}
    recorded |= {row["id"]: row["output"] for row in instructed}
    rows = []
    for suite, of in cases.items():
        for number, case in enumerate(of):
            right = answer_rightly(suite, case, recorded)
            tuned = "I do not call functions." if suite == "tool_calling" and number % 4 == 0 else right
            rows += [
                {"evalset": name_evalset(suite), "case": case["id"], "role": role, "output": output}
                for role, output in (("base", right), ("candidate", tuned))
            ]
    status, output, card = replay(world, rows)
    assert (len(card), status) == (7, 1)
    followed = sum(all(row["strict"]) for row in instructed)
    for name, suite in card.items():
        share = followed / 80 if name == "instructions" else 1.0
        assert suite["base"] == pytest.approx(share), name
        assert suite["loss"]["outcome"] == (
            "lost" if name == "tool calling" else "retained" if name != "coding" else "inconclusive"
        )
    # 24 of 60 cases are too few to prove anything; the card says how many would do.
    assert card["coding"]["loss"]["cases_needed"] > 60
    text = " ".join(output.split("general capability:")[1].split())
    assert "CAPABILITY LOST: tool calling lost" in text
    assert "retained in 5 of 7 suites; not decided: coding." in text
    failed = {e["name"] for e in world.report()["evalsets"] for g in e["gates"] if g["outcome"] == "failed"}
    assert failed == {"general-tool-calling"}
    document = (DATA.parents[1] / "docs" / "general.md").read_text(encoding="utf-8")
    assert document.split("```text\n")[1].split("\n```")[0] in output


def test_recorded_models_offline_by_replay(world: World, pack: Any) -> None:
    pack("mathematics", "knowledge", "instructions")
    sources = {
        "mathematics": ("gsm8k_outputs.jsonl", "case", ("gpt3-6b-finetuned", "gpt3-6b-verifier")),
        "knowledge": ("mmlu_pro_outputs.jsonl", "case", ("mathstral-7B-v0.1", "Mistral-7B-Instruct-v0.1")),
        "instructions": ("ifeval_outputs.jsonl", "id", (None, None)),
    }
    rows, right = [], {}
    for suite, (name, key, models) in sources.items():
        for role, model in zip(("base", "candidate"), models, strict=True):
            found = [row for row in read_lines(DATA / name) if model is None or row["model"] == model]
            rows += [
                {"evalset": name_evalset(suite), "case": row[key], "role": role, "output": row["output"]}
                for row in found
            ]
            if model is not None:
                right[suite, role] = {row[key]: row["label"] == "correct" for row in found}
    status, _, card = replay(world, rows)
    for suite in ("mathematics", "knowledge"):
        own, base = right[suite, "candidate"], right[suite, "base"]
        gains = [own[case] - base[case] for case in own]
        assert card[suite]["loss"]["difference"] == pytest.approx(sum(gains) / len(gains))
        (pair,) = next(e["roles"] for e in world.report()["evalsets"] if e["name"] == name_evalset(suite))
        assert (len(pair["fixed"]), len(pair["broken"])) == (gains.count(1), gains.count(-1))
    assert {name: suite["loss"]["outcome"] for name, suite in card.items()} == {
        "mathematics": "retained",
        "knowledge": "lost",
        "instructions": "retained",
    }
    assert status == 1


def test_live_on_two_models(world: World, pack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not-needed")

    def script(call: Call) -> str:
        case = next(case for case in cases if case["input"] in call.prompt)
        return f"The answer is {case['expected'] if call['model'] == 'untuned' else 'unknown'}."

    with ChatServer(script) as server:
        (cases,) = pack("mathematics", param=f"api_base={server.base_url}").values()
        keep_cases(world, "mathematics", {case["id"] for case in cases[:30]})
        result = world.run("general")
        assert server.count == 60
    card = world.report()["capability"]
    assert card["models"] == {"candidate": ["tuned"], "base": ["untuned"]}
    assert (card["outcome"], result.ret) == ("lost", 1)
    assert card["suites"][0]["loss"]["difference"] == -1.0

"""The capability card of a run: recorded answers of real models as base and candidate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from e2e_world import World

from pytest_ftgate.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
SCHEMA = jsonschema.Draft202012Validator(json.loads((ROOT / "schemas" / "report.schema.json").read_text()))
GATES = {"accuracy": "off", "no_regression": {"against": "base", "margin": 0.05}}
MATHSTRAL, MISTRAL, LLAMA = "mathstral-7B-v0.1", "Mistral-7B-Instruct-v0.1", "Llama-3.1-8B-Instruct"


def read_rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


ROWS = {"knowledge": read_rows("mmlu_pro_outputs.jsonl"), "mathematics": read_rows("gsm8k_outputs.jsonl")}
GRADERS = {"knowledge": "choice", "mathematics": "numeric"}


def right(suite: str, model: str) -> dict[str, bool]:
    """Case → whether that model is right, by the source's label."""
    return {row["case"]: row["label"] == "correct" for row in ROWS[suite] if row["model"] == model}


def add_suite(world: World, name: str, base: str, candidate: str, **more: Any) -> list[dict[str, Any]]:
    """Write the evalset of a suite; gives its recorded responses."""
    cases = {row["case"]: row["expected"] for row in ROWS[name]}
    world.write(
        name,
        {
            "suite": name,
            "repeats": 1,
            "models": {"base": f"test/{base}", "candidate": f"test/{candidate}"},
            "prompt": "{{ input }}",
            "graders": [GRADERS[name]],
            "gates": GATES,
            "decision": "off",
            "cases": [{"id": case, "input": case, "expected": expected} for case, expected in cases.items()],
            **more,
        },
    )
    return [
        {"evalset": name, "case": row["case"], "role": role, "output": row["output"]}
        for role, model in (("base", base), ("candidate", candidate))
        for row in ROWS[name]
        if row["model"] == model
    ]


def replay(world: World, rows: list[dict[str, Any]], *arguments: str) -> tuple[int, str, dict[str, Any]]:
    """Exit status, the terminal's text, and the report, valid under its schema."""
    world.write_lines("answers.jsonl", rows)
    result = world.run("--ftgate-replay", "answers.jsonl", *arguments)
    SCHEMA.validate(world.report())
    return int(result.ret), result.stdout.str(), world.report()


@pytest.mark.parametrize(
    ("base", "candidate", "outcome", "status"),
    [
        (MATHSTRAL, MISTRAL, "lost", 1),
        (MISTRAL, MATHSTRAL, "retained", 0),
        (LLAMA, MISTRAL, "lost", 1),
        (LLAMA, MATHSTRAL, "inconclusive", 0),
        (MATHSTRAL, MATHSTRAL, "retained", 0),
    ],
)
def test_knowledge_of_mmlu_pro_lost_gained_and_silent_for_the_model_itself(
    world: World, base: str, candidate: str, outcome: str, status: int
) -> None:
    code, output, report = replay(world, add_suite(world, "knowledge", base, candidate))
    own, other = right("knowledge", candidate), right("knowledge", base)
    gains = [own[case] - other[case] for case in own]
    (suite,) = report["capability"]["suites"]
    assert suite["loss"]["difference"] == pytest.approx(sum(gains) / 84)
    assert (suite["base"], suite["candidate"]) == pytest.approx(
        (sum(other.values()) / 84, sum(own.values()) / 84)
    )
    assert (suite["loss"]["outcome"], report["capability"]["outcome"]) == (outcome, outcome)
    (pair,) = report["evalsets"][0]["roles"]
    assert {case for case in own if own[case] < other[case]} == set(pair["broken"])
    assert {case for case in own if own[case] > other[case]} == set(pair["fixed"])
    assert code == status
    assert f"CAPABILITY {outcome.upper()}" in output
    assert f"general capability: candidate test/{candidate} against base test/{base}" in " ".join(
        output.split()
    )


def test_suites_of_one_run_are_judged_together(world: World) -> None:
    rows = add_suite(world, "knowledge", LLAMA, LLAMA)
    rows += add_suite(
        world,
        "mathematics",
        "gpt3-175b-verifier",
        "gpt3-175b-finetuned",
        suite={"name": "mathematics", "weight": 3},
    )
    code, output, report = replay(world, rows, "--ftgate-report", "markdown=card.md")
    card = report["capability"]
    assert {suite["suite"]: suite["loss"]["outcome"] for suite in card["suites"]} == {
        "knowledge": "retained",
        "mathematics": "lost",
    }
    own, other = (right("mathematics", f"gpt3-175b-{kind}") for kind in ("finetuned", "verifier"))
    drop = (sum(own.values()) - sum(other.values())) / 100
    assert card["overall"]["difference"] == pytest.approx((0 + 3 * drop) / 4)
    assert (card["tests"], card["overall"]["outcome"], code) == (3, "lost", 1)
    # What the terminal, Markdown and the gate say is what the report holds.
    section = output.split("general capability:")[1].split("run folder")[0]
    assert [line for line in section.splitlines() if len(line) > 80] == []
    assert "CAPABILITY LOST: mathematics lost 19.0 points; retained in 1 of 2 suites." in " ".join(
        section.split()
    )
    assert "weights knowledge 1, mathematics 3" in " ".join(section.split())
    text = (world.path / "card.md").read_text()
    assert text.index("CAPABILITY LOST") < text.index("## knowledge.evalset.yaml")
    gates = {e["name"]: g for e in report["evalsets"] for g in e["gates"] if g["name"] == "no_regression"}
    assert gates["mathematics"]["outcome"] == "failed"
    assert "corrected for the 3 tests" in gates["mathematics"]["reason"]
    assert gates["knowledge"]["outcome"] == "passed"


def test_judging_again_and_explaining_show_the_same_card(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = add_suite(world, "knowledge", MATHSTRAL, MISTRAL)
    rows += add_suite(world, "mathematics", "gpt3-6b-finetuned", "gpt3-6b-verifier")
    card = replay(world, rows)[2]["capability"]
    monkeypatch.chdir(world.path)
    capsys.readouterr()
    assert main(["explain"]) == 0
    assert "CAPABILITY LOST: knowledge lost" in capsys.readouterr().out
    assert main(["judge"]) == 1
    assert "CAPABILITY LOST: knowledge lost" in capsys.readouterr().out
    assert world.report()["capability"] == card


@pytest.mark.slow
def test_workers_and_merged_shards_give_the_same_card(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = add_suite(world, "knowledge", MATHSTRAL, MISTRAL)
    rows += add_suite(world, "mathematics", "gpt3-6b-finetuned", "gpt3-6b-verifier")
    card = replay(world, rows)[2]["capability"]
    result = world.run("--ftgate-replay", "answers.jsonl", "-n", "2", subprocess=True)
    assert result.ret == 1
    assert world.report()["capability"] == card
    for shard in (1, 2):
        arguments = ("--ftgate-shard", f"{shard}/2", "--ftgate-dir", f"shard-{shard}")
        assert world.run("--ftgate-replay", "answers.jsonl", *arguments).ret == 0
        path = world.path / f"shard-{shard}" / "runs" / "latest" / "report.json"
        assert json.loads(path.read_text())["capability"] is None
    monkeypatch.chdir(world.path)
    capsys.readouterr()
    assert main(["merge", "shard-1/runs/latest", "shard-2/runs/latest"]) == 1
    assert "CAPABILITY LOST: knowledge lost" in capsys.readouterr().out
    assert world.report()["capability"] == card


def test_one_suite_s_slight_loss_does_not_fail_the_build_among_many(world: World) -> None:
    """4 of 80 cases lost: proven by itself (p = .03), not among seven suites."""
    cases = [{"id": f"c{n}", "input": f"q{n}", "expected": "yes"} for n in range(80)]
    names = ["slight", *(f"same{n}" for n in range(6))]
    rows = []
    for name in names:
        models = {"base": "test/b", "candidate": "test/c"}
        world.write(
            name,
            {
                "suite": name, "repeats": 1, "models": models, "prompt": "{{ input }}", "graders": ["equals"],
                "gates": GATES, "decision": "off", "cases": cases,
            },
        )  # fmt: skip
        for role in models:
            for n, case in enumerate(cases):
                is_lost = name == "slight" and role == "candidate" and n < 4
                rows.append(
                    {"evalset": name, "case": case["id"], "role": role, "output": "no" if is_lost else "yes"}
                )
    code, _, report = replay(world, rows)
    assert (code, report["capability"]["outcome"]) == (0, "inconclusive")
    gate = next(
        g
        for e in report["evalsets"]
        if e["name"] == "slight"
        for g in e["gates"]
        if g["name"] == "no_regression"
    )
    assert (gate["outcome"], gate["proven"]) == ("passed", False)
    code, _, report = replay(world, rows, "--ftgate-strict")
    assert code == 1
    code, _, report = replay(world, [r for r in rows if r["evalset"] == "slight"], "slight.evalset.yaml")
    assert (code, report["capability"]["outcome"]) == (1, "lost")


def test_a_suite_whose_answers_are_missing_is_not_evaluated_and_never_green(world: World) -> None:
    rows = add_suite(world, "knowledge", LLAMA, LLAMA)
    add_suite(world, "mathematics", "gpt3-6b-finetuned", "gpt3-6b-verifier")
    code, output, report = replay(world, rows)
    card = report["capability"]
    assert [suite["reason"] != "" for suite in card["suites"]] == [False, True]
    assert (card["outcome"], card["overall"], code) == ("inconclusive", None, 1)
    assert "not evaluated: mathematics" in " ".join(output.split())


@pytest.mark.parametrize("selection", ["mmlu-pro-3441", "not mmlu"])
def test_a_selection_shows_no_card(world: World, selection: str) -> None:
    rows = add_suite(world, "knowledge", MATHSTRAL, MISTRAL)
    world.write_lines("answers.jsonl", rows)
    result = world.run("--ftgate-replay", "answers.jsonl", "-k", selection)
    assert "CAPABILITY" not in result.stdout.str()


def test_without_a_base_there_is_no_card(world: World) -> None:
    rows = add_suite(
        world, "knowledge", MATHSTRAL, MISTRAL, models={"candidate": "test/c"}, gates={"accuracy": "off"}
    )
    _, output, report = replay(world, [row for row in rows if row["role"] == "candidate"])
    assert report["capability"] is None
    assert "CAPABILITY" not in output


@pytest.mark.parametrize(
    ("suite", "what"),
    [
        ("", "/suite"),
        ({"weight": 2}, "name"),
        ({"name": "a", "weight": 0}, "weight"),
        ({"name": "a", "wieght": 1}, "weight"),
        ("x" * 50, "/suite"),
        ("<script>", "/suite"),
    ],
)
def test_a_suite_that_is_none_is_told(world: World, suite: Any, what: str) -> None:
    add_suite(world, "knowledge", LLAMA, LLAMA, suite=suite)
    result = world.run("--collect-only")
    assert result.ret != 0
    assert what in result.stdout.str()

"""The pre-check before a run: said before a model is asked, and heeded by the verdict."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from e2e_world import World
from verdict_world import SHOTS, cases, evalset, rows, script, served_by, truth, wrong

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
LEFT_OUT = 16


def right(arm: str, number: int, repeat: int) -> str:
    return truth(number)


def flat(result: pytest.RunResult) -> str:
    return " ".join(result.stdout.str().split())


# -- Banking77 -------------------------------------------------------------------------------


def replay_banking(world: World, left_out: list[str]) -> dict[str, Any]:
    """The recorded answers of the example, under a prompt that leaves labels out."""
    folder = world.path / "banking77"
    shutil.copytree(EXAMPLES / "banking77", folder)
    world.pytester.makeini("[pytest]")
    prompt = (folder / "classify.md").read_text().splitlines()
    (folder / "classify.md").write_text("\n".join(line for line in prompt if line not in left_out))
    answers = "banking77/base.responses.jsonl"
    world.run("banking77/before.evalset.yaml", "--rootdir", str(world.path), "--ftgate-replay", answers)
    return world.entry()


def test_banking77_with_sixteen_labels_left_out_is_not_ready_and_names_them(world: World) -> None:
    labels = json.loads((EXAMPLES / "banking77" / "labels.json").read_text())
    left_out = sorted(labels)[:: len(labels) // LEFT_OUT][:LEFT_OUT]
    entry = replay_banking(world, left_out)
    assert entry["verdict"]["decision"] == "not_ready"
    (fault,) = [finding for finding in entry["findings"] if finding["blocks"]]
    rows = [json.loads(line) for line in (EXAMPLES / "banking77" / "cases.jsonl").read_text().splitlines()]
    named = {label: [row["id"] for row in rows if row["expected"] == label] for label in left_out}
    assert fault["rule"] == "label-not-offered"
    assert sorted(fault["cases"]) == sorted(case for ids in named.values() for case in ids)
    told = ", ".join(f"{label} ({len(ids)})" for label, ids in sorted(named.items()))
    assert fault["what"].startswith(f"{LEFT_OUT} expected labels ")
    assert fault["what"].endswith(f": {told}")
    assert "16 expected labels" in entry["verdict"]["reason"]


def test_banking77_with_all_labels_offered_is_ready(world: World) -> None:
    entry = replay_banking(world, [])
    assert entry["verdict"]["decision"] != "not_ready"
    assert [finding for finding in entry["findings"] if finding["severity"] != "note"] == []


# -- before a run ----------------------------------------------------------------------------


def faulty(**more: Any) -> dict[str, Any]:
    """Two cases contradict each other, and one is a copy."""
    mine = cases(12)
    mine[3] = {**mine[1], "id": "c003", "expected": truth(2)}
    mine[5] = {**mine[4], "id": "c005"}
    return evalset(12, cases=mine, repeats=1, **more)


@pytest.mark.parametrize("arguments", [(), ("-n", "2")])
def test_faults_are_told_before_the_first_request(world: World, arguments: tuple[str, ...]) -> None:
    world.pytester.makeconftest(
        "def pytest_ftgate_record_finished(config, record): print('A RECORD', flush=True)"
    )
    with world.serve(script(right)) as server:
        world.write("tickets", faulty() | {"models": served_by(server)})
        result = world.run("-s", *arguments, subprocess=bool(arguments))
    early, _, late = result.stdout.str().partition("A RECORD")
    assert late
    said = " ".join(early.split())
    assert "error: the same input has different expected outputs: c001 / c003" in said
    assert "note: 1 of 12 cases repeat another one" not in said
    assert "warning: 11 different cases can be judged, a diagnosis needs 50" in said
    assert "no accuracy can be proven to reach the bar" in said
    assert world.verdict()["decision"] == "not_ready"
    assert {"copied-cases", "undecidable-range"} <= {finding["rule"] for finding in world.entry()["findings"]}


def test_quiet_runs_tell_early_only_what_voids_the_verdict(world: World) -> None:
    world.write("tickets", faulty())
    world.write_lines("rows.jsonl", rows(right, ["as_is"], 12, 1))
    early = flat(world.run("-q", "--ftgate-replay", "rows.jsonl")).partition("FAILED")[0]
    assert "error: the same input has different" in early
    assert "a diagnosis needs 50" not in early.partition("= ftgate =")[0]


def test_a_part_of_an_evalset_is_not_looked_at(world: World) -> None:
    world.write("tickets", faulty())
    world.write_lines("rows.jsonl", rows(right, ["as_is"], 12, 1))
    result = world.run("-k", "c001", "--ftgate-replay", "rows.jsonl")
    assert "ftgate: tickets.evalset.yaml" not in result.stdout.str()
    assert world.verdict()["decision"] == "not_asked"


def test_the_plan_tells_faults_and_asks_nothing(world: World) -> None:
    with world.serve(script(right)) as server:
        world.write("tickets", faulty() | {"models": served_by(server)})
        said = flat(world.run("--ftgate-plan"))
        assert server.count == 0
    assert "error: the same input has different expected outputs" in said
    assert "warning: 11 different cases can be judged" in said


# -- what the verdict heeds --------------------------------------------------------------------


def test_contexts_without_the_answer_keep_tuning_from_being_justified(world: World) -> None:
    """Every arm fails alike; a fifth of the contexts is of something else."""

    def refusing(arm: str, number: int, repeat: int) -> str:
        return "no idea"

    def build(lacking: int) -> dict[str, Any]:
        facts = [f"V{number * 7919}X" for number in range(60)]
        mine = [
            {
                "id": f"c{number:03d}",
                "input": f"key=c{number:03d}",
                "expected": fact,
                "context": "nothing" if number < lacking else f"The value is {fact}.",
            }
            for number, fact in enumerate(facts)
        ]
        return {
            "prompt": "Say the value. {{ input }}",
            "graders": ["equals"],
            "repeats": 3,
            "arms": {"few_shot": {"examples": SHOTS, "k": 8}, "context": {}},
            "cases": mine,
        }

    def judge(lacking: int) -> dict[str, Any]:
        world.write("facts", build(lacking))
        world.write_lines("rows.jsonl", rows(refusing, ["as_is", "few_shot", "context"], 60, 3))
        world.run("--ftgate-replay", "rows.jsonl")
        return world.verdict()

    assert judge(0)["decision"] == "fine_tune_justified"
    verdict = judge(9)
    assert verdict["decision"] == "inconclusive"
    assert "context that contains the answer is given for 51 of 60 cases" in verdict["reason"]


def test_copies_are_no_cases_of_a_diagnosis(world: World) -> None:
    def guessing(arm: str, number: int, repeat: int) -> str:
        return wrong(number, 0.3) if number % 2 else truth(number)

    mine = cases(50)
    mine[9] = {**mine[1], "id": "c009"}
    world.write("tickets", evalset(50, cases=mine))
    world.write_lines("rows.jsonl", rows(guessing, ["as_is"], 50, 3))
    world.run("--ftgate-replay", "rows.jsonl")
    assert world.verdict()["decision"] == "not_ready"
    assert "Only 49 distinct judged cases" in world.verdict()["reason"]


def test_a_wrong_expected_value_is_suspect_after_a_run(world: World) -> None:
    """Whoever is asked says the same; the evalset says otherwise."""
    mine = cases(60)
    mine[7]["expected"] = "refund"
    world.write("tickets", evalset(60, cases=mine, arms=["few_shot"]))
    world.write_lines("rows.jsonl", rows(right, ["as_is", "few_shot"], 60, 3))
    world.run("--ftgate-replay", "rows.jsonl", "--ftgate-exhaustive")
    (found,) = [f for f in world.entry()["findings"] if f["rule"] == "suspect-expected"]
    assert found["cases"] == ["c007"]
    assert f"c007 expects 'refund', 6 of 6 answers are {truth(7)!r}" in found["what"]

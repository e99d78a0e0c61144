"""Several draws of few-shot examples, from the file to node ids, gates, reports and the verdict."""

from __future__ import annotations

import json
from typing import Any

import pytest
from e2e_world import World
from servers import Call
from verdict_world import LABELS, chance, evalset, rows, served_by, truth, wrong

POOL = [{"input": f"solved {number}", "expected": LABELS[number % len(LABELS)]} for number in range(24)]
DRAWS = ("few_shot[1]", "few_shot[2]", "few_shot[3]")


def tickets(count: int = 6, repeats: int = 1, **more: Any) -> dict[str, Any]:
    arms = {"few_shot": {"examples": POOL, "k": 8, "draws": 3}, **more.pop("arms", {})}
    return evalset(count, repeats=repeats, **more) | {"arms": arms}


def replayed(world: World, written: dict[str, Any], answer: Any, *arguments: str) -> pytest.RunResult:
    count, repeats = len(written["cases"]), written["repeats"]
    world.write("t", written)
    world.write_lines("rows.jsonl", rows(answer, ("as_is", *DRAWS), count, repeats))
    return world.run("--ftgate-replay", "rows.jsonl", *arguments)


def right(_arm: str, number: int, _repeat: int) -> str:
    return truth(number)


def ran(result: pytest.RunResult) -> list[str]:
    return sorted(line.split(" ")[0] for line in result.outlines if "::c0" in line and "PASSED" in line)


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("t.evalset.yaml::few_shot[2]::c001", ["t.evalset.yaml::few_shot[2]::c001"]),
        ("t.evalset.yaml::few_shot[2]", [f"t.evalset.yaml::few_shot[2]::c00{i}" for i in range(3)]),
        ("t.evalset.yaml::few_shot", [f"t.evalset.yaml::{d}::c00{i}" for d in DRAWS for i in range(3)]),
    ],
)
def test_node_ids_of_draws_can_be_pasted(world: World, argument: str, expected: list[str]) -> None:
    result = replayed(world, tickets(3), right, "-v", argument)
    assert ran(result) == expected
    assert world.verdict()["decision"] == "not_asked"


def test_a_pasted_case_adds_to_what_else_is_named(world: World) -> None:
    two = ["t.evalset.yaml::few_shot[1]::c000", "t.evalset.yaml::few_shot[2]::c001"]
    assert ran(replayed(world, tickets(3), right, "-v", *two)) == two
    whole = replayed(world, tickets(3), right, "-v", two[0], "t.evalset.yaml")
    assert len(ran(whole)) == 12
    unknown = replayed(world, tickets(3), right, "t.evalset.yaml::few_shot[1]::nope")
    assert unknown.ret == pytest.ExitCode.USAGE_ERROR
    unknown.stderr.fnmatch_lines(["*not found: t.evalset.yaml::few_shot*nope*"])


def test_draws_are_selected_by_keyword_and_by_arm(world: World) -> None:
    assert len(ran(replayed(world, tickets(3), right, "-v", "-k", "few_shot"))) == 9
    assert len(ran(replayed(world, tickets(3), right, "-v", "-k", "few_shot[3] and c001"))) == 1
    replayed(world, tickets(3), right, "--ftgate-arms", "few_shot")
    assert {arm["arm"]: arm["status"] for arm in world.entry()["arms"]} == dict.fromkeys(
        ("as_is", *DRAWS), "run"
    )
    replayed(world, tickets(3), right, "--ftgate-arms", "as_is")
    assert world.verdict()["missing_arms"] == ["few_shot"]


def test_a_pasted_case_of_a_draw_under_xdist(world: World) -> None:
    world.write("t", tickets(3))
    world.write_lines("rows.jsonl", rows(right, ("as_is", *DRAWS), 3, 1))
    pasted = "t.evalset.yaml::few_shot[2]::c001"
    result = world.run("--ftgate-replay", "rows.jsonl", "-n", "2", "-v", pasted, subprocess=True)
    assert [line for line in result.outlines if "PASSED" in line and "::c0" in line] != []
    assert {record["case"] for record in world.records()} == {"c001"}
    assert {record["arm"] for record in world.records()} == {"few_shot[2]"}


def test_a_gate_of_the_arm_is_a_gate_of_each_draw(world: World) -> None:
    def one_bad_draw(arm: str, number: int, _repeat: int) -> str:
        return wrong(number, 0.5) if arm == "few_shot[2]" else truth(number)

    gates = {"accuracy": {"arm": "few_shot"}, "format_failures": {"arm": "few_shot[1]"}}
    result = replayed(world, tickets(6, gates=gates), one_bad_draw, "-v")
    outcomes = {(g["name"], g["arm"]): g["outcome"] for g in world.entry()["gates"]}
    assert outcomes == {
        ("complete", "as_is"): "passed",
        ("accuracy", "few_shot[1]"): "passed",
        ("accuracy", "few_shot[2]"): "failed",
        ("accuracy", "few_shot[3]"): "passed",
        ("format_failures", "few_shot[1]"): "passed",
    }
    failed = "t.evalset.yaml::gate::accuracy[few_shot[2]-candidate]"
    assert result.ret == 1
    assert any(line.startswith(f"FAILED {failed}") for line in result.outlines)
    assert world.run("--ftgate-replay", "rows.jsonl", failed, "-v").ret == 1
    assert world.verdict()["decision"] != "not_asked", "a gate's node id stands for its whole evalset"


def test_one_lucky_draw_is_named_for_what_it_is(world: World) -> None:
    share = {"as_is": 0.6, "few_shot[1]": 0.7, "few_shot[2]": 0.97, "few_shot[3]": 0.72}

    def answer(arm: str, number: int, repeat: int) -> str:
        is_right = chance(arm, number, repeat) < share[arm]
        return truth(number) if is_right else wrong(number, chance("w", arm, number, repeat))

    replayed(world, tickets(80, repeats=3), answer, "--ftgate-report", "markdown=r.md")
    stopped = world.entry()
    assert {arm["arm"]: arm["status"] for arm in stopped["arms"]}["few_shot[3]"] == "not_run"
    replayed(world, tickets(80, repeats=3), answer, "--ftgate-exhaustive")
    verdict = world.verdict()
    assert (verdict["decision"], verdict["recommended_arm"]) == ("improve_prompt", "few_shot[2]")
    assert verdict["m_arms"] == 4
    assert "one of 3 draws of examples (others: few_shot[1] 6" in verdict["reason"]
    assert "not all of them reach 80 %: ship this very set" in verdict["reason"]
    draws = next(arm for arm in world.entry()["arms"] if arm["arm"] == "few_shot[2]")["draws"]
    assert (draws["number"], draws["count"], len(draws["shots"])) == (2, 3, 8)
    assert (
        f"examples {', '.join(map(str, draws['shots'][:-1]))} and {draws['shots'][-1]} of its pool"
        in (verdict["changes"][0])
    )


def test_every_draw_must_be_below_before_tuning(world: World) -> None:
    """Three draws that all fail in one way count as three arms; one near the bar keeps it open."""

    def answer(best: float) -> Any:
        def ask(arm: str, number: int, repeat: int) -> str:
            share = best if arm == "few_shot[3]" else 0.5
            is_right = chance(number, "hard") < share
            return truth(number) if is_right else LABELS[(number % len(LABELS)) ^ 1]

        return ask

    written = tickets(100, repeats=3)
    written["graders"] = [{"label": {"labels": LABELS}}]
    written["decision"] = {"knowledge": "none", "waive": {"structured": "no schema here"}}
    replayed(world, written, answer(0.5))
    below = world.verdict()
    assert "None of the 4 arms run (3 of them draws of few_shot) reaches 80 %" in below["reason"]
    replayed(world, written, answer(0.8))
    assert world.verdict()["decision"] == "inconclusive"


def test_draws_are_recorded_and_replayed_by_name(world: World) -> None:
    def reply(call: Call) -> str:
        return truth(int(call.prompt.rsplit("key=c", 1)[1][:3]))

    with world.serve(reply) as server:
        world.write("t", tickets(3, models=served_by(server)))
        world.run("--ftgate-record", "answers.jsonl", "--ftgate-exhaustive")
    recorded = [json.loads(line) for line in (world.path / "answers.jsonl").read_text().splitlines()]
    assert sorted({row["arm"] for row in recorded}) == ["as_is", *DRAWS]
    first = world.entry()
    world.run("--ftgate-replay", "answers.jsonl", "--ftgate-exhaustive")
    again = world.entry()
    assert again["verdict"]["decision"] == first["verdict"]["decision"]
    assert [arm["accuracy"] for arm in again["arms"]] == [arm["accuracy"] for arm in first["arms"]]
    world.write("t", tickets(3, models=served_by(server)) | {"arms": {}})
    lost = world.run("--ftgate-replay", "answers.jsonl")
    lost.stderr.fnmatch_lines(["*arm 'few_shot?1?' is in no planned evalset*"])

"""Suspects are asked again where only recurrence keeps the verdict open: live, replayed, with xdist."""

from __future__ import annotations

import json
from typing import Any

import pytest
from e2e_world import World, comparable
from servers import ChatServer
from verdict_world import chance, evalset, rows, script, served_by, truth

from pytest_ftgate.cli.main import main

ARMS = ("few_shot", "structured")
COUNT = 60


def answer(arm: str, number: int, draw: int) -> str:
    """45 % of the answers are the label `address`, whatever the case."""
    return "address" if chance(arm, number, draw) < 0.45 else truth(number)


def write(world: World, server: ChatServer | None = None, **decision: Any) -> None:
    more = {"models": served_by(server, temperature=0.7)} if server else {}
    world.write(
        "t",
        evalset(COUNT, arms=ARMS, repeats=1, decision={"knowledge": "none", "looks": 1, **decision}, **more),
    )


def further(world: World) -> list[dict[str, Any]]:
    return [record for record in world.records() if record["repeat"] > 1]


def test_one_repeat_and_further_ones_of_suspects_decide(world: World) -> None:
    with world.serve(script(answer)) as server:
        write(world, server)
        result = world.run("--ftgate-record", "answers.jsonl", "-v", "--ftgate-report", "markdown=r.md")
        sent = server.count
    assert world.verdict()["decision"] == "fine_tune_justified"
    assert result.ret == 0
    entry, extra = world.entry(), further(world)
    assert entry["further_trials"] == len(extra) > 0
    assert sent == 3 * COUNT + len(extra) + 2  # and the probe of the schema
    assert {record["repeat"] for record in extra} == {2, 3, 4, 5}
    assert all(arm["accuracy"]["graded"] == arm["planned"] == COUNT for arm in entry["arms"])
    suspects = {(record["arm"], record["case"]) for record in extra}
    assert all(
        record["outcome"] == "failed"
        for record in world.records()
        if record["repeat"] == 1 and (record["arm"], record["case"]) in suspects
    )
    text = " ".join(result.stdout.str().split())
    assert f"{len(extra):,} further repeats of cases that failed were asked, for recurrence alone" in text
    assert "Negative control: the same search finds a pattern in" in text
    assert "Negative control" in (world.path / "r.md").read_text()
    assert entry["pattern_control"]["holds"]
    # The same answers, replayed and judged again, come to the same.
    found = comparable(entry)
    assert world.run("--ftgate-replay", "answers.jsonl").ret == 0
    assert comparable(world.entry())["verdict"] == found["verdict"]
    assert comparable(world.entry())["patterns"] == found["patterns"]
    assert len(further(world)) == len(extra)


def test_judged_again_they_still_count(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with world.serve(script(answer)) as server:
        write(world, server)
        world.run()
    extra = len(further(world))
    monkeypatch.chdir(world.path)
    assert main(["judge", "latest"]) == 0
    capsys.readouterr()
    assert world.verdict()["decision"] == "fine_tune_justified"
    assert world.entry()["further_trials"] == extra
    assert not [f for f in world.entry()["findings"] if "has no more" in f["what"]]


def test_they_can_be_turned_off(world: World) -> None:
    with world.serve(script(answer)) as server:
        write(world, server, further_repeats=0)
        world.run()
        assert server.count == 3 * COUNT + 2
    assert world.verdict()["decision"] == "inconclusive"
    assert "recurrence" in world.verdict()["reason"]
    assert further(world) == []


def test_a_recording_without_them_has_no_gap(world: World) -> None:
    write(world)
    world.write_lines("answers.jsonl", rows(answer, ("as_is", *ARMS), COUNT, 1))
    world.run("--ftgate-replay", "answers.jsonl")
    assert world.verdict()["decision"] == "inconclusive"
    assert world.entry()["missing"] == {"records": 0, "stale": 0, "not_recorded": 0}
    assert further(world) == []


def test_the_plan_tells_of_them(world: World) -> None:
    with world.serve(script(answer)) as server:
        write(world, server)
        result = world.run("--ftgate-plan")
        assert server.count == 0
    text = " ".join(result.stdout.str().split())
    assert "up to 20 cases an arm and signature are asked 4 times more (at most 240 calls a signature" in text


def test_a_cap_that_only_they_reach_leaves_the_run_complete(world: World) -> None:
    price = {"input_usd_per_m": 0, "output_usd_per_m": 1_000_000 / 8}
    with world.serve(script(answer)) as server:
        write(world, server)
        path = world.path / "t.evalset.yaml"
        body = json.loads(path.read_text())
        body["models"]["candidate"]["price"] = price
        body["models"]["candidate"]["params"]["max_tokens"] = 8
        path.write_text(json.dumps(body))
        # At most one dollar a call: all that is planned, the probe, and a few more.
        world.run("--ftgate-max-cost", str(3 * COUNT + 2 + 10), "--ftgate-concurrency", "1")
    assert world.entry()["stop"] is None
    assert world.verdict()["decision"] in ("inconclusive", "fine_tune_justified", "partial_pattern")
    # A call of 7 tokens is cheaper than its estimate.
    assert 0 < world.entry()["further_trials"] < 50


@pytest.mark.slow
def test_workers_ask_them_as_one_process_does(world: World) -> None:
    found = []
    for options, subprocess in (((), False), (("-n", "2"), True)):
        with world.serve(script(answer)) as server:
            write(world, server)
            world.run(*options, subprocess=subprocess)
        assert world.verdict()["decision"] == "fine_tune_justified"
        found.append([record["case"] for record in further(world)])
        (world.path / ".ftgate").rename(world.path / f"runs-{len(found)}")
    assert found[0]
    assert found[0] == found[1]

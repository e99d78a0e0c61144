"""Shards, their merge, xdist and one process: the same report."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest
from e2e_world import World, comparable, make_cases, model_at
from servers import Call, ChatServer, Reply

from pytest_ftgate.cli.main import main

SHOTS = [{"input": f"shot {i}", "expected": f"answer {i}"} for i in range(4)]


def script(call: Call) -> Reply:
    """Right for most keys; every fifth is wrong, every seventh in upper case; what differs by key only."""
    key = call.prompt.partition("key=")[2]
    number = int(key[1:])
    answer = f"no-{key}" if number % 5 == 0 else f"yes-{key}"
    return Reply(answer.upper() if number % 7 == 0 else answer)


def write_evalsets(world: World, server: ChatServer) -> None:
    """One with groups and arms that never meets the bar, one without questions, one smaller than 3 shards."""
    model = {"models": model_at(server, temperature=0.7), "graders": ["equals"]}
    grouped = [{**case, "group": f"g{i // 7}"} if i % 3 else case for i, case in enumerate(make_cases(62))]
    world.write(
        "ladder",
        {
            **model,
            "prompt": "{{ input }}",
            "repeats": 3,
            "bar": 0.9,
            "arms": {"few_shot": {"examples": SHOTS, "k": 2}, "repair": {}},
            "cases": grouped,
        },
    )
    # Prompts of their own: equal requests would be served to one evalset by what another has stored.
    suite = {"prompt": "suite {{ input }}", "repeats": 1, "cases": make_cases(20, tags=["eu"])}
    world.write("suite", {**model, **suite, "decision": "off", "bar": 0.5})
    tiny = {"prompt": "tiny {{ input }}", "repeats": 2, "cases": make_cases(2)}
    world.write("tiny", {**model, **tiny, "gates": {"accuracy": "off"}})


def outcome(world: World) -> dict[str, Any]:
    return {"entries": comparable(world.report()["evalsets"]), "records": comparable(world.records())}


def run_shards(world: World, count: int, *arguments: str) -> list[str]:
    """Run all shards, each without what the others have stored; returns their run folders."""
    folders = []
    for index in range(1, count + 1):
        shutil.rmtree(world.path / ".ftgate", ignore_errors=True)
        result = world.run("--ftgate-shard", f"{index}/{count}", *arguments)
        assert result.ret == 0
        kept = world.path / f"shard-{index}"
        shutil.copytree((world.path / ".ftgate" / "runs" / "latest").resolve(), kept)
        folders.append(str(kept))
    shutil.rmtree(world.path / ".ftgate")
    return folders


@pytest.mark.slow
def test_three_shards_merged_are_one_process_and_two_workers(world: World) -> None:
    with world.serve(script) as server:
        write_evalsets(world, server)
        whole = world.run()
        asked = server.count
        expected = outcome(world)
        shutil.rmtree(world.path / ".ftgate")
        spread = world.run("-n", "2", "--dist", "load", subprocess=True)
        assert outcome(world) == expected
        server.reset()
        folders = run_shards(world, 3)
        assert server.count == asked
    assert [arm["status"] for arm in expected["entries"][0]["arms"]] == ["run", "run", "run"]
    assert main(["merge", *folders]) == 1
    assert outcome(world) == expected
    assert whole.ret == spread.ret == 1
    header = world.report()["header"]
    assert header["source"] == "merge"
    assert len(header["merged_from"]) == 3
    assert "shard" not in header


def test_shard_asks_and_runs_its_own_cases_only_and_decides_nothing(world: World) -> None:
    with world.serve(script) as server:
        write_evalsets(world, server)
        result = world.run("--ftgate-shard", "2/3")
    # 62 cases in three parts; groups are kept whole, so a part may be larger by a group at most.
    assert result.ret == 0
    header = world.report()["header"]
    assert header["shard"] == "2/3"
    assert set(header["evalsets"]) == {"ladder", "suite", "tiny"}
    for entry in world.report()["evalsets"]:
        assert entry["verdict"]["decision"] == "not_asked"
        assert {gate["outcome"] for gate in entry["gates"]} == {"skipped"}
        assert {gate["reason"] for gate in entry["gates"]} == {"shard 2/3: merge decides"}
        assert entry["settings_hash"]
    cases = {record["case"] for record in world.records() if record["evalset"] == "ladder"}
    assert 17 <= len(cases) <= 26
    groups = {case["id"]: case.get("group") for case in _cases(world, "ladder")}
    inside = {groups[case] for case in cases} - {None}
    outside = {group for case, group in groups.items() if case not in cases} - {None}
    assert inside
    assert not inside & outside
    records = [record for record in world.records() if record["evalset"] == "ladder"]
    assert len(records) == len(cases) * 3 * 3
    result.stdout.fnmatch_lines(["*shard 2/3: every arm and repeat is run, merge decides*"])


def _cases(world: World, name: str) -> list[dict[str, Any]]:
    return list(json.loads((world.path / f"{name}.evalset.yaml").read_text())["cases"])


def test_shard_climbs_the_whole_ladder_and_keeps_identical_repeats(world: World) -> None:
    with world.serve(lambda call: f"yes-{call.prompt.partition('key=')[2]}") as server:
        evalset = {
            "models": model_at(server, temperature=0),
            "prompt": "{{ input }}",
            "graders": ["equals"],
            "repeats": 3,
            "arms": {"few_shot": {"examples": SHOTS, "k": 2}},
            "cases": make_cases(80),
        }
        world.write("t", evalset)
        folders = run_shards(world, 2)
        assert main(["merge", *folders]) == 0
    entry = world.entry()
    assert [arm["status"] for arm in entry["arms"]] == ["run", "run"]
    assert [arm["repeats_dropped"] for arm in entry["arms"]] == [0, 0]
    assert len(world.records()) == 80 * 2 * 3
    assert entry["verdict"]["decision"] == "bar_met"


@pytest.mark.slow
def test_shard_with_two_workers(world: World) -> None:
    with world.serve(script) as server:
        write_evalsets(world, server)
        alone = run_shards(world, 2)
        assert main(["merge", *alone]) == 1
        expected = outcome(world)
        result = world.run("-n", "2", "--ftgate-shard", "2/2", subprocess=True)
        assert result.ret == 0
        assert world.report()["header"]["shard"] == "2/2"
        assert main(["merge", alone[0], "latest"]) == 1
    assert outcome(world) == expected


def test_partial_selection_of_a_shard_makes_the_merge_incomplete(world: World) -> None:
    with world.serve(script) as server:
        write_evalsets(world, server)
        first, second = run_shards(world, 2, "-k", "not c001 and not c002")
    assert main(["merge", first, second]) == 1
    verdicts = {entry["name"]: entry["verdict"]["decision"] for entry in world.report()["evalsets"]}
    assert verdicts["ladder"] == "incomplete"
    assert world.entry("ladder")["missing"]["records"] == 2 * 3 * 3


def test_must_pass_failure_fails_its_shard_and_the_merge(world: World) -> None:
    with world.serve(script) as server:
        cases = make_cases(60)
        cases[5]["must_pass"] = True
        evalset = {"prompt": "{{ input }}", "graders": ["equals"], "repeats": 1, "bar": 0.3, "cases": cases}
        world.write("t", {"models": model_at(server, temperature=0.7), **evalset})
        statuses = []
        for index in (1, 2):
            statuses.append(int(world.run("--ftgate-shard", f"{index}/2").ret))
            latest = world.path / ".ftgate" / "runs" / "latest"
            shutil.copytree(latest.resolve(), world.path / f"part-{index}")
    assert sorted(statuses) == [0, 1]
    assert main(["merge", "part-1", "part-2"]) == 1
    assert {gate["outcome"] for gate in world.entry()["gates"]} == {"passed"}


@pytest.mark.parametrize("value", ["0/3", "4/3", "1", "a/b", "1/0", "-1/3", "1/3/2", "1.0/3", "٢/٣"])
def test_unusable_shard_is_refused(world: World, value: str) -> None:
    world.write("t", {"prompt": "x", "graders": ["equals"], "cases": make_cases(2)})
    result = world.run(f"--ftgate-shard={value}")
    assert result.ret == 4
    result.stderr.fnmatch_lines([f"*--ftgate-shard: '{value}' is not usable; wanted: I/N *for example 2/3"])


def test_two_shards_of_a_run_that_would_stop_early_are_one_exhaustive_run(world: World) -> None:
    with world.serve(lambda call: f"yes-{call.prompt.partition('key=')[2]}") as server:
        evalset = {
            "models": model_at(server, temperature=0.7),
            "prompt": "{{ input }}",
            "graders": ["equals"],
            "repeats": 2,
            "arms": {"few_shot": {"examples": SHOTS, "k": 2}},
            "cases": make_cases(80),
        }
        world.write("t", evalset)
        assert world.run("--ftgate-exhaustive").ret == 0
        expected = outcome(world)
        folders = run_shards(world, 2)
        assert main(["merge", *folders]) == 0
    assert outcome(world) == expected
    assert len(expected["records"]) == 80 * 2 * 2

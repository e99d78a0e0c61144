"""Arms that are stopped as soon as they are proven at the bar: what is saved, said and left as it was."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from e2e_world import QUICK, World, comparable, make_cases, model_at
from servers import Call, ChatServer, Reply

from pytest_ftgate.cli.main import main

SHOTS = [{"input": f"shot {i}", "expected": f"answer {i}"} for i in range(4)]
STOP = "as_is: stopped after 50 of 100 cases (look 2 of 4), proven at the bar; 100 trials saved."


def key_of(call: Call) -> str:
    return call.prompt.rsplit("key=", 1)[1][:4]


def right(call: Call) -> str:
    return f"yes-{key_of(call)}"


def wrong(call: Call) -> str:
    return "no"


def write(world: World, server: ChatServer, count: int = 100, **more: Any) -> None:
    evalset = {
        "models": model_at(server, temperature=0.7),
        "prompt": "{{ input }}",
        "graders": ["equals"],
        "repeats": 2,
        "cases": make_cases(count),
        **more,
    }
    world.write("t", evalset)


def results(world: World) -> dict[str, Any]:
    return {"entry": comparable(world.entry()), "records": comparable(world.records())}


def forget(world: World) -> None:
    (world.path / ".ftgate").rename(world.path / f"old-{time.monotonic_ns()}")


def test_proven_at_a_look(world: World) -> None:
    with world.serve(right) as server:
        write(world, server, arms={"few_shot": {"examples": SHOTS, "k": 2}, "repair": {}})
        result = world.run("--junitxml=junit.xml", "--ftgate-report", "markdown=report.md")
        assert result.ret == 0
        assert server.count == 50 * 2
    arm = world.entry()["arms"][0]
    assert arm["looks"] == {
        "look": 2, "looks": 4, "cases_left_out": 50, "trials_left_out": 100, "beyond": [],
    }  # fmt: skip
    assert (arm["accuracy"]["cases"], arm["planned"], arm["accuracy"]["graded"]) == (50, 100, 100)
    # A perfect score on 50 cases at the level of look 2, and at that of 2.5 % for the interval shown.
    assert arm["accuracy"]["lower"] == pytest.approx(0.00712 ** (1 / 50), abs=1e-4)
    assert arm["accuracy"]["low"] == pytest.approx(0.0021 ** (1 / 50), abs=1e-3)
    verdict = world.verdict()
    assert (verdict["decision"], world.entry()["missing"]["records"]) == ("bar_met", 0)
    assert 0.8**50 < verdict["p"] < 0.00712
    text = " ".join(result.stdout.str().split())
    assert STOP in text
    assert STOP.replace("_", "\\_") in (world.path / "report.md").read_text()
    junit = (world.path / "junit.xml").read_text()
    assert junit.count("not needed: as_is is proven at the bar after 50 of 100 cases (look 2 of 4)") >= 50
    assert [a["status"] for a in world.entry()["arms"]] == ["run", "not_run", "not_run"]


def test_exhaustive_asks_everything(world: World) -> None:
    with world.serve(right) as server:
        write(world, server)
        assert world.run("--ftgate-exhaustive").ret == 0
        assert server.count == 200
    arm = world.entry()["arms"][0]
    assert arm["looks"] is None
    assert arm["accuracy"]["lower"] == pytest.approx(0.05 ** (1 / 100), abs=1e-4)
    assert [r["case"] for r in world.records()[::2]] == [f"c{i:03d}" for i in range(100)]


def test_repeated_and_replayed(world: World) -> None:
    """From the store, from a recording with fewer rows, from one whose evalset was edited: the same."""
    with world.serve(right) as server:
        write(world, server, arms={"few_shot": {"examples": SHOTS, "k": 2}})
        assert world.run("--ftgate-record", "cassette.jsonl").ret == 0
        first = results(world)
        assert world.run().ret == 0
        assert server.count == 100
    assert results(world) == first
    assert len((world.path / "cassette.jsonl").read_text().splitlines()) == 100
    forget(world)
    assert world.run("--ftgate-replay", "cassette.jsonl").ret == 0
    assert results(world) == first
    path = world.path / "t.evalset.yaml"
    evalset = json.loads(path.read_text())
    path.write_text(json.dumps({**evalset, "bar": 0.81}))
    assert world.run("--ftgate-replay", "cassette.jsonl").ret == 0
    assert world.entry()["arms"][0]["looks"]["look"] == 2
    assert world.run("--ftgate-replay", "cassette.jsonl", "--ftgate-exhaustive").ret == 1
    assert world.verdict()["decision"] == "incomplete"


def test_judged_again(world: World) -> None:
    with world.serve(right) as server:
        cases = [*make_cases(10, must_pass=True), *make_cases(100)[10:]]
        write(world, server, cases=cases, arms={"repair": {}})
        assert world.run().ret == 0
        sent = server.count
        expected = results(world)
        assert world.entry()["arms"][0]["looks"]["beyond"]
        assert main(["judge", "latest"]) == 0
        assert server.count == sent
    assert results(world) == expected


def test_must_pass_cases_run_all_the_same(world: World) -> None:
    """They are judged, fail the build where they fail, and count in no rate of a stopped arm."""
    special = {f"c{i:03d}" for i in range(8)}
    with world.serve(right) as server:
        write(world, server, cases=[*make_cases(8, must_pass=True), *make_cases(100)[8:]])
        assert world.run().ret == 0
        sent = server.count
        looks = world.entry()["arms"][0]["looks"]
        beyond = set(looks["beyond"])
        assert beyond
        assert beyond < special
        assert sent == 2 * (50 + len(beyond))
        assert (looks["cases_left_out"], looks["trials_left_out"]) == (
            50 - len(beyond),
            100 - 2 * len(beyond),
        )
        arm = world.entry()["arms"][0]
        assert (arm["accuracy"]["cases"], arm["planned"]) == (50, sent)
        server.script = lambda call: "no" if key_of(call) in beyond else right(call)
        result = world.run("--ftgate-refresh")
    assert result.ret == 1
    result.assert_outcomes(failed=len(beyond), passed=50 + 2, skipped=50 - len(beyond))
    assert world.entry()["arms"][0]["accuracy"]["value"] == 1.0
    assert world.verdict()["decision"] == "bar_met"


def test_not_stopped_for_failing(world: World) -> None:
    """Question 3 needs the failures of every case."""
    with world.serve(wrong) as server:
        write(world, server, arms={"few_shot": {"examples": SHOTS, "k": 2}})
        assert world.run().ret == 1
        assert server.count == 400
    arms = world.entry()["arms"]
    assert [(a["looks"]["look"], a["looks"]["cases_left_out"]) for a in arms] == [(4, 0), (4, 0)]


def test_a_better_prompt_is_stopped_too(world: World) -> None:
    with world.serve(lambda call: right(call) if len(call["messages"]) > 1 else "no") as server:
        write(world, server, arms={"few_shot": {"examples": SHOTS, "k": 2}})
        assert world.run().ret == 1
        # alpha / 2: 50 cases are enough for a perfect score.
        assert server.count == 200 + 100
    assert world.verdict()["decision"] == "improve_prompt"
    assert world.entry()["arms"][1]["looks"]["look"] == 2


@pytest.mark.parametrize(
    ("more", "arguments"),
    [
        ({"gates": {"latency": {"p95_s": 60}}}, ()),
        ({"gates": {"format_failures": {"max": 0.5}}, "graders": ["equals", {"regex": "yes"}]}, ()),
        ({"decision": "off"}, ()),
        ({"decision": {"looks": 1}}, ()),
        ({}, ("-k", "not c099")),
        ({}, ("--ftgate-exhaustive",)),
    ],
)
def test_arms_that_run_whole(world: World, more: dict[str, Any], arguments: tuple[str, ...]) -> None:
    with world.serve(right) as server:
        write(world, server, repeats=1, **more)
        assert world.run(*arguments).ret == 0
        assert server.count == (99 if arguments[:1] == ("-k",) else 100)
    assert world.entry()["arms"][0]["looks"] is None
    assert [r["case"] for r in world.records()][:3] == ["c000", "c001", "c002"]


def test_order_of_items(world: World) -> None:
    """Random, seeded and the same in every arm; the file's where nothing may be stopped."""

    def listed(*arguments: str) -> list[str]:
        lines = world.run("--collect-only", "-q", *arguments).outlines
        return [line.split("::", 1)[1] for line in lines if "::" in line]

    with world.serve(right) as server:
        write(world, server, arms={"few_shot": {"examples": SHOTS, "k": 2}})
        first = listed()
        as_is, few_shot = first[:100], first[100:]
        plain = [f"as_is::c{i:03d}" for i in range(100)]
        assert as_is != plain
        assert sorted(as_is) == plain
        assert [name.partition("::")[2] for name in as_is] == [name.partition("::")[2] for name in few_shot]
        assert listed() == first
        assert listed("--ftgate-exhaustive")[:100] == plain
        assert listed("-k", "as_is") == plain
        write(world, server, arms={"few_shot": {"examples": SHOTS, "k": 2}}, decision={"seed": 1})
        assert sorted(listed()) == sorted(first)
        assert listed() != first
        write(world, server, count=15)
        assert listed() == plain[:15]
    assert server.count == 0


def test_identical_repeats_are_dropped_in_a_stopped_arm(world: World) -> None:
    with world.serve(right) as server:
        write(world, server, repeats=5, models=model_at(server, temperature=0))
        assert world.run().ret == 0
        sent = server.count
        write(world, server, repeats=5, models=model_at(server, temperature=0), decision={"looks": 1})
        assert world.run("--ftgate-record", "all.jsonl").ret == 0
        assert server.count == 100 + 20
        write(world, server, repeats=5, models=model_at(server, temperature=0))
        # The cases that show whether repeats are identical are the first of the file either way.
        assert world.run("--ftgate-replay", "all.jsonl").ret == 0
    arm = world.entry()["arms"][0]
    beyond = len(arm["looks"]["beyond"])
    assert arm["identical_repeats"]
    assert (sent, arm["planned"], arm["looks"]["trials_left_out"]) == (70 + beyond, 70 + beyond, 50 - beyond)


def test_unanswered_trials_stop_no_arm(world: World) -> None:
    """A run that would be incomplete goes on: the cases to come may mend it, and are wanted anyway."""
    with world.serve(lambda call: Reply(status=400) if key_of(call) in BAD else right(call)) as server:
        write(world, server, repeats=1)
        world.run("--ftgate-attempts", "1")
        assert server.count == 100
    assert world.entry()["arms"][0]["looks"]["cases_left_out"] == 0


BAD = {f"c{i:03d}" for i in range(0, 100, 7)}


@pytest.mark.slow
def test_two_workers_are_one_process(world: World) -> None:
    with world.serve(right) as server:
        write(world, server, arms={"few_shot": {"examples": SHOTS, "k": 2}})
        assert world.run("-p", "no:xdist").ret == 0
        expected = results(world)
        forget(world)
        server.reset()
        assert world.run("-n", "2", subprocess=True).ret == 0
        assert server.count == 100
        assert results(world) == expected
        forget(world)
        server.reset()
        assert world.run("-n", "2", "--dist", "load", subprocess=True).ret == 0
    assert world.entry()["arms"][0]["looks"] is None
    assert len(world.records()) == 400


@pytest.mark.slow
def test_killed_and_resumed(world: World) -> None:
    with world.serve(lambda call: Reply(right(call), delay_s=0.05)) as server:
        write(world, server)
        assert world.run().ret == 0
        expected = results(world)
        forget(world)
        server.reset()
        command = [sys.executable, "-m", "pytest", "--ftgate", *QUICK, "--ftgate-concurrency", "4"]
        process = subprocess.Popen(command, cwd=world.path, stdout=subprocess.DEVNULL)
        wait_until(lambda: server.completed >= 40)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        time.sleep(0.2)
        assert world.run().ret == 0
        assert 100 <= server.count <= 104
    assert results(world) == expected


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)

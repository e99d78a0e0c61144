"""Runs that are killed, spread over workers or run again: nothing is paid twice, the report is the same."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from e2e_world import QUICK, World, comparable, make_cases, model_at
from servers import Call, ChatServer, Reply

SHOTS = [{"input": f"shot {i}", "expected": f"answer {i}"} for i in range(4)]


def number_of(call: Call) -> int:
    return int(call.prompt.rsplit("key=c", 1)[1][:3])


def answer(call: Call) -> Reply:
    """Wrong for every third case, but with shots (more messages) only for every sixth; fenced for some."""
    number = number_of(call)
    wrong = number % (6 if len(call["messages"]) > 1 else 3) == 0
    text = json.dumps({"key": f"{'no' if wrong else 'yes'}-c{number:03d}"})
    return Reply(f"```json\n{text}\n```" if number % 5 == 1 else text, delay_s=0.03)


def write_evalsets(world: World, server: ChatServer, count: int = 24) -> None:
    """A ladder that climbs; one whose repeats are identical at temperature 0; one with two roles."""
    cases = [{**case, "expected": {"key": case["expected"]}} for case in make_cases(count)]
    common: dict[str, Any] = {"graders": ["is-json", "json-fields"], "cases": cases}
    world.write(
        "ladder",
        {
            **common,
            "prompt": "Climb. {{ input }}",
            "models": model_at(server, temperature=0.7),
            "repeats": 2,
            "arms": {"few_shot": {"examples": SHOTS, "k": 2}, "repair": {}},
        },
    )
    frozen = {"prompt": "Freeze. {{ input }}", "models": model_at(server, temperature=0), "repeats": 5}
    world.write("frozen", common | frozen)
    roles = model_at(server, temperature=0.7)
    world.write(
        "roles",
        {
            **common,
            "prompt": "Compare. {{ input }}",
            "models": {**roles, "base": {**roles["candidate"], "model": "openai/base"}},
            "repeats": 2,
            "arms": {"few_shot": {"examples": SHOTS, "k": 2}},
        },
    )


def results(world: World) -> dict[str, Any]:
    """All that a run came to, by evalset, but for time and money."""
    entries = {entry["name"]: comparable(entry) for entry in world.report()["evalsets"]}
    return {"entries": entries, "records": comparable(world.records())}


def bodies(server: ChatServer) -> Counter[str]:
    return Counter(json.dumps(call, sort_keys=True) for call in server.calls)


def start(world: World, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-u", "-m", "pytest", "--ftgate", *QUICK, *arguments]
    return subprocess.Popen(
        command, cwd=world.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
    )


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.01)


def stored(world: World) -> int:
    with sqlite3.connect(world.path / ".ftgate" / "responses.sqlite") as connection:
        return int(connection.execute("SELECT count(*) FROM responses").fetchone()[0])


def forget_runs(world: World) -> None:
    (world.path / ".ftgate").rename(world.path / f"old-{time.monotonic_ns()}")


@pytest.mark.slow
def test_killed_and_run_again(world: World) -> None:
    concurrency = 6
    with world.serve(answer) as server:
        write_evalsets(world, server)
        assert world.run().ret == 1
        undisturbed, wanted = results(world), bodies(server)
        forget_runs(world)
        server.reset()

        process = start(world, "--ftgate-concurrency", str(concurrency))
        wait_until(lambda: server.completed >= 60, process)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        time.sleep(0.2)  # requests under way at the kill reach the server
        kept, sent = stored(world), server.count
        assert kept >= 50
        assert sent - kept <= concurrency

        assert world.run().ret == 1
        assert server.count - sent == wanted.total() - kept
        assert (bodies(server) - wanted).total() <= concurrency
        assert results(world) == undisturbed

        paid = server.count
        assert world.run().ret == 1
        assert server.count == paid
        assert results(world) == undisturbed
        assert {r["cached"] for r in world.records()} == {True}


def test_refresh_asks_again(world: World) -> None:
    with world.serve(lambda call: f"yes-{call.prompt[-4:]}") as server:
        world.write("t", simple(server))
        world.run()
        world.run("--ftgate-refresh")
    assert server.count == 16
    assert {r["cached"] for r in world.records()} == {False}


def read_until(text: str, process: subprocess.Popen[str]) -> str:
    """What the process prints up to and with `text`, which need not end a line."""
    assert process.stdout is not None
    read = ""
    while text not in read:
        char = process.stdout.read(1)
        assert char, f"ended before it printed {text}: {read}"
        read += char
    return read


@pytest.mark.slow
def test_interrupted(world: World) -> None:
    """By Ctrl-C once case 20 has begun, whose answer never comes: the twenty before it are booked."""
    with world.serve(lambda call: Reply(f"yes-{call.prompt[-4:]}", hang=number_of(call) >= 20)) as server:
        world.write("t", simple(server, count=40, decision={"looks": 1}))
        process = start(world, "-v", "--ftgate-concurrency", "8")
        read = read_until("::c020", process)
        wait_until(lambda: server.completed >= 40 and server.in_flight == 8, process)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=120)
        output = read + rest
        assert process.returncode == 2, output
        assert world.verdict()["decision"] == "incomplete"
        assert "interrupted" in world.entry()["stop"]
        assert "Traceback" not in output.replace("(to show a full traceback", "")
        assert len(world.records()) == 40
        server.script = lambda call: f"yes-{call.prompt[-4:]}"
        assert world.run().ret == 0
    assert server.count <= 80 + 8


@pytest.mark.slow
def test_workers_give_the_same_report(world: World) -> None:
    with world.serve(answer) as server:
        write_evalsets(world, server)
        assert world.run("-p", "no:xdist", "--ftgate-record", "alone.jsonl").ret == 1
        expected, wanted = results(world), bodies(server)
        recorded = (world.path / "alone.jsonl").read_text().splitlines()
        for arguments in (["-n", "0"], ["-n", "2", "--ftgate-record", "spread.jsonl"]):
            forget_runs(world)
            server.reset()
            result = world.run(*arguments, subprocess=True)
            assert result.ret == 1
            assert results(world) == expected
            assert bodies(server) == wanted
            assert "FAILED ladder.evalset.yaml::gate::accuracy" in result.stdout.str()
    frozen = expected["entries"]["frozen"]["arms"][0]
    assert frozen["identical_repeats"]
    spread = (world.path / "spread.jsonl").read_text().splitlines()
    assert [untimed(line) for line in spread] == [untimed(line) for line in recorded]
    assert not list(world.path.glob("*.part"))


def untimed(line: str) -> Any:
    return comparable(json.loads(line))


@pytest.mark.slow
def test_spread_over_workers_runs_everything_and_says_so(world: World) -> None:
    with world.serve(answer) as server:
        write_evalsets(world, server)
        result = world.run("-n", "2", "--dist", "load", subprocess=True)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*evalsets are spread over workers: the ladder runs every arm and repeat*"])
    records = world.records()
    # ladder: as_is, few_shot and repair, which judges the answers of as_is again; frozen: all repeats;
    # roles: as_is and few_shot of the candidate, as_is of the base.
    assert len(records) == 24 * 2 * 3 + 24 * 5 + 24 * 2 * 3
    # An answer that two workers want at the same moment is asked by both: only a process knows what it has
    # in flight. With the default distribution an evalset, and so all that shares answers, is on one worker.
    wanted = 24 * 2 * 2 + 24 * 5 + 24 * 2 * 3
    assert wanted <= server.count <= wanted + 24 * 2
    assert {entry["verdict"]["decision"] for entry in world.report()["evalsets"]}.isdisjoint({"incomplete"})
    assert world.report()["header"]["distribution"].startswith("spread")


CRASH_ONCE = """
import os
from pathlib import Path

MARK = Path(__file__).parent / "crashed"

def fragile(output, expected=None, **kwargs):
    if "c011" in output and "PYTEST_XDIST_WORKER" in os.environ and not MARK.exists():
        MARK.touch()
        os.kill(os.getpid(), 9)
    return output == expected

def pytest_ftgate_register_graders(registry, functions):
    functions.register("fragile", fragile)
"""


@pytest.mark.slow
@pytest.mark.parametrize("distribution", ["loadfile", "load"])
def test_a_worker_that_dies(world: World, distribution: str) -> None:
    world.pytester.makeconftest(CRASH_ONCE)
    with world.serve(lambda call: f"yes-{call.prompt[-4:]}") as server:
        for name in ("t", "u"):
            world.write(name, simple(server, count=16, graders=[{"python": "fragile"}], arms={"repair": {}}))
        result = world.run("-n", "2", "--dist", distribution, subprocess=True)
        assert (world.path / "crashed").exists()
        assert result.ret == 1
        decisions = {entry["name"]: entry["verdict"]["decision"] for entry in world.report()["evalsets"]}
        assert "incomplete" in decisions.values()
        assert set(decisions.values()) != {"incomplete"}
        result.stdout.fnmatch_lines(["*worker 'gw*' crashed while running '*c011*'*"])
        sent = server.count
        assert world.run("-n", "2", "--dist", distribution, subprocess=True).ret == 0
        assert server.count == sent


def simple(server: ChatServer, count: int = 4, **more: Any) -> dict[str, Any]:
    return {
        "models": model_at(server),
        "prompt": "{{ input }}",
        "graders": ["equals"],
        "repeats": 2,
        "cases": make_cases(count),
        **more,
    }

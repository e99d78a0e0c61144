"""The history: what enters it, what it says to a run, and that it can never cost one."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest
from e2e_world import World, make_cases, model_at
from servers import Call, ChatServer, Reply

from pytest_ftgate.cli.main import main

KEY = "sk-planted0123456789abcdefghij"


def answer(call: Call) -> Reply:
    number = int(call.prompt.rsplit("key=c", 1)[1][:3])
    return Reply(f"{'no' if number % 4 == 0 else 'yes'}-c{number:03d}")


def write(world: World, server: ChatServer, prompt: str = "Say it. {{ input }}", **more: Any) -> None:
    evalset = {
        "prompt": prompt,
        "models": model_at(server, temperature=0.7),
        "repeats": 2,
        "graders": ["equals"],
        "decision": "off",
        "gates": {"accuracy": "off"},
        "cases": make_cases(8),
    }
    world.write("tickets", {**evalset, **more})


def rows(world: World, query: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(world.path / ".ftgate" / "history.sqlite")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def ask(world: World, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["history", "--dir", str(world.path / ".ftgate"), "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def commit(world: World) -> None:
    for arguments in (
        ("init", "-q"),
        ("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "one"),
    ):
        assert world.pytester.run("git", *arguments).ret == 0


def test_cached_answers_never_enter_and_a_second_run_of_a_commit_adds_repeats(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    commit(world)
    with world.serve(answer) as server:
        write(world, server)
        world.run()
        world.run()
        assert rows(world, "SELECT count(*) FROM runs") == [(1,)]
        world.run("--ftgate-refresh")
    assert rows(world, "SELECT count(*), sum(answered) FROM runs JOIN arms ON arms.run = runs.id") == [
        (2, 32)
    ]
    by_run = ask(world, capsys)["series"][0]["points"]
    assert [(point["cases"], point["trials"], point["value"]) for point in by_run] == [(8, 16, 0.75)] * 2
    (point,) = ask(world, capsys, "--by", "commit")["series"][0]["points"]
    assert (point["cases"], point["trials"], point["value"]) == (8, 32, 0.75)
    assert len(point["runs"]) == 2
    assert len(point["revision"]) == 40


def test_of_a_run_that_is_partly_cached_the_fresh_answers_enter(world: World) -> None:
    with world.serve(answer) as server:
        write(world, server)
        world.run()
        write(world, server, repeats=5)
        world.run()
    assert rows(world, "SELECT sum(graded), sum(passed) FROM tallies GROUP BY arm") == [(16, 12), (24, 18)]


def test_a_replay_enters_nothing(world: World) -> None:
    with world.serve(answer) as server:
        write(world, server)
        world.run("--ftgate-record", "answers.jsonl", "--ftgate-history", "off")
    assert not (world.path / ".ftgate" / "history.sqlite").exists()
    world.run("--ftgate-replay", "answers.jsonl")
    assert not (world.path / ".ftgate" / "history.sqlite").exists()


def test_workers_give_one_entry(world: World) -> None:
    with world.serve(answer) as server:
        write(world, server)
        world.run("-n", "2", subprocess=True)
    assert rows(world, "SELECT evalset, cases FROM runs") == [("tickets", 8)]
    assert rows(world, "SELECT sum(graded) FROM tallies") == [(16,)]


@pytest.mark.parametrize("harm", ["folder", "damaged", "newer", "locked"])
def test_a_history_that_cannot_be_written_costs_a_line_and_no_run(
    world: World, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_ftgate.storage.history.LOCK_WAIT_S", 0.05)
    path = world.path / ".ftgate" / "history.sqlite"
    path.parent.mkdir()
    holder = None
    if harm == "folder":
        path.mkdir()
    elif harm == "damaged":
        path.write_bytes(b"no database at all, " * 500)
    else:
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("PRAGMA user_version = 99" if harm == "newer" else "BEGIN EXCLUSIVE")
    with world.serve(answer) as server:
        write(world, server)
        result = world.run()
    if holder is not None:
        holder.close()
    assert result.ret == 0
    said = [line for line in result.outlines if line.startswith("ftgate: ")]
    assert any("history" in line for line in said), said
    if harm == "damaged":
        assert path.with_name("history.sqlite.damaged-1").read_bytes().startswith(b"no database")
        assert rows(world, "SELECT count(*) FROM runs") == [(1,)]


def test_a_planted_key_never_enters(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "a-secret-of-nobody")

    def leak(_: Call) -> Reply:
        return Reply(f"{KEY} a-secret-of-nobody")

    with world.serve(leak) as server:
        labels = [{"label": {"labels": ["a", "b"]}}]
        cases = [{"id": f"c{i}", "input": f"text {i} {KEY}", "expected": "a"} for i in range(4)]
        write(world, server, graders=labels, cases=cases)
        world.run()
    assert rows(world, "SELECT sum(graded) FROM tallies") == [(8,)]
    for file in (world.path / ".ftgate").glob("history.sqlite*"):
        content = file.read_bytes()
        assert KEY.encode() not in content
        assert b"a-secret-of-nobody" not in content


def test_prompts_tried_on_the_same_cases_are_counted_in_report_and_markdown(world: World) -> None:
    with world.serve(answer) as server:
        for number in range(6):
            write(world, server, f"Draft {number}. {{{{ input }}}}")
            world.run("--ftgate-report", "markdown=report.md")
            tuned = [f for f in world.entry()["findings"] if "tuned on the test set" in f["what"]]
            assert len(tuned) == (number == 5)
        assert tuned[0]["severity"] == "note"
        assert "6 prompts were tried on these 8 cases" in tuned[0]["what"]
        assert "optimism ~ +" in tuned[0]["what"]
        assert "tuned on the test set" in (world.path / "report.md").read_text()
        for number in range(6, 21):
            write(world, server, f"Draft {number}. {{{{ input }}}}")
            world.run()
        (tuned,) = [f for f in world.entry()["findings"] if "tuned on the test set" in f["what"]]
        assert tuned["severity"] == "warning"
        assert "needs a fresh held-out split" in tuned["what"]
        fresh = [{**case, "input": f"{case['input']}!"} for case in make_cases(8)]
        write(world, server, "Draft 20. {{ input }}", cases=fresh)
        world.run()
        assert not [f for f in world.entry()["findings"] if "tuned on the test set" in f["what"]]


def test_shards_enter_when_they_are_merged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with world.serve(answer) as server:
        write(world, server)
        for index in (1, 2):
            world.run("--ftgate-shard", f"{index}/2")
            (world.path / ".ftgate" / "runs" / "latest").resolve().rename(world.path / f"shard-{index}")
    assert not (world.path / ".ftgate" / "history.sqlite").exists()
    monkeypatch.chdir(world.path)
    assert main(["merge", "shard-1", "shard-2"]) == 0
    assert rows(world, "SELECT evalset, cases FROM runs") == [("tickets", 8)]
    assert rows(world, "SELECT sum(graded), sum(passed) FROM tallies") == [(16, 12)]


def test_draws_of_one_run_are_one_prompt(world: World) -> None:
    shots = [{"input": f"shot {i}", "expected": f"yes-{i}"} for i in range(12)]
    with world.serve(answer) as server:
        write(world, server, arms={"few_shot": {"examples": shots, "k": 4, "draws": 3}})
        world.run("--ftgate-exhaustive")
    assert rows(world, "SELECT count(*) FROM arms") == [(4,)]
    assert rows(world, "SELECT kind, count(*) FROM prompts GROUP BY kind") == [("few_shot", 1), ("prompt", 1)]

"""The way of a prompt change: a baseline on main, broken on a branch, mended, merged."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from e2e_world import World, make_cases, model_at
from servers import Call, ChatServer, Reply

from pytest_ftgate.cli.main import main

CHECK = ("--ftgate-compare", "main", "--ftgate-require-baseline", "--ftgate-changed-since", "main")


def answer(call: Call) -> Reply:
    """Right, but `Shout:` makes the model answer every tenth case in capitals, and only there."""
    key = call.prompt.partition("key=")[2].partition(" ")[0]
    is_shouted = "Shout" in call.prompt and key.endswith("7")
    return Reply(f"YES-{key}" if is_shouted else f"yes-{key}")


def write_evalsets(world: World, server: ChatServer) -> None:
    gates = {"no_regression": {"against": "baseline"}, "collapse": {"against": "baseline"}}
    more: dict[str, Any] = {
        "models": model_at(server, temperature=0.7),
        "graders": ["equals"],
        "bar": 0.8,
        "decision": "off",
        "gates": gates,
    }
    (world.path / "prompts").mkdir()
    (world.path / "prompts" / "ask.md").write_text("Answer: {{ input }} {{ note }}")
    # Half of the cases are given a note in the prompt, so a change of how notes read concerns these alone.
    cases = [
        {**case, "vars": {"note": "" if i % 2 else "(be brief)"}} for i, case in enumerate(make_cases(60))
    ]
    world.write("tickets", {**more, "prompt": {"file": "prompts/ask.md"}, "cases": cases})
    world.write("faq", {**more, "prompt": "faq {{ input }}", "cases": make_cases(30)})


def git(world: World, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(world.path), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout


def commit(world: World, message: str) -> None:
    git(world, "add", "-A")
    git(world, "commit", "-q", "-m", message)


@pytest.fixture
def checkout(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    for variable in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(variable, raising=False)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "a")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "a@example.org")
    git(world, "init", "-q", "-b", "main")
    return world


def test_prompt_change_fails_the_check_until_it_is_mended(
    checkout: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world, prompt = checkout, checkout.path / "prompts" / "ask.md"
    with world.serve(answer) as server:
        # On main: a run becomes the baseline, and is committed with the code.
        write_evalsets(world, server)
        assert world.run("--ftgate-save", "main").ret == 0
        assert server.count == (60 + 30) * 5
        commit(world, "evalsets and their baseline")
        tracked = git(world, "ls-files").split()
        assert [name for name in tracked if name.startswith(".ftgate/")] == [
            ".ftgate/baselines/main/faq.json", ".ftgate/baselines/main/tickets.json",
        ]  # fmt: skip

        # A branch changes one prompt: the check fails, and names what broke.
        git(world, "switch", "-q", "-c", "louder")
        prompt.write_text("Shout: {{ input }} {{ note }}")
        commit(world, "a louder prompt")
        server.reset()
        broken = world.run(*CHECK)
        assert broken.ret == 1
        assert server.count == 60 * 5, "the other evalset was not asked"
        assert [entry["name"] for entry in world.report()["evalsets"]] == ["tickets"]
        gates = {gate["name"]: gate for gate in world.entry()["gates"]}
        names = [f"c{number:03d}" for number in range(7, 60, 10)]
        assert gates["collapse"]["outcome"] == gates["no_regression"]["outcome"] == "failed"
        assert ", ".join(names) in gates["collapse"]["reason"]
        assert gates["accuracy"]["outcome"] == "passed", "54 of 60 are still above the bar"
        (pair,) = world.entry()["baseline"]["pairs"]
        assert pair["pair"]["broken"] == names
        assert pair["pair"]["fixed"] == []
        assert [(flip["before"], flip["now"]) for flip in pair["flips"]] == [
            (f"yes-{name}", f"YES-{name}") for name in names
        ]
        broken.stdout.fnmatch_lines([
            "*broken  c007  5/5 -> 0/5*",
            '*then  "yes-c007"',
            '*now   "YES-c007"*',
            "*since the baseline: the prompt was changed*",
            "*tickets.evalset.yaml changed since main (prompts/ask.md)*",
            "*unchanged since main, not run: faq.evalset.yaml*",
        ])  # fmt: skip

        # The same check again asks nobody: nothing changed since.
        server.reset()
        assert world.run(*CHECK).ret == 1
        assert server.count == 0

        # Mended: no shouting, and a word more for cases with a note; the others ask what main asks.
        prompt.write_text("Answer: {{ input }} {{ note }}{% if note %} Please.{% endif %}")
        commit(world, "a polite prompt")
        server.reset()
        mended = world.run(*CHECK)
        assert mended.ret == 0
        assert server.count == 30 * 5, "trials that are as they were sent no request"
        assert {gate["outcome"] for gate in world.entry()["gates"]} == {"passed"}
        assert world.entry()["baseline"]["pairs"][0]["pair"]["broken"] == []

        # Merged: that run is blessed as the new baseline of this evalset; the other one's stays.
        faq = (world.path / ".ftgate" / "baselines" / "main" / "faq.json").read_bytes()
        capsys.readouterr()
        assert main(["bless", "latest", "main", "--json"]) == 0
        blessed = json.loads(capsys.readouterr().out)
        assert [saved["evalset"] for saved in blessed["saved"]] == ["tickets"]
        assert git(world, "status", "--porcelain").split() == ["M", ".ftgate/baselines/main/tickets.json"]
        assert (world.path / ".ftgate" / "baselines" / "main" / "faq.json").read_bytes() == faq
        server.reset()
        assert world.run("--ftgate-compare", "main").ret == 0
        assert server.count == 0
        assert {entry["baseline"]["pairs"][0]["changes"] == [] for entry in world.report()["evalsets"]} == {
            True
        }
        # Saved again from the same answers, no byte of it changes.
        saved = (world.path / ".ftgate" / "baselines" / "main" / "tickets.json").read_bytes()
        assert world.run("--ftgate-save", "main").ret == 0
        assert (world.path / ".ftgate" / "baselines" / "main" / "tickets.json").read_bytes() == saved

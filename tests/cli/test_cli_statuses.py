"""Exit statuses and `--json` of every command: what the code does is what its table and docs/cli.md say."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from e2e_world import World, make_cases, model_at
from servers import Call, ChatServer

from pytest_ftgate.cli import main as main_module
from pytest_ftgate.cli.exit_statuses import FINDINGS, MEANINGS, PYTEST
from pytest_ftgate.cli.main import build_parser, main
from pytest_ftgate.errors import StorageError

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "cli.md"


def list_parsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Every command that can be run, by its words."""
    found: dict[str, argparse.ArgumentParser] = {}
    actions = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    for action in actions:
        for inner in action.choices.values():
            found |= list_parsers(inner)
    return found or {parser.prog.removeprefix("pytest-ftgate "): parser}


def test_every_command_has_statuses_json_and_a_row() -> None:
    parsers = list_parsers(build_parser())
    assert set(parsers) == set(FINDINGS)
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `pytest-ftgate ([a-z ]+)` \| .* \| (.*) \|$", text, re.MULTILINE))
    assert rows == {name: finding or "never" for name, finding in FINDINGS.items()}
    for name, parser in parsers.items():
        assert any(action.dest == "json" for action in parser._actions), name
        assert "Exit status" in str(parser.epilog), name
    for status, meaning in MEANINGS.items():
        assert f"| {status} | {meaning} |" in text


@pytest.fixture
def world(pytester: pytest.Pytester) -> World:
    return World(pytester)


def say_yes(call: Call) -> str:
    if call.get("model") == "judge":
        return json.dumps(
            {"reason": "r", "score": 1.0, "pass": '"answer":"good' in call.prompt.replace(": ", ":")}
        )
    return f"yes-{call.prompt.removeprefix('key=')}"


def prepare(world: World, server: ChatServer) -> dict[str, str]:
    """Runs of each sort, by name, and the files that the commands want."""
    world.pytester.makeini("[pytest]\n")
    evalset = {
        "models": model_at(server),
        "prompt": "{{ input }}",
        "graders": ["equals"],
        "repeats": 2,
        "cases": make_cases(8),
    }
    path = world.write("t", {**evalset, "gates": {"no_regression": {"against": "baseline"}}})
    runs: dict[str, str] = {}
    sorts: list[tuple[str, Any, list[str]]] = [
        ("GREEN", say_yes, []), ("SHARD1", say_yes, ["--ftgate-shard", "1/2"]),
        ("SHARD2", say_yes, ["--ftgate-shard", "2/2"]), ("PART", say_yes, ["-k", "c000"]),
        ("RED", lambda _: "no", []), ("BAD1", lambda _: "no", ["--ftgate-shard", "1/2"]),
        ("BAD2", lambda _: "no", ["--ftgate-shard", "2/2"]),
    ]  # fmt: skip
    for name, script, arguments in sorts:
        server.script = script
        world.run("--ftgate-refresh", str(path), *arguments)
        runs[name] = json.loads((world.path / ".ftgate/runs/latest/report.json").read_text())["header"]["run"]
    server.script = say_yes
    (world.path / "bad").mkdir()
    (world.path / "bad" / "b.evalset.yaml").write_text("graders: [labl]\n")
    (world.path / "docs").mkdir()
    (world.path / "docs" / "a.md").write_text("Refunds take five days.\n")
    search = {"retrieval": {"docs": "docs/*.md", "k": 1}}
    world.write("search", {**evalset, "arms": search})
    world.write_lines(
        "more.jsonl", [{"input": f"quite another {n}", "expected": f"answer {n}"} for n in range(3)]
    )
    labels = [{"input": "q", "output": f"good {n}", "label": "pass"} for n in range(6)]
    labels += [{"input": "q", "output": f"poor {n}", "label": "fail"} for n in range(6)]
    world.write_lines("labelled.jsonl", labels)
    world.write_lines(
        "wrong.jsonl", [{**row, "label": "pass" if n % 2 else "fail"} for n, row in enumerate(labels)]
    )
    (world.path / "no-report.json").write_text("{}")
    return runs


JUDGE = "--rubric 'it is good' --model openai/judge --param api_base=SERVER"
SCENARIOS = (
    ("check", 0, "search.evalset.yaml"), ("check", 1, "bad"), ("check", 2, "gone"),
    ("explain", 0, "GREEN"), ("explain", 2, "gone"),
    ("judge", 0, "GREEN --evalset t.evalset.yaml"), ("judge", 1, "RED --evalset t.evalset.yaml"),
    ("judge", 2, "gone"),
    ("calibrate", 0, f"labelled.jsonl {JUDGE}"), ("calibrate", 1, f"wrong.jsonl {JUDGE} --min-kappa 0.9"),
    ("calibrate", 2, f"gone.jsonl {JUDGE}"),
    ("merge", 0, "SHARD1 SHARD2"), ("merge", 1, "BAD1 BAD2"), ("merge", 2, "gone"),
    ("store", 0, ""), ("store", 2, "prune"),
    ("history", 0, ""), ("history", 1, "--fail-on-drift"), ("history", 2, "--file gone.sqlite"),
    ("simulate", 0, "--list-worlds"), ("simulate", 1, ""), ("simulate", 2, "--worlds gone"),
    ("export", 0, "GREEN --format openai --from more.jsonl"), ("export", 1, "GREEN --format openai"),
    ("export", 2, "gone --format openai"),
    ("doctor", 0, "t.evalset.yaml"), ("doctor", 1, "bad"), ("doctor", 2, "gone"),
    ("index", 0, "search.evalset.yaml"), ("index", 2, "t.evalset.yaml"),
    ("compare", 0, "GREEN GREEN"), ("compare", 1, "GREEN RED"), ("compare", 2, "GREEN gone"),
    ("bless", 0, "GREEN main"), ("bless", 1, "PART part"), ("bless", 2, "gone main"),
    ("init evalset", 0, "new.evalset.yaml"), ("init evalset", 1, "odd.evalset.yaml --grader labl"),
    ("init evalset", 2, "new.yaml"),
    ("init general", 0, "general --suites plain_json"), ("init general", 1, "odd --suites plain_json"),
    ("init general", 2, "general --suites gone"),
    ("github run", 1, "--paths t.evalset.yaml --args='-q -p no:cacheprovider'"),
    ("github run", 0, "--paths t.evalset.yaml --args='-q -p no:cacheprovider --ftgate-refresh'"),
    ("github publish", 0, "ftgate-report.json"), ("github publish", 2, "no-report.json"),
)  # fmt: skip


def test_every_status_is_what_the_table_says(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.delenv(name, raising=False)
    seen: dict[str, set[int]] = {}
    with world.serve(say_yes) as server:
        runs = prepare(world, server)
        for command, status, words in SCENARIOS:
            words = words.replace("SERVER", server.base_url)
            arguments = [runs.get(word, word) for word in shlex.split(f"{command} {words}")]
            with monkeypatch.context() as patch:
                make_it_fail(command, status, patch)
                capsys.readouterr()
                found = main([*arguments, "--json"])
            told = capsys.readouterr()
            assert found == status, (command, words, told.out[-1500:], told.err[-1500:])
            if status == 2:
                assert told.out == "", (command, words)
                assert told.err.startswith("pytest-ftgate: "), (command, told.err)
            else:
                json.loads(told.out)
            seen.setdefault(command, set()).add(status)
    for command, finding in FINDINGS.items():
        wanted = {0, 1} if finding == PYTEST else {0, 1, 2} if finding else {0, 2}
        assert seen[command] == wanted, command


def make_it_fail(command: str, status: int, patch: pytest.MonkeyPatch) -> None:
    """What would take a simulation, months of history, or a fault of ours."""
    if status != 1:
        return
    if command == "history":
        patch.setattr("pytest_ftgate.cli.history.is_drifting", lambda _answer: True)
    if command == "simulate":
        patch.setattr("pytest_ftgate.cli.simulate.run_experiment", lambda *_, **__: None)
        body = {"promises": [{"is_broken": True}]}
        patch.setattr("pytest_ftgate.cli.simulate.describe_experiment", lambda *_: body)
    if command == "init general":
        patch.setattr("pytest_ftgate.cli.check.check_evalsets", lambda _: [{"problems": ["x"]}])


def test_an_interrupt_has_a_status(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(main_module, "COMMANDS", {"store": interrupt})
    assert main(["store"]) == 130
    assert capsys.readouterr().err == "pytest-ftgate: interrupted\n"


def test_what_an_error_quotes_is_shown_harmless(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: argparse.Namespace) -> int:
        raise StorageError("main has \x1b[31mX\n::error::y\nü: 2")

    monkeypatch.setattr(main_module, "COMMANDS", {"store": refuse})
    assert main(["store"]) == 2
    assert capsys.readouterr().err == "pytest-ftgate: main has \\x1b[31mX\n: :error::y\nü: 2\n"


def test_output_that_nobody_reads_is_no_traceback() -> None:
    read, write = os.pipe()
    os.close(read)
    script = (
        f"import sys; sys.path[:] = {sys.path!r}; from pytest_ftgate.cli.main import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "doctor"], stdout=write, stderr=subprocess.PIPE, text=True, timeout=60
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("arguments", [["nope"], [], ["check"], ["github"], ["store", "--older-than", "x"]])
def test_a_wrong_command_line_is_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "usage: pytest-ftgate" in capsys.readouterr().err

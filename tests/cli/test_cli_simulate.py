"""`pytest-ftgate simulate`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pytest_ftgate.cli.main import main

QUICK = ("--jobs", "1", "--evalsets", "3", "--worlds", "met,flawed,tunable")


def simulate(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert main(["simulate", *arguments]) == status
    return capsys.readouterr().out


def simulate_json(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(simulate(capsys, *arguments, "--json", status=status))
    return body


def write_evalset(folder: Path, **more: object) -> Path:
    (folder / "pytest.ini").write_text("[pytest]\n")
    evalset = {
        "ftgate": 1,
        "name": "t",
        "bar": 0.9,
        "repeats": 2,
        "prompt": "{{ input }}",
        "graders": ["equals"],
        "arms": {"few_shot": {"examples": [{"input": "a shot", "expected": "yes"}]}},
        "decision": {"knowledge": "none"},
        "cases": [
            {"id": f"c{i}", "input": f"case {i}", "expected": "x", "group": f"g{i // 2}"} for i in range(60)
        ],
        **more,
    }
    path = folder / "t.evalset.yaml"
    path.write_text(json.dumps(evalset))
    return path


def test_a_matrix_for_each_size(capsys: pytest.CaptureFixture[str]) -> None:
    text = simulate(capsys, *QUICK, "--cases", "50,60", "--repeats", "2")
    assert "50 cases x 2 repeats" in text
    assert "60 cases x 2 repeats" in text
    assert max(map(len, text.splitlines())) <= 80
    assert re.search(r"^flawed( +\.){4} +100\*", text, re.MULTILINE)
    assert "cannot be told from the bar" in text
    assert text.count("no_regression, from 85 %: alarms in") == 2
    assert "promised is less than 5 %" in " ".join(text.split())


def test_json_has_the_counts_and_their_error(capsys: pytest.CaptureFixture[str]) -> None:
    body = simulate_json(capsys, *QUICK, "--cases", "50", "--repeats", "2", "--seed", "7")
    assert (body["ftgate_simulation"], body["seed"], body["runs"], body["bar"]) == (1, 7, 6, 0.8)
    cell = next(cell for cell in body["cells"] if cell["world"] == "flawed")
    assert cell["verdicts"]["not_ready"]["runs"] == 6
    assert cell["right"]["value"] == 1.0
    assert 0 < cell["right"]["low"] < 1.0
    assert body == simulate_json(capsys, *QUICK, "--cases", "50", "--repeats", "2", "--seed", "7")


def test_an_evalset_gives_its_own_size_bar_and_arms(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_evalset(tmp_path)
    body = simulate_json(capsys, str(path), *QUICK)
    assert [(size["cases"], size["repeats"]) for size in body["sizes"]] == [(60, 2)]
    assert (body["bar"], [arm["arm"] for arm in body["arms"]]) == (0.9, ["as_is", "few_shot"])
    assert body["evalset"] == "t.evalset.yaml"
    assert {world["bar"] for world in body["worlds"]} == {0.9}
    again = simulate_json(capsys, str(path), *QUICK, "--bar", "0.7", "--cases", "80", "--repeats", "1")
    assert (again["bar"], again["sizes"][0]["cases"], again["sizes"][0]["repeats"]) == (0.7, 80, 1)


def test_an_evalset_with_a_split_is_chosen_on_dev_and_judged_on_holdout(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The size has all cases; what it can tell is what its holdout can."""
    cases = [
        {"id": f"c{i}", "input": f"case {i}", "expected": "x", "split": "dev" if i % 2 else "holdout"}
        for i in range(160)
    ]
    split = simulate_json(capsys, str(write_evalset(tmp_path, cases=cases, bar=0.8)), *QUICK)
    for case in cases:
        del case["split"]
    whole = simulate_json(capsys, str(write_evalset(tmp_path, cases=cases[:80], bar=0.8)), *QUICK)
    assert [size["cases"] for size in split["sizes"]] == [160]
    assert split["sizes"][0]["above"] == whole["sizes"][0]["above"]
    (met,) = [cell for cell in split["cells"] if cell["world"] == "met"]
    assert met["right"]["value"] > 0


def test_it_says_what_the_gate_can_never_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = simulate(capsys, str(write_evalset(tmp_path, arms={})), *QUICK, "--cases", "60")
    assert "fine_tune_justified never comes out here" in " ".join(text.split())
    assert "no arm few_shot" in " ".join(text.split())
    few = simulate(capsys, *QUICK, "--cases", "30", "--repeats", "2")
    assert "it needs 50 judged cases" in " ".join(few.split())


def test_a_broken_promise_is_the_exit_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Results in which a false call was seen too often; real ones keep the promise."""
    saved = tmp_path / "cells.json"
    arguments = (
        "--worlds",
        "at-bar-case",
        "--cases",
        "50",
        "--repeats",
        "2",
        "--evalsets",
        "2",
        "--jobs",
        "1",
    )
    simulate(capsys, *arguments, "--save", str(saved), status=0)
    body = json.loads(saved.read_text())
    body["cells"][0]["pairs"] = [
        ["fine_tune_justified", "inconclusive", 60],
        ["inconclusive", "inconclusive", 200],
    ]
    saved.write_text(json.dumps(body))
    text = simulate(capsys, *arguments, "--save", str(saved), status=1)
    assert "The promise is broken with these settings" in " ".join(text.split())


def test_markdown_names_the_command_that_makes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "table.md"
    simulate(capsys, *QUICK, "--cases", "50", "--repeats", "2", "--markdown", str(path))
    text = path.read_text()
    assert re.search(r"^Made on \d{4}-\d\d-\d\d with version \d", text, re.MULTILINE)
    assert re.search(
        r"^\| size \| A/A \| drop 0 \| drop 3 \| drop 5 \| drop 10 \| drop 15 \|$", text, re.MULTILINE
    )
    command = "simulate --worlds met,flawed,tunable --cases 50 --repeats 2 --evalsets 3 --markdown"
    assert f"    pytest-ftgate {command} {path}\n" in text
    for head in ("False `fine_tune_justified`", "Right verdicts", "A/A", "The worlds", "Confusion matrices"):
        assert head in text
    widths = {line.count("|") for line in text.splitlines() if line.startswith("| world | met")}
    assert widths == {12}


def test_what_was_saved_is_not_simulated_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = tmp_path / "cells.json"
    arguments = (*QUICK, "--cases", "50", "--repeats", "2", "--save", str(saved))
    first = simulate_json(capsys, *arguments)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("simulated again")

    monkeypatch.setattr("pytest_ftgate.simulation.experiment.simulate_checked", never)
    assert simulate_json(capsys, *arguments) == first
    assert main(["simulate", *arguments, "--seed", "1"]) == 2
    assert "other settings" in capsys.readouterr().err


def test_the_gate_no_regression_is_simulated_too(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--worlds", "flawed", "--evalsets", "40", "--cases", "100", "--repeats", "2", "--jobs", "1")
    again, *others = simulate_json(capsys, *arguments)["no_regression"]
    assert (again["drop"], again["accuracy"], again["margin"]) == (None, 0.85, 0.05)
    assert [one["drop"] for one in others] == [0.0, 0.03, 0.05, 0.1, 0.15]
    assert again["alarms"]["low"] <= 0.05
    assert others[-1]["alarms"]["value"] > 0.8
    assert others[-1]["excluded"]["value"] == 0.0


def test_worlds_at_their_limit_may_be_drawn_more_often(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "table.md"
    arguments = (
        "--worlds",
        "met,at-bar-any",
        "--cases",
        "50",
        "--repeats",
        "2",
        "--evalsets",
        "2",
        "--jobs",
        "1",
    )
    more = (*arguments, "--limit-evalsets", "4", "--markdown", str(path))
    body = simulate_json(capsys, *more)
    found = {cell["world"]: cell for cell in body["cells"]}
    assert (body["evalsets"], body["limit_evalsets"]) == (2, 4)
    assert (found["met"]["evalsets"], found["at-bar-any"]["evalsets"]) == (2, 4)
    assert "--evalsets 2 --limit-evalsets 4 --markdown" in path.read_text()
    assert "2 evalsets of each world, 4 of those at their limit" in path.read_text()
    alone = simulate_json(capsys, *arguments, "--worlds", "at-bar-any", "--evalsets", "4")
    assert alone["cells"][0]["pairs"] == found["at-bar-any"]["pairs"]


def test_a_kind_stands_for_its_worlds(capsys: pytest.CaptureFixture[str]) -> None:
    quick = ("--evalsets", "1", "--cases", "10", "--repeats", "1", "--jobs", "1")
    body = simulate_json(capsys, "--worlds", "blind,met", *quick)
    assert [world["key"] for world in body["worlds"]] == ["wrong-labels", "met"]
    kinds = {world["kind"] for world in simulate_json(capsys, "--worlds", "at_limit", *quick)["worlds"]}
    assert kinds == {"at_limit"}


def test_worlds_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    text = simulate(capsys, "--list-worlds")
    assert "tunable*: best arm 15 points below the bar, one pattern of 1 in 5 trials [true]" in text
    listed = json.loads(simulate(capsys, "--list-worlds", "--json"))
    assert {world["kind"] for world in listed} == {"untrue", "at_limit", "true", "share", "blind"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--worlds", "tunble"], "--worlds tunble: no such world. Known: met,"),
        (["--arms", "few_shots"], "--arms few_shots: not simulated. Known: few_shot,"),
        (["nowhere.evalset.yaml"], "nowhere.evalset.yaml: no evalset is there"),
        (["--cases", ",".join(map(str, range(50, 120)))], "70 sizes; wanted: at most 50"),
        (
            ["--markdown", "no/such/folder/x.md", "--worlds", "flawed", "--evalsets", "1", "--cases", "50"],
            "cannot",
        ),
    ],
)
def test_what_cannot_be_used_is_said(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", *arguments]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--cases", "0"], ["--cases", "50,x"], ["--cases", ""], ["--repeats", "51"], ["--bar", "1"],
        ["--bar", "nan"], ["--bar", "much"], ["--evalsets", "0"], ["--seed", "-1"], ["--jobs", "two"],
    ],
)  # fmt: skip
def test_a_bad_value_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["simulate", *arguments])
    assert stopped.value.code == 2
    assert "is not usable; wanted:" in capsys.readouterr().err


def test_an_evalset_that_asks_no_question_has_no_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", str(write_evalset(tmp_path, decision=False))]) == 2
    assert "asks no question" in capsys.readouterr().err
    assert main(["simulate", str(write_evalset(tmp_path)), "--arms", "few_shot"]) == 2
    assert "--arms is for a made-up evalset" in capsys.readouterr().err

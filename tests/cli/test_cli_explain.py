"""`pytest-ftgate explain`: how a run was decided, also where its report is older than the telling of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from e2e_world import World
from verdict_world import evalset, rows, wrong
from verdict_world import truth as right

from pytest_ftgate.cli.main import main

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "decision"), str(TESTS / "reports")]
from decision_world import worlds  # noqa: E402
from report_world import world_report  # noqa: E402

OLDER = TESTS / "data" / "older_reports"


@pytest.fixture
def world(pytester: pytest.Pytester) -> World:
    return World(pytester)


def explain(report: dict[str, Any], path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What `explain --json` makes of a report's only evalset."""
    path.write_text(json.dumps(report))
    assert main(["explain", str(path), "--json"]) == 0
    entry: dict[str, Any] = json.loads(capsys.readouterr().out)["evalsets"][0]
    return entry


@pytest.mark.parametrize("name", list(worlds()))
def test_a_decision_that_is_not_told_is_rebuilt_as_it_was(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = world_report(name)
    told = report["evalsets"][0]["verdict"]
    stripped = {
        key: value for key, value in told.items() if key not in ("steps", "flips", "closest_condition")
    }
    report["evalsets"][0]["verdict"] = stripped
    report["evalsets"][0].pop("judges")
    rebuilt = explain(report, tmp_path / "r.json", capsys)["verdict"]
    assert rebuilt["closest_condition"] == told["closest_condition"]
    assert [step["condition"]["holds"] for step in rebuilt["steps"]] == [
        step["condition"]["holds"] for step in told["steps"]
    ]
    assert main(["explain", str(tmp_path / "r.json")]) == 0
    assert "this is rebuilt from its numbers" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("name", "decision", "told"),
    [
        ("banking77_before", "inconclusive", "[ ] few_shot does not count as run"),
        (
            "slots",
            "fix_call",
            "[x] lower bound of as_is with call failures as passes: 83.6 % >= 80 % (0.6 SE)",
        ),
    ],
)
def test_reports_of_the_first_versions(
    name: str, decision: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", str(OLDER / f"{name}.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 and line.isascii() for line in lines)
    text = " ".join(" ".join(lines).split())
    assert f" YES {decision}: " in text
    assert told in text


def test_a_plan_of_before_there_were_prices_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = json.loads((OLDER / "slots.json").read_text())
    report["evalsets"][0]["verdict"]["plan"] = {"purpose": "fine_tune", "method": "lora", "monthly_usd": 1}
    assert explain(report, tmp_path / "r.json", capsys)["verdict"]["plan"] is None
    assert main(["explain", str(tmp_path / "r.json")]) == 0
    assert "Plan:" not in capsys.readouterr().out


def test_a_report_with_too_little_in_it_is_sent_to_judge(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = json.loads((OLDER / "slots.json").read_text())
    for arm in report["evalsets"][0]["arms"]:
        arm |= {"accuracy_test": None, "lenient_test": None}
    (tmp_path / "r.json").write_text(json.dumps(report))
    assert main(["explain", str(tmp_path / "r.json")]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "pytest-ftgate judge decides again" in text
    assert "first question answered YES" not in text
    assert "FIX THE CALL" in text


@pytest.mark.parametrize("damage", ["verdict", "arms", "decision", "bar"])
def test_a_damaged_report_is_refused_in_one_line(
    damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = json.loads((OLDER / "slots.json").read_text())
    report["evalsets"][0][damage] = "x"
    (tmp_path / "r.json").write_text(json.dumps(report))
    assert main(["explain", str(tmp_path / "r.json")]) == 2
    said = capsys.readouterr()
    assert "is not whole" in said.err
    assert said.out == ""
    (tmp_path / "r.json").write_text('{"ftgate": 1, "evalsets": {"a": 1}}')
    assert main(["explain", str(tmp_path / "r.json")]) == 2


def test_a_run_is_explained_from_its_folder(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    def answer(arm: str, number: int, repeat: int) -> str:
        return right(number) if number % 10 else wrong(number, 0.5)

    world.write("tickets", evalset(60, repeats=2))
    world.write_lines("rows.jsonl", rows(answer, ("as_is",), 60, 2))
    assert world.run("--ftgate-replay", "rows.jsonl").ret == 0
    capsys.readouterr()
    assert main(["explain"]) == 0
    out = capsys.readouterr().out
    assert " 4  YES  bar_met: as_is is proven at the bar" in out
    lower = 100 * world.entry()["arms"][0]["accuracy_test"]["lower"]
    assert f"[x] lower bound of as_is: {lower:.1f} % >= 80 %" in out
    assert "PASSED gate accuracy: 90 % >= 80 %" in out

"""`pytest-ftgate history`: tables, charts, drift, changes of the model, and what there is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_ftgate.cli.main import main
from pytest_ftgate.model.history import HistoryArm, HistoryEntry, HistoryRun, PatternCount, Prompt, Tally
from pytest_ftgate.model.verdict import GateResult
from pytest_ftgate.storage.history import enter_run
from pytest_ftgate.storage.history_reading import list_tried

CASES = 40


def enter(folder: Path, day: int, passed: int = 34, **more: Any) -> None:
    """A run of 40 cases x 3 on that day of November, of which `passed` cases pass."""
    run_fields = {key: more.pop(key) for key in ("revision", "dirty", "is_partial") if key in more}
    arm = HistoryArm(
        **{
            "arm": "as_is",
            "role": "candidate",
            "setup": "s1",
            "prompt": "p1",
            "requested": "openai/m",
            "models": ("m-2026-01",),
            "fingerprints": ("fp_1",),
            "answered": 3 * CASES,
            "priced": 3 * CASES,
            "cost_usd": 0.12,
            "latency_p95_s": 1.5,
            "tallies": {case: Tally(3, 3 if case < passed else 0) for case in range(CASES)},
            "patterns": {"label:confusion:a→b": PatternCount(3 * (CASES - passed), CASES - passed, True)},
            **more,
        }
    )
    run = HistoryRun(
        run=f"run-{day:02d}", evalset="tickets", path="evals/tickets.evalset.yaml",
        at=f"2026-11-{day:02d}T02:00:00+00:00", verdict="bar_met", bar=0.8, cases=CASES, **run_fields,
    )  # fmt: skip
    gate = GateResult(name="accuracy", arm="as_is", role="candidate", outcome="passed", value=0.85, limit=0.8)
    entry = HistoryEntry(
        run=run,
        cases=dict.fromkeys(range(CASES)),
        arms=(arm,),
        gates=(gate,),
        prompts=(Prompt("prompt", "p1"),),
    )
    assert enter_run(folder / "history.sqlite", entry, str) is None


def say(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    capsys.readouterr()
    assert main(["history", "--dir", str(folder), *arguments]) == status
    captured = capsys.readouterr()
    return captured.out + captured.err


def test_a_table_and_a_chart_within_80_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for day in range(1, 4):
        enter(tmp_path, day, revision="4f2a1c0" + "0" * 33)
    text = say(tmp_path, capsys)
    assert "2026-11-01 02:00" in text
    assert "4f2a1c0" in text
    assert "m-2026-01" in text
    assert "85 %" in text
    assert "40 x 3" in text
    assert "o value, - 95 % interval, : bar" in text
    assert "run chart only: 3 of 5 runs" in text
    assert all(len(line) <= 80 and line.isascii() for line in text.splitlines())


def test_changes_of_the_model_are_marked_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    enter(tmp_path, 1)
    enter(tmp_path, 2, models=("m-2026-06",))
    enter(tmp_path, 3, models=("m-2026-06",), fingerprints=("fp_2",))
    enter(tmp_path, 4, models=("m-2026-06",), fingerprints=("fp_1",))
    enter(tmp_path, 5, models=("m-2026-06",), setup="s2", prompt="p2")
    points = json.loads(say(tmp_path, capsys, "--json"))["series"][0]["points"]
    assert [point["marks"] for point in points] == [
        [],
        ["resolved model: m-2026-01 -> m-2026-06"],
        ["new system_fingerprint: fp_2"],
        [],
        ["another prompt"],
    ]
    assert "^ resolved model: m-2026-01 -> m-2026-06" in say(tmp_path, capsys)


def test_drift_rings_names_the_run_and_can_fail_a_job(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for day in range(1, 6):
        enter(tmp_path, day)
    assert "drift: none shown" in say(tmp_path, capsys, "--fail-on-drift")
    for day in range(6, 9):
        enter(tmp_path, day, passed=28)
    text = say(tmp_path, capsys, "--fail-on-drift", status=1)
    assert "DRIFT since 2026-11-06 02:00 (run run-06)" in text
    assert "DRIFT" in say(tmp_path, capsys)
    enter(tmp_path, 9, passed=28, setup="s2", prompt="p2")
    assert "run chart only: 1 of 5 runs" in say(tmp_path, capsys, "--fail-on-drift")


def test_runs_of_a_commit_are_repeats_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    enter(tmp_path, 1, passed=40, revision="a" * 40)
    enter(tmp_path, 2, passed=20, revision="a" * 40)
    enter(tmp_path, 3, passed=20, revision="a" * 40, dirty=True)
    enter(tmp_path, 4, passed=20)
    points = json.loads(say(tmp_path, capsys, "--json", "--by", "commit"))["series"][0]["points"]
    assert [(point["value"], point["trials"], len(point["runs"])) for point in points] == [
        (0.75, 240, 2),
        (0.5, 120, 1),
        (0.5, 120, 1),
    ]


@pytest.mark.parametrize(
    ("metric", "shown"),
    [
        ("format_failures", "0 %"),
        ("latency_p95_s", "1.5s"),
        ("cost_usd_per_1k_cases", "1.00"),
        ("prompt_tokens", "-"),
        ("gates", "all passed"),
        ("patterns", "label:confusion:a"),
        ("pattern:label:confusion:a→b", "15 %"),
    ],
)
def test_every_metric(tmp_path: Path, capsys: pytest.CaptureFixture[str], metric: str, shown: str) -> None:
    for day in (1, 2):
        enter(tmp_path, day)
    text = say(tmp_path, capsys, "--metric", metric)
    assert shown in text
    assert all(len(line) <= 80 and line.isascii() for line in text.splitlines())
    assert json.loads(say(tmp_path, capsys, "--metric", metric, "--json"))["metric"] == metric


def test_filters_and_what_there_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no history at" in say(tmp_path, capsys, status=2)
    for day in (1, 2):
        enter(tmp_path, day)
    for arguments in (
        ("tickets",),
        ("evals/tickets.evalset.yaml",),
        ("--model", "m-2026-01"),
        ("--arm", "all"),
    ):
        assert len(json.loads(say(tmp_path, capsys, "--json", *arguments))["series"][0]["points"]) == 2
    since = json.loads(say(tmp_path, capsys, "--json", "--since", "2026-11-02"))
    assert [point["runs"] for point in since["series"][0]["points"]] == [["run-02"]]
    last = json.loads(say(tmp_path, capsys, "--json", "--last", "1"))["series"][0]
    assert (len(last["points"]), last["total"]) == (1, 2)
    assert "tickets as_is candidate" in say(tmp_path, capsys, "--arm", "few_shot", status=2)
    assert "Did you mean 'accuracy'" in say(tmp_path, capsys, "--metric", "acuracy", status=2)
    for bad in (("--since", "yesterday"), ("--last", "-1"), ("--baseline", "2"), ("--by", "week")):
        with pytest.raises(SystemExit):
            main(["history", "--dir", str(tmp_path), *bad])


def test_a_damaged_history_is_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "history.sqlite").write_bytes(b"no database at all, " * 500)
    assert "cannot be read" in say(tmp_path, capsys, status=2)


def test_hostile_names_stay_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for day in (1, 2):
        enter(
            tmp_path,
            day,
            models=(f"\x1b[31m::add-mask::{day}",),
            patterns={"\x1b]0;x\x07": PatternCount(1, 1)},
        )
    for metric in ("accuracy", "patterns"):
        text = say(tmp_path, capsys, "--metric", metric)
        assert "\x1b" not in text
        assert not any(line.lstrip().startswith("::") for line in text.splitlines())


def test_the_prompts_of_half_the_cases_count(tmp_path: Path) -> None:
    enter(tmp_path, 1)
    path = tmp_path / "history.sqlite"
    assert list_tried(path, set(range(CASES))) == {Prompt("prompt", "p1")}
    assert list_tried(path, set(range(20, 60))) == {Prompt("prompt", "p1")}
    assert list_tried(path, set(range(21, 61))) == set()
    assert list_tried(tmp_path / "none.sqlite", {1}) == set()

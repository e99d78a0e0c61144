"""`pytest-ftgate store`: the size report and pruning."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pytest_ftgate.cli.main import main
from pytest_ftgate.execution.store import SqliteStore, StoreKey
from pytest_ftgate.model.response import Response


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """40 days old: 3 responses of `old`; a day old: 2 of `new`, one of them truncated."""
    store = SqliteStore(tmp_path / "responses.sqlite")

    async def fill() -> None:
        for number, (days, model, finish) in enumerate(
            [(40, "old", "stop")] * 3 + [(1, "new", "stop"), (1, "new", "length")]
        ):
            at = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds")
            response = Response(text="x" * 1000, finish_reason=finish, model=model, answered_at=at)
            await store.put(StoreKey(digest=bytes([number]), draw="1"), response)

    asyncio.run(fill())
    store.close()
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = main(["store", *arguments])
    captured = capsys.readouterr()
    return status, captured.out + captured.err


def test_the_report(folder, capsys):
    status, said = run(capsys, "--dir", str(folder))
    assert status == 0
    assert "5 responses" in said
    assert "old: 3, 3 KiB" in said
    assert "1 truncated or filtered (never served again)" in said


def test_the_report_as_json(folder, capsys):
    status, said = run(capsys, "--dir", str(folder), "--json")
    report = json.loads(said)
    assert status == 0
    assert report["rows"] == 5
    assert {model["model"]: (model["rows"], model["once"]) for model in report["models"]} == {
        "old": (3, 0),
        "new": (2, 1),
    }


def test_pruning_only_counts_until_yes(folder, capsys):
    prune = ["prune", "--dir", str(folder), "--older-than", "30d"]
    status, said = run(capsys, *prune)
    assert (status, "3 responses would be taken out" in said, "--yes" in said) == (0, True, True)
    assert json.loads(run(capsys, "--dir", str(folder), "--json")[1])["rows"] == 5
    status, said = run(capsys, *prune, "--yes")
    assert (status, "3 responses taken out" in said) == (0, True)
    assert json.loads(run(capsys, "--dir", str(folder), "--json")[1])["rows"] == 2
    assert json.loads(run(capsys, *prune, "--yes", "--json")[1]) | {"bytes": 0} == {
        "rows": 0,
        "bytes": 0,
        "done": True,
    }


@pytest.mark.parametrize(("selection", "left"), [(["--model", "old"], 2), (["--once"], 4)])
def test_other_selections(folder, capsys, selection, left):
    run(capsys, "prune", "--dir", str(folder), *selection, "--yes")
    assert json.loads(run(capsys, "--dir", str(folder), "--json")[1])["rows"] == left


def test_pruning_everything_must_be_said(folder, capsys):
    status, said = run(capsys, "prune", "--dir", str(folder), "--yes")
    assert status == 2
    assert "--older-than" in said
    assert json.loads(run(capsys, "--dir", str(folder), "--json")[1])["rows"] == 5


@pytest.mark.parametrize("age", ["30", "d", "-1d", "1.5d", "99999999d", "soon"])
def test_an_unusable_age(folder, capsys, age):
    with pytest.raises(SystemExit):
        main(["store", "prune", "--dir", str(folder), f"--older-than={age}"])
    assert "such as 30d" in capsys.readouterr().err


def test_an_age_before_all_calendars_takes_nothing(folder, capsys):
    status, said = run(capsys, "prune", "--dir", str(folder), "--older-than", "9999w", "--yes")
    assert (status, "0 responses" in said) == (0, True)


def test_no_store(tmp_path, capsys):
    status, said = run(capsys, "--dir", str(tmp_path))
    assert status == 2
    assert "no run has stored a response there yet" in said
    assert list(tmp_path.iterdir()) == []

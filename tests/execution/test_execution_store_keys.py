"""The file of responses is asked only for keys that it may hold; rows of others are noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_ftgate.execution import sqlite_file
from pytest_ftgate.execution.sqlite_file import Row, SqliteFile


def row(number: int, body: str = "{}") -> Row:
    return Row(number.to_bytes(32, "big"), "1", "m", "2026-01-01", body)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(sqlite_file.time, "monotonic", lambda: now[0])
    return now


def read(file: SqliteFile, number: int) -> str | None:
    return file.read(number.to_bytes(32, "big"), "1")


def test_rows_of_another_process_are_noticed_after_a_while(tmp_path: Path, clock: list[float]) -> None:
    path = tmp_path / "responses.sqlite"
    ours, theirs = SqliteFile(path, print), SqliteFile(path, print)
    assert read(ours, 1) is None
    theirs.write([row(1), row(2)])
    clock[0] += sqlite_file.LOOK_EVERY_S
    assert read(ours, 1) == "{}"
    assert read(ours, 2) == "{}"
    assert read(ours, 3) is None
    ours.close()
    theirs.close()


def test_what_this_process_wrote_is_there_at_once(tmp_path: Path, clock: list[float]) -> None:
    file = SqliteFile(tmp_path / "responses.sqlite", print)
    assert read(file, 1) is None
    file.write([row(1, '"old"')])
    file.write([row(1, '"new"')])
    assert read(file, 1) == '"new"'
    file.close()


def test_a_file_of_more_keys_than_are_kept_is_asked_for_each(
    tmp_path: Path, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "responses.sqlite"
    theirs = SqliteFile(path, print)
    theirs.write([row(number) for number in range(20)])
    monkeypatch.setattr(sqlite_file, "KEYS_KEPT", 5)
    ours = SqliteFile(path, print)
    assert [read(ours, number) is not None for number in range(25)] == [True] * 20 + [False] * 5
    assert len(ours._keys) <= 6
    ours.close()
    theirs.close()

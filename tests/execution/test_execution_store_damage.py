"""A store that is damaged anywhere: no wrong answer, no crash, nothing lost in silence. And a shared one."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_ftgate.execution.store import SqliteStore, StoreKey
from pytest_ftgate.model.response import Response

NOW = "9999-01-01T00:00:00.000+00:00"
ROWS = 300


def key(number: int) -> StoreKey:
    return StoreKey(digest=number.to_bytes(32, "big"), draw="1")


def text_of(number: int) -> str:
    return f"answer {number} " * 40


def put(store: SqliteStore, *numbers: int) -> None:
    async def run():
        for number in numbers:
            await store.put(key(number), Response(text=text_of(number), finish_reason="stop"))

    asyncio.run(run())


def get(store: SqliteStore, number: int) -> str | None:
    found = asyncio.run(store.get(key(number), since=NOW, refresh=False))
    return None if found is None else found.text


def overwrite(path: Path, start: float, size: int, seed: int) -> None:
    """Random bytes from `start`, a share of the file's length."""
    length = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(int(length * start))
        file.write(random.Random(seed).randbytes(min(size, length - int(length * start))))


def check(path: Path) -> list[str | None]:
    """Read everything, write one more; returns what was read."""
    store = SqliteStore(path)
    read = [get(store, number) for number in range(ROWS)]
    assert all(text in (None, text_of(number)) for number, text in enumerate(read))
    put(store, ROWS + 1)
    assert get(store, ROWS + 1) == text_of(ROWS + 1)
    lost = [text for text in read if text is None]
    assert not lost or store.notices, f"{len(lost)} answers were lost in silence"
    aside = [notice for notice in store.notices if "set aside" in notice]
    assert len(list(path.parent.glob("*.damaged-?"))) == len(aside)
    if not aside:
        assert len(lost) == len(store.notices), "each row that cannot be read is said"
    store.close()
    return read


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "responses.sqlite"
    store = SqliteStore(path)
    put(store, *range(ROWS))
    store.close()
    return path


@pytest.mark.parametrize("start", [0.0, 0.001, 0.01, 0.3, 0.7, 0.99])
def test_bytes_of_any_place_overwritten(path, start):
    overwrite(path, start, 5000, seed=int(start * 1000))
    check(path)


@pytest.mark.parametrize("start", [0.2, 0.41, 0.6, 0.77, 0.9])
def test_a_few_bytes_inside_of_a_row(path, start):
    overwrite(path, start, 24, seed=int(start * 1000))
    assert check(path).count(None) <= 1 or list(path.parent.glob("*.damaged-1"))


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_a_file_that_was_cut(path, share):
    with path.open("r+b") as file:
        file.truncate(int(path.stat().st_size * share))
    assert None in check(path)


def test_an_empty_file_is_a_new_store(path):
    path.write_bytes(b"")
    store = SqliteStore(path)
    assert get(store, 1) is None
    put(store, 1)
    assert get(store, 1) == text_of(1)
    store.close()


KILLED = """
import asyncio, os, sys
sys.path.insert(0, sys.argv[2])
from test_execution_store_damage import ROWS, SqliteStore, Path, put
store = SqliteStore(Path(sys.argv[1]))
put(store, *range(ROWS))
os._exit(9)
"""


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
def test_a_companion_file_of_a_killed_run_is_damaged(tmp_path, suffix):
    path = tmp_path / "responses.sqlite"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), str(Path(__file__).parent)])
    assert done.returncode == 9
    overwrite(path.with_name(path.name + suffix), 0.5, 3000, seed=1)
    store = SqliteStore(path)
    read = [get(store, number) for number in range(ROWS)]
    assert all(text in (None, text_of(number)) for number, text in enumerate(read))
    if suffix == "-shm":  # an index only: it is made anew
        assert None not in read
    # Of the log SQLite takes what is sound, up to the first frame that is not.
    assert read[0] is not None
    put(store, ROWS + 1)
    assert get(store, ROWS + 1) == text_of(ROWS + 1)
    store.close()


SHARING = """
import sys
sys.path.insert(0, sys.argv[2])
from test_execution_store_damage import SqliteStore, Path, get, put, text_of
store = SqliteStore(Path(sys.argv[1]))
for number in range(int(sys.argv[3]), int(sys.argv[4])):
    put(store, number)
    assert get(store, number) == text_of(number)
store.close()
"""


def test_processes_that_write_the_same_and_other_keys(tmp_path):
    path = tmp_path / "responses.sqlite"
    ranges = [(0, 80), (0, 80), (40, 120)]
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", SHARING, str(path), str(Path(__file__).parent), str(first), str(last)]
        )
        for first, last in ranges
    ]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    store = SqliteStore(path)
    assert [get(store, number) for number in range(120)] == [text_of(number) for number in range(120)]
    assert store.notices == []
    store.close()

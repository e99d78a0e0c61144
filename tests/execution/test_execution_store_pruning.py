"""How large the store is, and taking responses out: alone, while a run uses it, and from a damaged file."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from pytest_ftgate.errors import StorageError
from pytest_ftgate.execution.sqlite_file import Row, SqliteFile
from pytest_ftgate.execution.store import SqliteStore, StoreKey
from pytest_ftgate.execution.store_pruning import Selection, measure_store, prune_store
from pytest_ftgate.model.response import Response

NOW = "9999-01-01T00:00:00.000+00:00"


def key(number: int) -> StoreKey:
    return StoreKey(digest=number.to_bytes(32, "big"), draw="1")


def fill(store: SqliteStore, numbers, *, day: int, model: str = "m", finish: str = "stop", size: int = 2000):
    async def run():
        for number in numbers:
            response = Response(
                text="x" * size,
                finish_reason=finish,
                model=model,
                answered_at=f"2026-11-{day:02d}T00:00:00.000+00:00",
            )
            await store.put(key(number), response)

    asyncio.run(run())


def has(store: SqliteStore, number: int) -> bool:
    return asyncio.run(store.get(key(number), since=NOW, refresh=False)) is not None


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "responses.sqlite"
    store = SqliteStore(path)
    fill(store, range(600), day=1)
    fill(store, range(600, 620), day=9, model="n")
    fill(store, range(620, 630), day=9, finish="length")
    store.close()
    return path


def test_the_size_is_told_by_model(path):
    size = measure_store(path)
    assert size.rows == 630
    assert size.file_bytes >= path.stat().st_size > 630 * 2000
    m, n = size.models
    assert (m.model, m.rows, m.once) == ("m", 610, 10)
    assert (n.model, n.rows, n.once) == ("n", 20, 0)
    assert (m.oldest[:10], m.newest[:10]) == ("2026-11-01", "2026-11-09")
    assert 610 * 2000 < m.text_bytes < 610 * 2300


@pytest.mark.parametrize(
    ("selection", "rows"),
    [
        (Selection(before="2026-11-05"), 600),
        (Selection(model="n"), 20),
        (Selection(once=True), 10),
        (Selection(before="2026-11-05", once=True), 0),
        (Selection(before="2027"), 630),
    ],
)
def test_only_what_is_selected_goes(path, selection, rows):
    assert prune_store(path, selection, is_trial=True).rows == rows
    assert measure_store(path).rows == 630
    pruned = prune_store(path, selection)
    assert (pruned.rows, pruned.is_compact) == (rows, True)
    assert measure_store(path).rows == 630 - rows


def test_the_file_gives_back_its_space_and_can_be_used_again(path):
    before = path.stat().st_size
    prune_store(path, Selection(before="2026-11-05"))
    assert path.stat().st_size < before / 5
    store = SqliteStore(path)
    assert has(store, 605)
    assert not has(store, 5)
    fill(store, [5], day=10)
    assert has(store, 5)
    assert store.notices == []
    store.close()
    assert sqlite3.connect(path).execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_run_that_uses_the_store_goes_on(path):
    store = SqliteStore(path)
    assert has(store, 5)
    pruned = prune_store(path, Selection(before="2026-11-05"))
    assert (pruned.rows, pruned.is_compact) == (600, False)
    assert not has(store, 5)
    assert has(store, 605)
    fill(store, [5], day=10)
    assert has(store, 5)
    assert store.notices == []
    store.close()


def test_a_run_still_notices_what_others_add_after_a_pruning(path, monkeypatch):
    monkeypatch.setattr("pytest_ftgate.execution.sqlite_file.LOOK_EVERY_S", 0.0)
    ours, theirs = SqliteStore(path), SqliteStore(path)
    assert has(ours, 5)
    prune_store(path, Selection(before="2027"))
    fill(theirs, [7000], day=10)
    assert has(ours, 7000), "the number of the newest row was given away again"
    ours.close()
    theirs.close()


def test_a_writer_waits_for_a_pruning_that_is_under_way(path):
    store = SqliteStore(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("DELETE FROM responses WHERE model = 'n'")

    async def run():
        writing = asyncio.create_task(store.put(key(1), Response(text="a")))
        await asyncio.sleep(0.1)
        assert not writing.done()
        other.execute("COMMIT")
        await asyncio.wait_for(writing, 10)

    asyncio.run(run())
    store.close()
    other.close()


def test_no_store_is_an_error_and_none_is_made(tmp_path):
    with pytest.raises(StorageError, match="does not exist"):
        measure_store(tmp_path / "responses.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_store_is_said_and_left_where_it_is(tmp_path):
    path = tmp_path / "responses.sqlite"
    path.write_bytes(b"no database at all " * 300)
    for look in (measure_store, lambda path: prune_store(path, Selection(once=True))):
        with pytest.raises(StorageError, match="damaged"):
            look(path)
    assert path.read_bytes() == b"no database at all " * 300


def test_a_store_of_another_format_is_left_alone(path):
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StorageError, match="format 99"):
        prune_store(path, Selection(once=True))


def test_bodies_that_are_no_json_are_counted_and_kept(path):
    file = SqliteFile(path, print)
    file.write([Row(b"k", "1", "m", "2026-11-09", "{broken")])
    file.close()
    assert measure_store(path).rows == 631
    assert prune_store(path, Selection(once=True)).rows == 10

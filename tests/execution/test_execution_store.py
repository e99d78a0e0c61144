"""The response store: what it serves, how it is shared, and what happens to a damaged file."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trials import make_trial

from pytest_ftgate.errors import StorageError
from pytest_ftgate.execution.sqlite_file import Row, SqliteFile
from pytest_ftgate.execution.store import (
    MemoryStore,
    SqliteStore,
    StoreKey,
    follow_up_key,
    now_iso,
    store_key,
)
from pytest_ftgate.model.response import Response, ToolCall, Usage

LATER, EARLIER = "9999-01-01T00:00:00.000+00:00", "2000-01-01T00:00:00.000+00:00"


def key(number: int = 0, draw: str = "1") -> StoreKey:
    return StoreKey(digest=number.to_bytes(32, "big"), draw=draw)


def answer(text: str | None = "ok", **more) -> Response:
    return Response(**{"text": text, "finish_reason": "stop", "answered_at": now_iso(), **more})


def put(store, *pairs):
    async def run():
        await asyncio.gather(*[store.put(k, response) for k, response in pairs])

    asyncio.run(run())


def get(store, k, *, since=LATER, refresh=False):
    return asyncio.run(store.get(k, since=since, refresh=refresh))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "folder" / "responses.sqlite"


def test_a_response_comes_back_as_it_was_marked_as_cached(path):
    response = answer(
        "a \x00 b \ud800 grüß",
        tool_calls=(ToolCall(name="f", arguments="{", id="1"),),
        usage=Usage(prompt_tokens=3, completion_tokens=2, cached_tokens=1, reasoning_tokens=1),
        latency_s=0.5,
        cost_usd=0.001,
        model="m-1",
        system_fingerprint="fp",
        attempts=3,
        turns=1,
    )
    store = SqliteStore(path)
    put(store, (key(), response))
    store.close()
    assert get(SqliteStore(path), key()) == replace(response, cached=True)


@settings(max_examples=25, deadline=None)
@given(text=st.text(max_size=200) | st.just("\udfff lone \ud800"))
def test_any_text_survives(text, tmp_path_factory):
    store = SqliteStore(tmp_path_factory.mktemp("s") / "r.sqlite")
    put(store, (key(), answer(text)))
    assert get(store, key()).text == text
    store.close()


@pytest.mark.parametrize("make", [lambda path: MemoryStore(), SqliteStore], ids=["memory", "sqlite"])
@pytest.mark.parametrize(
    ("finish_reason", "answered_at", "refresh", "is_served"),
    [
        ("stop", EARLIER, False, True),
        (None, EARLIER, False, True),
        ("tool_calls", EARLIER, False, True),
        ("length", EARLIER, False, False),
        ("content_filter", EARLIER, False, False),
        ("stop", EARLIER, True, False),
        ("length", LATER, False, True),
        ("stop", LATER, True, True),
    ],
)
def test_what_is_served(make, finish_reason, answered_at, refresh, is_served, path):
    store = make(path)
    put(store, (key(), answer(finish_reason=finish_reason, answered_at=answered_at)))
    found = get(store, key(), since="2026-01-01T00:00:00.000+00:00", refresh=refresh)
    assert (found is not None) == is_served
    assert get(store, key(1)) is None
    store.close()


def test_draws_and_keys_are_told_apart(path):
    store = SqliteStore(path)
    put(store, (key(1, "1"), answer("a")), (key(1, "2"), answer("b")), (key(2, "1"), answer("c")))
    assert [get(store, k).text for k in (key(1, "1"), key(1, "2"), key(2, "1"))] == ["a", "b", "c"]
    store.close()


def test_the_newest_answer_of_a_key_stays(path):
    store = SqliteStore(path)
    put(store, (key(), answer("old")))
    put(store, (key(), answer("new")))
    assert get(store, key()).text == "new"
    store.close()


def test_keys_depend_on_hash_draw_address_and_turn():
    trial, other = make_trial("a"), make_trial("b")
    further = other.request
    keys = {
        store_key(trial, ""),
        store_key(trial, "http://127.0.0.1:1/v1"),
        store_key(make_trial("a", repeat=2), ""),
        store_key(other, ""),
        follow_up_key(trial, further, ""),
        follow_up_key(other, further, ""),
    }
    assert len(keys) == 6
    assert store_key(trial, "") == store_key(make_trial("a", case="another", arm="another"), "")


def test_no_key_or_header_is_ever_in_the_file(path):
    store = SqliteStore(path)
    put(store, (key(), answer("hello")))
    store.close()
    columns = [row[1] for row in sqlite3.connect(path).execute("PRAGMA table_info(responses)")]
    assert columns == ["digest", "draw", "model", "answered_at", "body"]


def test_a_thousand_answers_take_little_time_and_room(path):
    store = SqliteStore(path)
    put(store, (key(9999), answer()))
    started = time.perf_counter()
    put(store, *[(key(n), answer("x" * 500)) for n in range(1000)])
    took = time.perf_counter() - started
    assert took < 1.0, f"{took:.2f} s for what 500 answers a second bring in two"
    assert get(store, key(999)) is not None
    store.close()
    size = sum(file.stat().st_size for file in path.parent.iterdir())
    assert size < 1000 * (500 + 1024)


@pytest.mark.parametrize(
    "content", [b"this is no database, but it is long enough to be looked at" * 20, b"\x00" * 5000]
)
def test_a_file_that_is_no_database_is_set_aside_and_said(content, path):
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    store = SqliteStore(path)
    put(store, (key(), answer("fresh")))
    assert get(store, key()).text == "fresh"
    store.close()
    assert path.with_name("responses.sqlite.damaged-1").read_bytes() == content
    [notice] = store.notices
    assert "damaged" in notice
    assert "responses.sqlite.damaged-1" in notice


def test_a_second_damaged_file_does_not_overwrite_the_first(path):
    path.parent.mkdir(parents=True)
    for number in (1, 2):
        path.write_bytes(b"garbage %d" % number * 200)
        SqliteStore(path).close()
        path.unlink(missing_ok=True)
    assert sorted(file.name for file in path.parent.glob("*.damaged-*")) == [
        "responses.sqlite.damaged-1",
        "responses.sqlite.damaged-2",
    ]


def test_a_page_damaged_in_the_middle_is_noticed_when_it_is_read(path):
    store = SqliteStore(path)
    put(store, *[(key(n), answer("x" * 2000)) for n in range(200)])
    store.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    store = SqliteStore(path)
    assert [get(store, key(n)) for n in range(200)] == [None] * 200
    put(store, (key(), answer("fresh")))
    assert get(store, key()).text == "fresh"
    assert len(store.notices) == 1
    assert len(list(path.parent.glob("*.damaged-1"))) == 1
    store.close()


def test_an_unreadable_row_is_asked_again_and_said(path):
    store = SqliteStore(path)
    put(store, (key(), answer()))
    SqliteFile(path, print).write([Row(key().digest, "1", "m", now_iso(), '{"text": 5}')])
    assert get(store, key()) is None
    assert "unreadable" in store.notices[0]
    store.close()


def test_a_file_of_a_newer_version_is_left_alone(path):
    SqliteStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StorageError, match="newer pytest-ftgate"):
        SqliteStore(path)
    assert not list(path.parent.glob("*.damaged-*"))


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="--ftgate-dir"):
        SqliteStore(tmp_path / "file" / "responses.sqlite")


def test_a_writer_waits_for_another_process_that_holds_the_file(path):
    store = SqliteStore(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def run():
        writing = asyncio.create_task(store.put(key(), answer()))
        await asyncio.sleep(0.2)
        was_done = writing.done()
        # The loop is free meanwhile, and readers are not held up.
        assert await store.get(key(5), since=LATER, refresh=False) is None
        other.execute("COMMIT")
        await asyncio.wait_for(writing, 10)
        return was_done

    assert asyncio.run(run()) is False
    assert get(store, key()) is not None
    store.close()
    other.close()


WRITER = """
import asyncio, sys
from pathlib import Path
from pytest_ftgate.execution.store import SqliteStore, StoreKey
from pytest_ftgate.model.response import Response
async def run():
    store = SqliteStore(Path(sys.argv[1]))
    first = int(sys.argv[2])
    for n in range(first, first + 100):
        key = StoreKey(digest=n.to_bytes(32, "big"), draw="1")
        await store.put(key, Response(text=str(n), finish_reason="stop"))
    store.close()
asyncio.run(run())
"""


def test_processes_share_one_file(path):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(100 * n)]) for n in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    store = SqliteStore(path)
    assert [get(store, key(n)).text for n in range(300)] == [str(n) for n in range(300)]
    assert store.notices == []
    store.close()


def test_a_store_that_was_set_aside_by_another_thread_is_not_set_aside_twice(path):
    path.parent.mkdir(parents=True)
    path.write_bytes(b"garbage" * 500)
    notices: list[str] = []
    first = SqliteFile(path, notices.append)
    first._set_aside(first._generation - 1, "seen before the new file was made")
    assert len(notices) == 1
    first.write([Row(b"k", "1", "m", now_iso(), "{}")])
    assert first.read(b"k", "1") == "{}"
    first.close()


def test_what_a_loop_had_no_time_to_write_is_written_at_the_end(path):
    store = SqliteStore(path)

    async def run():
        asyncio.create_task(store.put(key(), answer("late")))  # noqa: RUF006
        await asyncio.sleep(0)

    asyncio.run(run())
    store.close()
    assert get(SqliteStore(path), key()).text == "late"

"""Writes rows, as many in one transaction as have come together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue

from pytest_ftgate.errors import StorageError
from pytest_ftgate.execution.sqlite_file import Row, SqliteFile

BATCH_ROWS = 100
"""Five values a row: below the 999 that old builds of SQLite allow in one statement."""

CLOSE_WAIT_S = 70.0

_Done = asyncio.Future[None]
_Entry = tuple[Row, _Done]


class StoreWriter:
    """Takes rows from event loops; each future is done when its row is committed.

    A loop writes its rows itself, those of one turn together. Where another process holds the file a thread
    of its own waits for it.
    """

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self._given: dict[asyncio.AbstractEventLoop, list[_Entry]] = {}
        self._queue: SimpleQueue[_Entry | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def put(self, row: Row) -> _Done:
        """Take a row. To be called on the loop that waits for it."""
        loop = asyncio.get_running_loop()
        done: _Done = loop.create_future()
        given = self._given.get(loop)
        if given is None:
            given = self._given[loop] = []
            loop.call_soon(self._flush, loop)
        given.append((row, done))
        return done

    def close(self) -> None:
        """Write what is left and end."""
        for loop in list(self._given):  # those that ended before their next turn
            self._hand_over(self._given.pop(loop))
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(CLOSE_WAIT_S)

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        given = self._given.pop(loop, [])
        for start in range(0, len(given), BATCH_ROWS):
            batch = given[start : start + BATCH_ROWS]
            if self._file.write_now([row for row, _ in batch]):
                _settle([done for _, done in batch], None)
            else:
                self._hand_over(batch)

    def _hand_over(self, batch: Sequence[_Entry]) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="ftgate-store", daemon=True)
            self._thread.start()
        for entry in batch:
            self._queue.put(entry)

    def _run(self) -> None:
        ended = False
        while not ended:
            batch, ended = self._take()
            if batch:
                self._write(batch)

    def _take(self) -> tuple[list[_Entry], bool]:
        """What waits, at least one entry; True where the end was among it."""
        batch: list[_Entry] = []
        entry = self._queue.get()
        while entry is not None:
            batch.append(entry)
            if len(batch) >= BATCH_ROWS:
                return batch, False
            try:
                entry = self._queue.get_nowait()
            except Empty:
                return batch, False
        return batch, True

    def _write(self, batch: list[_Entry]) -> None:
        error: StorageError | None = None
        try:
            self._file.write([row for row, _ in batch])
        except StorageError as raised:
            error = raised
        except Exception as raised:  # noqa: BLE001 - a writer that dies in silence would hang every waiting answer
            error = StorageError(f"{self._file.path}: the response store failed: {raised!r}")
        # One call for all: each wakes the loop, and the threads would take turns for every row.
        waiting: dict[asyncio.AbstractEventLoop, list[_Done]] = {}
        for _, done in batch:
            waiting.setdefault(done.get_loop(), []).append(done)
        for loop, settled in waiting.items():
            with suppress(RuntimeError):  # the loop has ended, and with it all that waited
                loop.call_soon_threadsafe(_settle, settled, error)


def _settle(settled: Sequence[_Done], error: StorageError | None) -> None:
    for done in settled:
        if done.done():  # cancelled at the end of a run
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

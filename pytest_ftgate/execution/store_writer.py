"""Writes rows from a thread of its own, as many in one transaction as have come together."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from queue import Empty, SimpleQueue

from pytest_ftgate.errors import StorageError
from pytest_ftgate.execution.sqlite_file import Row, SqliteFile

BATCH_ROWS = 100
"""Five values a row: below the 999 that old builds of SQLite allow in one statement."""

CLOSE_WAIT_S = 70.0

_Entry = tuple[Row, "Future[None]"]


class StoreWriter:
    """Takes rows from any thread; each future is done when its row is committed."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self._queue: SimpleQueue[_Entry | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="ftgate-store", daemon=True)
        self._thread.start()

    def put(self, row: Row) -> Future[None]:
        """Queue a row."""
        future: Future[None] = Future()
        self._queue.put((row, future))
        return future

    def close(self) -> None:
        """Write what is queued and end."""
        self._queue.put(None)
        self._thread.join(CLOSE_WAIT_S)

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
        try:
            self._file.write([row for row, _ in batch])
        except StorageError as error:
            for _, future in batch:
                _settle(future, error)
        except Exception as error:  # noqa: BLE001 - a writer that dies in silence would hang every waiting answer
            for _, future in batch:
                _settle(future, StorageError(f"{self._file.path}: the response store failed: {error!r}"))
        else:
            for _, future in batch:
                _settle(future, None)


def _settle(future: Future[None], error: StorageError | None) -> None:
    # Cancelled at the end of a run: nobody waits for it any more.
    if not future.set_running_or_notify_cancel():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)

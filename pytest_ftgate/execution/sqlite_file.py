"""The file of the response store: opening, sharing, and setting a damaged one aside."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from pytest_ftgate.errors import StorageError

FORMAT = 1
LOCK_WAIT_S = 60.0
"""How long another process may hold the file before we give up."""

_TABLE = """CREATE TABLE IF NOT EXISTS responses (
  digest BLOB NOT NULL, draw TEXT NOT NULL,
  model TEXT NOT NULL, answered_at TEXT NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (digest, draw))"""
LOOK_EVERY_S = 0.5
KEYS_KEPT = 200_000
"""Of a larger file every key is looked up by itself: one that is kept takes some 100 bytes of memory."""

CACHE_KIB = 256
"""Of a connection: what it reads again is in the page cache of the system, and each thread has one."""

_NEWER = "SELECT rowid, digest, draw FROM responses WHERE rowid > ? ORDER BY rowid LIMIT max(0, ?)"
_SELECT = "SELECT body FROM responses WHERE digest = ? AND draw = ?"


class Row(NamedTuple):
    """One stored response. `body` is its JSON text."""

    digest: bytes
    draw: str
    model: str
    answered_at: str
    body: str


class SqliteFile:
    """A file of rows with one connection per thread; threads and processes may share it.

    `notify` is told, in one sentence, what happened to a damaged file.
    """

    def __init__(self, path: Path, notify: Callable[[str], None]) -> None:
        self.path, self._notify = path, notify
        self._lock = threading.Lock()
        self._generation = 0
        self._connections: list[sqlite3.Connection] = []
        self._inode = -1
        self._local = threading.local()
        self._keys: set[int] = set()
        """Hashes: where two keys share one, SQLite is asked once too often."""
        self._last_row, self._look_again_at = 0, 0.0
        self._make()

    def read(self, digest: bytes, draw: str) -> str | None:
        """The body kept under a key, or None."""
        generation = self._generation
        try:
            if not self._may_hold(hash((digest, draw))):
                return None
            row = self._connection().execute(_SELECT, (digest, draw)).fetchone()
        except sqlite3.OperationalError as error:
            raise self._unusable(error) from None
        except sqlite3.DatabaseError as error:
            self._set_aside(generation, str(error))
            return None
        if row is None:
            return None
        # What is no text makes no response: the store says so of whatever it cannot read.
        return row[0] if isinstance(row[0], str) else ""

    def write_now(self, rows: Sequence[Row]) -> bool:
        """As `write`, without waiting for others; False where it must, or where something is wrong.

        Once in a few hundred rows SQLite brings them into its main file, and waits for the disk.
        """
        try:
            self._insert(rows, wait_s=0.0)
        except sqlite3.Error:
            return False
        return True

    def write(self, rows: Sequence[Row]) -> None:
        """Keep all rows in one transaction; the newest of a key stays. Raises StorageError.

        One statement per batch: each call into SQLite gives up the interpreter lock, and getting it
        back from a busy event loop takes milliseconds.
        """
        give_up_at = time.monotonic() + LOCK_WAIT_S
        while True:
            generation = self._generation
            try:
                self._insert(rows)
            except sqlite3.OperationalError as error:
                if not _is_locked(error) or time.monotonic() > give_up_at:
                    raise self._unusable(error) from None
                time.sleep(0.05)
            except sqlite3.DatabaseError as error:
                if time.monotonic() > give_up_at:
                    raise self._unusable(error) from None
                self._set_aside(generation, str(error))
            else:
                return

    def _insert(self, rows: Sequence[Row], *, wait_s: float = LOCK_WAIT_S) -> None:
        values = [value for row in rows for value in row]
        self._connection(wait_s=wait_s).execute(_insertion(len(rows)), values)
        self._keys.update(hash((row.digest, row.draw)) for row in rows)

    def _may_hold(self, key: int) -> bool:
        """Whether a row of a key with this hash may be there, mostly without asking SQLite.

        Each call into it gives up the interpreter lock; getting it back takes milliseconds while another
        thread is busy. Rows of other processes are noticed within LOOK_EVERY_S.
        """
        now = time.monotonic()
        if now >= self._look_again_at:
            connection = self._connection()
            found = connection.execute(_NEWER, (self._last_row, KEYS_KEPT + 1 - len(self._keys))).fetchall()
            if found:
                self._last_row = found[-1][0]
                self._keys.update(hash((digest, draw)) for _, digest, draw in found)
            self._look_again_at = now + LOOK_EVERY_S
        return key in self._keys or len(self._keys) > KEYS_KEPT

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            self._generation += 1
            for connection in self._connections:
                connection.close()
            self._connections.clear()

    def _make(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unusable(error) from None
        try:
            self._connection()
        except sqlite3.OperationalError as error:
            raise self._unusable(error) from None
        except sqlite3.DatabaseError as error:
            self._set_aside(self._generation, str(error))

    def _connection(self, *, wait_s: float = LOCK_WAIT_S) -> sqlite3.Connection:
        """That of this thread which waits so long for others that write."""
        local = self._local
        if getattr(local, "generation", None) != self._generation:
            local.generation, local.connections = self._generation, {}
        connection: sqlite3.Connection | None = local.connections.get(wait_s)
        if connection is None:
            connection = local.connections[wait_s] = self._connect(wait_s)
        return connection

    def _connect(self, wait_s: float) -> sqlite3.Connection:
        with contextlib.suppress(FileNotFoundError):
            self._inode = self.path.stat().st_ino
        connection = sqlite3.connect(self.path, timeout=wait_s, isolation_level=None, check_same_thread=False)
        connection.text_factory = _read_text
        try:
            _prepare(connection)
        except BaseException:
            connection.close()
            raise
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > FORMAT:
            connection.close()
            raise StorageError(
                f"{self.path}: made by a newer pytest-ftgate (format {version}, this one knows {FORMAT}). "
                "Upgrade, or choose another folder with --ftgate-dir."
            )
        with self._lock:
            self._connections.append(connection)
            self._inode = self.path.stat().st_ino
        return connection

    def _set_aside(self, generation: int, why: str) -> None:
        """Rename a damaged file and begin a new one, unless another thread or process already did."""
        with self._lock:
            if generation != self._generation:
                return
            self._generation += 1
            self._keys, self._last_row, self._look_again_at = set(), 0, 0.0
            for connection in self._connections:
                connection.close()
            self._connections.clear()
            try:
                if self._inode in (-1, self.path.stat().st_ino):
                    aside = _rename_damaged(self.path)
                    self._notify(
                        f"{self.path} is damaged ({why}); it was set aside as {aside.name}, "
                        "and the answers in it will be asked for again"
                    )
            except FileNotFoundError:
                pass
            except OSError as error:
                raise self._unusable(error) from None
            self._inode = -1

    def _unusable(self, error: Exception) -> StorageError:
        return StorageError(
            f"{self.path}: the response store cannot be used ({error}). Free the disk or the lock, or choose "
            "another folder with --ftgate-dir."
        )


@cache
def _insertion(rows: int) -> str:
    places = ",".join(["(?,?,?,?,?)"] * rows)
    return f"INSERT OR REPLACE INTO responses (digest, draw, model, answered_at, body) VALUES {places}"  # noqa: S608


def _prepare(connection: sqlite3.Connection) -> None:
    give_up_at = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            # WAL with NORMAL: a committed row survives the death of the process; no fsync per commit.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute(_TABLE)
                connection.execute(f"PRAGMA user_version = {FORMAT}")
                connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if not _is_locked(error) or time.monotonic() > give_up_at:
                raise
            time.sleep(0.05)
        else:
            return


def _read_text(data: bytes) -> str | bytes:
    """A text; the bytes where a damaged file has others than UTF-8, which must cost one row, not the run."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _is_locked(error: sqlite3.OperationalError) -> bool:
    return "locked" in str(error) or "busy" in str(error)


def _rename_damaged(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        companion = path.with_name(path.name + suffix)
        if companion.exists():
            companion.rename(aside.with_name(aside.name + suffix))
    return aside

"""How large the response store is, and taking old responses out of it, also while a run uses it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pytest_ftgate.errors import StorageError
from pytest_ftgate.execution.sqlite_file import FORMAT

LOCK_WAIT_S = 10.0
CHUNK_ROWS = 500
"""Deleted in one transaction: a run that writes waits no longer than for that."""

_FINISH = "CASE WHEN json_valid(body) THEN json_extract(body, '$.finish_reason') END"
_LOST = f"{_FINISH} IN ('length', 'content_filter')"
_SIZES = f"""SELECT model, count(*), sum(length(CAST(body AS BLOB))), min(answered_at), max(answered_at),
  coalesce(sum({_LOST}), 0) FROM responses GROUP BY model ORDER BY 3 DESC, model"""  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSize:
    """The responses of one model id, as the vendor named it ("" where it did not). Times are ISO 8601 UTC.

    `once`: truncated and filtered ones, which no later run is given.
    """

    model: str
    rows: int
    text_bytes: int
    oldest: str
    newest: str
    once: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSize:
    """A store. `file_bytes` counts its companion files too."""

    path: Path
    file_bytes: int
    models: tuple[ModelSize, ...]

    @property
    def rows(self) -> int:
        return sum(model.rows for model in self.models)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Responses to take out: all conditions hold. `before`: answered before it (ISO 8601 UTC).

    `once`: only truncated and filtered ones.
    """

    before: str | None = None
    model: str | None = None
    once: bool = False

    def where(self) -> tuple[str, list[str]]:
        """An SQL condition and its values."""
        wanted: list[tuple[str, str | None]] = [("answered_at < ?", self.before), ("model = ?", self.model)]
        parts = [part for part, value in wanted if value is not None]
        values = [value for _, value in wanted if value is not None]
        return " AND ".join([*parts, *([_LOST] if self.once else [])]) or "1", values


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """`rows` were (or would be) taken out. `is_compact`: the file has given back the space."""

    rows: int
    file_bytes: int
    is_compact: bool = False


def measure_store(path: Path) -> StoreSize:
    """What is in the store. Raises StorageError where there is none, or it cannot be read."""
    with _open(path) as connection:
        models = tuple(
            ModelSize(
                model=model, rows=rows, text_bytes=size or 0, oldest=oldest, newest=newest, once=int(once)
            )
            for model, rows, size, oldest, newest, once in connection.execute(_SIZES)
        )
    return StoreSize(path=path, file_bytes=_file_bytes(path), models=models)


def prune_store(path: Path, selection: Selection, *, is_trial: bool = False) -> Pruned:
    """Take responses out; `is_trial` only counts them. Raises StorageError.

    Where no other process has the store open its file is made smaller too. Else a run may be using it: then
    the newest row stays, by whose number the run notices what other processes add.
    """
    condition, values = selection.where()
    with _open(path) as connection:
        if is_trial:
            counted = connection.execute(f"SELECT count(*) FROM responses WHERE {condition}", values)  # noqa: S608
            return Pruned(rows=counted.fetchone()[0], file_bytes=_file_bytes(path))
        is_alone = _take_alone(connection)
        if not is_alone:
            condition = f"({condition}) AND rowid < (SELECT max(rowid) FROM responses)"  # noqa: S608
        rows = sum(_delete_in_chunks(connection, condition, values))
        if is_alone:
            connection.execute("VACUUM")
            connection.execute("PRAGMA journal_mode = WAL")
    return Pruned(rows=rows, file_bytes=_file_bytes(path), is_compact=is_alone)


def _take_alone(connection: sqlite3.Connection) -> bool:
    """Lock out everybody else until the connection closes; False where another one is open.

    Only alone can a database leave WAL mode.
    """
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        alone = bool(connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0] == "delete")
        if alone:
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("COMMIT")
    except sqlite3.OperationalError:
        alone = False
    if not alone:
        connection.execute("PRAGMA locking_mode = NORMAL")
    connection.execute(f"PRAGMA busy_timeout = {int(LOCK_WAIT_S * 1000)}")
    return alone


def _delete_in_chunks(connection: sqlite3.Connection, condition: str, values: list[str]) -> Iterator[int]:
    chunk = f"SELECT rowid FROM responses WHERE {condition} LIMIT {CHUNK_ROWS}"  # noqa: S608
    while True:
        deleted = connection.execute(f"DELETE FROM responses WHERE rowid IN ({chunk})", values).rowcount  # noqa: S608
        yield deleted
        if deleted < CHUNK_ROWS:
            return


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise StorageError(f"{path} does not exist: no run has stored a response there yet")
    try:
        uri = f"file:{quote(str(path.resolve()))}?mode=rw"
        with closing(sqlite3.connect(uri, uri=True, timeout=LOCK_WAIT_S, isolation_level=None)) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version != FORMAT:
                raise StorageError(
                    f"{path}: format {version}; this pytest-ftgate knows format {FORMAT}. "
                    "Use the version that made it."
                )
            yield connection
    except sqlite3.OperationalError as error:
        raise StorageError(f"{path}: the response store cannot be used ({error})") from None
    except sqlite3.DatabaseError as error:
        raise StorageError(f"{path} is damaged ({error}); the next run will set it aside") from None


def _file_bytes(path: Path) -> int:
    files = (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm"))
    return sum(file.stat().st_size for file in files if file.exists())

"""The history: one SQLite file of what runs measured. Opened for a moment at the end of a run."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Literal

from pytest_ftgate.errors import StorageError
from pytest_ftgate.model.history import HistoryArm, HistoryEntry, HistoryRun, Prompt
from pytest_ftgate.model.verdict import GateResult

FILE = "history.sqlite"
FORMAT = 1
LOCK_WAIT_S = 5.0
"""How long another run may hold the file before this one goes without it."""

MAX_PATTERNS = 200
"""Signatures kept of one arm, the most frequent ones."""

_TABLES = """
CREATE TABLE splits (id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, cases INTEGER NOT NULL);
CREATE TABLE split_cases (
  hash INTEGER NOT NULL, split INTEGER NOT NULL, cluster INTEGER,
  PRIMARY KEY (hash, split)) WITHOUT ROWID;
CREATE INDEX cases_by_split ON split_cases (split);
CREATE TABLE prompts (
  split INTEGER NOT NULL, kind TEXT NOT NULL, digest TEXT NOT NULL, first_at TEXT NOT NULL,
  PRIMARY KEY (split, kind, digest)) WITHOUT ROWID;
CREATE TABLE runs (
  id INTEGER PRIMARY KEY, run TEXT NOT NULL, evalset TEXT NOT NULL, path TEXT NOT NULL, at TEXT NOT NULL,
  revision TEXT, dirty INTEGER NOT NULL, verdict TEXT NOT NULL, bar REAL NOT NULL, cases INTEGER NOT NULL,
  partial INTEGER NOT NULL, split INTEGER NOT NULL, UNIQUE (run, evalset));
CREATE INDEX runs_by_evalset ON runs (evalset, at);
CREATE TABLE arms (
  id INTEGER PRIMARY KEY, run INTEGER NOT NULL, arm TEXT NOT NULL, role TEXT NOT NULL, setup TEXT NOT NULL,
  prompt TEXT NOT NULL, requested TEXT NOT NULL, models TEXT NOT NULL, fingerprints TEXT NOT NULL,
  answered INTEGER NOT NULL, priced INTEGER NOT NULL, metered INTEGER NOT NULL, cost_usd REAL NOT NULL,
  prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, latency_p50_s REAL, latency_p95_s REAL,
  UNIQUE (run, arm, role));
CREATE TABLE tallies (
  arm INTEGER NOT NULL, hash INTEGER NOT NULL, graded INTEGER NOT NULL, passed INTEGER NOT NULL,
  format_failed INTEGER NOT NULL, PRIMARY KEY (arm, hash)) WITHOUT ROWID;
CREATE TABLE patterns (
  arm INTEGER NOT NULL, signature TEXT NOT NULL, trials INTEGER NOT NULL, cases INTEGER NOT NULL,
  reproducible INTEGER NOT NULL, PRIMARY KEY (arm, signature)) WITHOUT ROWID;
CREATE TABLE gates (
  run INTEGER NOT NULL, name TEXT NOT NULL, arm TEXT NOT NULL, role TEXT NOT NULL, outcome TEXT NOT NULL,
  value REAL, bound REAL, PRIMARY KEY (run, name, arm, role)) WITHOUT ROWID;
"""

Redact = Callable[[str], str]
Row = tuple[str | int | float | None, ...]


def enter_run(path: Path, entry: HistoryEntry, redact: Redact) -> str | None:
    """Add one run in one transaction; whatever is there stays. Every text passes through `redact`.

    Returns a sentence where a damaged file was set aside. Raises StorageError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write(path, entry, redact)
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:  # the others are no damage: a lock, a full disk
                raise
            aside = _set_aside(path)
            _write(path, entry, redact)
            return f"{path} was damaged ({error}): set aside as {aside.name}, and a new history begun"
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from None
    except sqlite3.Error as error:
        raise StorageError(f"cannot write {path}: {error}") from None
    return None


def _write(path: Path, entry: HistoryEntry, redact: Redact) -> None:
    with _connect(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        _Writer(connection, redact).write(entry)
        connection.execute("COMMIT")


@contextmanager
def open_history(path: Path) -> Iterator[sqlite3.Connection]:
    """The file, for reading. Raises StorageError: it is not there, damaged, locked or of a newer format."""
    if not path.is_file():
        raise StorageError(f"no history at {path}: it begins with a run of pytest --ftgate that asks a model")
    try:
        with _connect(path) as connection:
            yield connection
    except sqlite3.Error as error:
        raise StorageError(f"{path}: the history cannot be read ({error})") from None


def digest_cases(cases: Iterable[int]) -> str:
    """The digest of a set of cases, by their hashes."""
    return hashlib.sha256(",".join(map(str, sorted(cases))).encode()).hexdigest()


@contextmanager
def _connect(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, timeout=LOCK_WAIT_S, isolation_level=None)
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > FORMAT:
            raise StorageError(
                f"{path}: made by a newer pytest-ftgate (format {version}, this one knows {FORMAT}); upgrade"
            )
        if version == 0:
            _make_tables(connection)
        yield connection
    finally:
        connection.close()


def _make_tables(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    # Another process may have made them in the meantime.
    if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
        for statement in _TABLES.strip().split(";\n"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.execute("COMMIT")


def _set_aside(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    path.rename(aside)
    with suppress(FileNotFoundError):
        path.with_name(f"{path.name}-journal").unlink()
    return aside


class _Writer:
    """Writes one entry within an open transaction."""

    def __init__(self, connection: sqlite3.Connection, redact: Redact) -> None:
        self._connection, self._redact = connection, redact

    def write(self, entry: HistoryEntry) -> None:
        split = self._write_split(entry.cases)
        run = self._write_run(entry.run, split)
        for arm in entry.arms:
            self._write_arm(run, arm)
        self._write_gates(run, entry.gates)
        self._write_prompts(split, entry.prompts, entry.run.at)

    def _insert(self, table: str, row: Row) -> int:
        """Insert a row with every text redacted; returns its id."""
        number = self._connection.execute(_write_insert(table, row), self._clean(row)).lastrowid
        return number or 0

    def _insert_all(
        self, table: str, rows: Iterable[Row], *, known: Literal["ABORT", "IGNORE"] = "ABORT"
    ) -> None:
        """Insert rows of one length. `known`: what becomes of a row whose key is there already."""
        self._insert_clean(table, map(self._clean, rows), known)

    def _insert_clean(
        self, table: str, rows: Iterable[Row], known: Literal["ABORT", "IGNORE"] = "ABORT"
    ) -> None:
        """Insert rows of one length in which there can be no secret, as there is none in numbers."""
        rows = iter(rows)
        first = next(rows, None)
        if first is not None:
            self._connection.executemany(_write_insert(table, first, known), chain([first], rows))

    def _clean(self, row: Row) -> Row:
        return tuple([self._redact(value) if isinstance(value, str) else value for value in row])

    def _write_split(self, cases: Mapping[int, int | None]) -> int:
        digest = digest_cases(cases)
        known = self._connection.execute("SELECT id FROM splits WHERE digest = ?", (digest,)).fetchone()
        if known is not None:
            return int(known[0])
        split = self._insert("splits", (None, digest, len(cases)))
        self._insert_clean("split_cases", ((case, split, cluster) for case, cluster in cases.items()))
        return split

    def _write_run(self, run: HistoryRun, split: int) -> int:
        return self._insert("runs", (
            None, run.run, run.evalset, run.path, run.at, run.revision, run.dirty, run.verdict, run.bar,
            run.cases, run.is_partial, split,
        ))  # fmt: skip

    def _write_arm(self, run: int, arm: HistoryArm) -> None:
        number = self._insert("arms", (
            None, run, arm.arm, arm.role, arm.setup, arm.prompt, arm.requested, json.dumps(arm.models),
            json.dumps(arm.fingerprints), arm.answered, arm.priced, arm.metered, arm.cost_usd,
            arm.prompt_tokens, arm.completion_tokens, arm.latency_p50_s, arm.latency_p95_s,
        ))  # fmt: skip
        self._insert_clean("tallies", ((number, case, *tally) for case, tally in arm.tallies.items()))
        kept = sorted(arm.patterns.items(), key=lambda pattern: (-pattern[1].trials, pattern[0]))
        self._insert_all("patterns", ((number, name, *count) for name, count in kept[:MAX_PATTERNS]))

    def _write_gates(self, run: int, gates: Iterable[GateResult]) -> None:
        rows = ((run, g.name, g.arm, g.role, g.outcome, g.value, g.limit) for g in gates)
        self._insert_all("gates", rows, known="IGNORE")

    def _write_prompts(self, split: int, prompts: Iterable[Prompt], at: str) -> None:
        rows = ((split, prompt.kind, prompt.digest, at) for prompt in prompts)
        self._insert_all("prompts", rows, known="IGNORE")


def _write_insert(table: str, row: Row, known: Literal["ABORT", "IGNORE"] = "ABORT") -> str:
    places = ",".join("?" * len(row))
    return f"INSERT OR {known} INTO {table} VALUES ({places})"  # noqa: S608 - our own names

"""`records.jsonl`: one line a trial. Appended while a run goes, rewritten in plan order at its end."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol, TextIO

from pytest_ftgate.errors import StorageError
from pytest_ftgate.model.codec import decode_record, dump_json, encode_record, load_json
from pytest_ftgate.model.evalset import Json
from pytest_ftgate.model.record import Record
from pytest_ftgate.storage.files import describe_failure, open_atomic


class Redacting(Protocol):
    """What takes secrets out of a JSON value (storage.redaction.Redactor)."""

    def is_clean(self, text: str) -> bool: ...

    def redact_json(self, value: Json) -> Json: ...


def format_line(record: Record, redact: Redacting | None = None) -> str:
    """A record's line, newline included."""
    value = encode_record(record)
    line = dump_json(value)
    if redact is not None and not redact.is_clean(line):
        line = dump_json(redact.redact_json(value))
    return line + "\n"


def write_records(path: Path, records: Iterable[Record], redact: Redacting | None = None) -> int:
    """Write all records, one a line, in their order; the file is replaced only when it is complete.

    Returns how many were written. Raises StorageError.
    """
    count = 0
    with open_atomic(path) as file:
        for record in records:
            file.write(format_line(record, redact))
            count += 1
    return count


def read_records(path: Path) -> list[Record]:
    """All records of a file. Raises StorageError with `file:line` for a line that is no record."""
    return list(iterate_records(path))


def iterate_records(path: Path) -> Iterator[Record]:
    """As `read_records`, one at a time. Blank lines are passed over."""
    try:
        with path.open("r", encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                if not line.isspace():
                    yield _read_line(line, path, number)
    except UnicodeDecodeError as error:
        raise StorageError(f"{path}: is not UTF-8 text ({error.reason} at byte {error.start})") from error
    except OSError as error:
        raise describe_failure("read", path, error) from error


def _read_line(line: str, path: Path, number: int) -> Record:
    try:
        value = load_json(line)
        if not isinstance(value, dict):
            raise ValueError("must be an object")
        return decode_record(value)
    except ValueError as error:
        end = "" if line.endswith("\n") else " (the line is cut off: was the run killed while writing it?)"
        raise StorageError(
            f"{path}:{number}: not a record: {error}{end}. Take the line out, or run again."
        ) from error


class RecordLog:
    """Appends each record as it arrives.

    A line is with the operating system when `append` returns, or, with `flush_every_s` above 0, at the
    first `append` after that many seconds. The file is opened at the first record. Usable as a context
    manager.
    """

    def __init__(self, path: Path, redact: Redacting | None = None, *, flush_every_s: float = 0.0) -> None:
        self.path = path
        self._flush_every_s, self._flushed_at = flush_every_s, 0.0
        self._redact = redact
        self._file: TextIO | None = None

    def _open(self) -> TextIO:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return self.path.open("a", encoding="utf-8", newline="\n")
        except OSError as error:
            raise describe_failure("write", self.path, error) from error

    def append(self, record: Record) -> None:
        """Write one record. Raises StorageError."""
        self.append_line(format_line(record, self._redact)[:-1])

    def append_line(self, line: str) -> None:
        """Write a record whose line (without its end) is made and redacted already. Raises StorageError."""
        if self._file is None:
            self._file = self._open()
        try:
            self._file.write(line + "\n")
            if (now := time.monotonic()) >= self._flushed_at + self._flush_every_s:
                self._file.flush()
                self._flushed_at = now
        except OSError as error:
            raise describe_failure("write", self.path, error) from error

    def close(self) -> None:
        """Close the file; a further `append` opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> RecordLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

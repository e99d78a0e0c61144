"""Keeps the texts of a large run's records on disk until they are read: in memory they would pile up."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from pytest_ftgate.errors import StorageError
from pytest_ftgate.model.codec import dump_json, load_json
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.response import ToolCall
from pytest_ftgate.storage.files import describe_failure

KEPT_CHARS = 16_000_000
"""Characters of all texts together that stay in memory: runs up to some 10,000 trials spill nothing."""

SMALL_CHARS = 100
"""A text up to this long is not worth its place on disk."""

_TEXTS = ("output", "tool_calls")


class TextSpill:
    """Replaces records by ones that read their output from a file without a name, which ends with the run.

    `find_folder` says where that file may be; it is asked when the first text is spilled.
    """

    def __init__(self, find_folder: Callable[[], Path], *, kept_chars: int = KEPT_CHARS) -> None:
        self._find_folder, self._left = find_folder, kept_chars
        self._file: BinaryIO | None = None
        self._end = 0

    def slim(self, record: Record) -> Record:
        """The record, or its like with the texts on disk. Raises StorageError."""
        chars = len(record.output or "") + sum(len(call.arguments) for call in record.tool_calls)
        if chars <= SMALL_CHARS:
            return record
        if chars <= self._left:
            self._left -= chars
            return record
        calls = [[call.name, call.arguments, call.id] for call in record.tool_calls]
        return SpilledRecord.make(record, self, self._write([record.output, calls]))

    def _write(self, texts: list[Any]) -> tuple[int, int]:
        content = dump_json(texts).encode("utf-8")
        place = self._end, len(content)
        try:
            if self._file is None:
                folder = self._find_folder()
                # Unbuffered: what is written can be read at once.
                self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - kept open
            self._file.seek(self._end)
            self._file.write(content)
        except OSError as error:
            raise describe_failure("write texts into", Path(str(self._find_folder())), error) from error
        self._end += len(content)
        return place

    def read(self, place: tuple[int, int]) -> tuple[str | None, tuple[ToolCall, ...]]:
        """The output and the tool calls at a place. Raises StorageError."""
        start, length = place
        if self._file is None:
            raise StorageError("the texts of this run were given up")
        try:
            self._file.seek(start)
            output, calls = load_json(self._file.read(length))
        except (OSError, ValueError) as error:
            raise StorageError(f"the texts of this run cannot be read back: {error}") from error
        return output, tuple(ToolCall(name=name, arguments=given, id=id_) for name, given, id_ in calls)

    def close(self) -> None:
        """Give the texts up."""
        if self._file is not None:
            self._file.close()
            self._file = None


class SpilledRecord(Record):
    """A record whose output and tool calls are read from a TextSpill each time they are asked for."""

    __slots__ = ("_place", "_spill")

    _spill: TextSpill
    _place: tuple[int, int]

    def __new__(cls, **fields: Any) -> Any:
        # dataclasses.replace() calls the class with all fields: what it gives is a record like any other.
        return Record(**fields)

    @classmethod
    def make(cls, record: Record, spill: TextSpill, place: tuple[int, int]) -> SpilledRecord:
        """The like of a record whose texts are in a spill."""
        made: SpilledRecord = object.__new__(cls)
        for name, field in _FIELDS:
            field.__set__(made, getattr(record, name))
        object.__setattr__(made, "_spill", spill)
        object.__setattr__(made, "_place", place)
        return made

    @property
    def output(self) -> str | None:
        return self._spill.read(self._place)[0]

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return self._spill.read(self._place)[1]


_FIELDS = tuple((name, Record.__dict__[name]) for name in Record.__dataclass_fields__ if name not in _TEXTS)

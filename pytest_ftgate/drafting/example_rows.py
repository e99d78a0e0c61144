"""Rows of a CSV or JSONL file, and which of their columns are the input and the expected output."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_ftgate.errors import SettingsError, suggest
from pytest_ftgate.loading.cases import CASE_KEYS
from pytest_ftgate.loading.json_text import JsonTextError, parse_json
from pytest_ftgate.model.evalset import Json

MAX_BYTES = 128 * 1024 * 1024
ROW_FILES = (".csv", ".jsonl")
_SYNONYMS: Mapping[str, Sequence[str]] = {
    "input": ("input", "question", "query", "prompt", "text", "instruction", "utterance", "message"),
    "expected": (
        "expected", "answer", "output", "label", "target", "completion", "response", "reference", "gold",
        "expected_output", "ideal", "category", "intent",
    ),
    "context": ("context", "passage", "document", "documents"),
}  # fmt: skip
_NEEDED = ("input", "expected")

Row = Mapping[str, Json]


def read_rows(path: Path) -> list[Row]:
    """The rows of a .csv (first line: columns) or .jsonl file. Raises SettingsError."""
    text = read_source(path)
    try:
        rows = _read_csv(text) if path.suffix.lower() == ".csv" else _read_jsonl(text)
    except ValueError as error:
        raise SettingsError(f"{path}: {error}") from None
    if not rows:
        raise SettingsError(f"{path}: holds no rows")
    return rows


def read_source(path: Path) -> str:
    """The text of a file to be taken over. Raises SettingsError."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SettingsError(f"{path}: larger than {MAX_BYTES // 2**20} MiB")
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror or error}") from None


def _read_csv(text: str) -> list[Row]:
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True, restkey="", restval="")
        rows: list[Row] = []
        for row in reader:
            if "" in row:
                raise ValueError(f"line {reader.line_num}: more cells than the first line names columns")
            if any(row.values()):
                rows.append({key.strip(): cell for key, cell in row.items()})
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: not valid CSV: {error}") from None
    return rows


def _read_jsonl(text: str) -> list[Row]:
    rows: list[Row] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = parse_json(line)
        except JsonTextError as error:
            raise ValueError(f"line {number}: {error}") from None
        if not isinstance(row, dict):
            raise ValueError(f"line {number}: not a JSON object")
        rows.append(row)
    return rows


def choose_columns(rows: Sequence[Row], given: Mapping[str, str]) -> dict[str, str]:
    """Which column each key of a case is read from: as given, else by its name.

    Raises SettingsError for a column that is not there, and where no column looks like an input or an
    expected output.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    for key, column in given.items():
        if key not in CASE_KEYS and not key.startswith("vars."):
            raise SettingsError(f"--map {key}={column}: no key of a case.{suggest(key, CASE_KEYS)}")
        if column not in names and "." not in column:
            raise SettingsError(f"--map {key}={column}: no such column.{suggest(column, names)}")
    chosen = dict(given)
    lower = {name.lower(): name for name in reversed(names)}
    for key, synonyms in _SYNONYMS.items():
        free = {low: name for low, name in lower.items() if name not in chosen.values()}
        found = next((free[word] for word in synonyms if word in free), None)
        if key not in chosen and found is not None:
            chosen[key] = found
    for key in _NEEDED:
        if key not in chosen and len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
            raise SettingsError(f"one column alone, {names[0]!r}: separate the cells by commas")
        if key not in chosen:
            raise SettingsError(
                f"no column looks like the {key} (columns: {', '.join(names)}); say --map {key}=COLUMN"
            )
    return chosen


def look_up(row: Row, column: str) -> Json:
    """The value of a column, or of a dotted path; None where it is not there."""
    if column in row:
        return row[column]
    node: Json = row
    for step in column.split("."):
        node = node.get(step) if isinstance(node, dict) else None
    return node

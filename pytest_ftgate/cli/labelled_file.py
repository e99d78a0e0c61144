"""Reads answers that people have labelled: one JSON object a line, or CSV with a header."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_ftgate.calibration import LabelledAnswer
from pytest_ftgate.errors import SettingsError
from pytest_ftgate.model.codec import load_json
from pytest_ftgate.model.evalset import Case, Json

PASS_WORDS = ("true", "pass", "passed", "correct", "yes", "1")
FAIL_WORDS = ("false", "fail", "failed", "incorrect", "no", "0")
EXPECTED_KEYS = ("expected", "reference")
MAX_CELL = 16 * 1024 * 1024
_PROBLEMS_SHOWN = 10

Row = Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The columns of a labelled file. `expected` None: `expected`, else `reference`, where there is one."""

    input: str = "input"
    output: str = "output"
    label: str = "label"
    expected: str | None = None
    context: str = "context"


def read_labelled(path: Path, keys: Keys) -> tuple[list[LabelledAnswer], int]:
    """The labelled answers of a file, and how many rows have no label and were left out.

    Further columns can be used by a rubric's template. Raises SettingsError, all problems together.
    """
    answers: list[LabelledAnswer] = []
    problems: list[str] = []
    unlabelled, columns = 0, dict[str, None]()
    for number, row in _read_rows(path):
        columns.update(dict.fromkeys(row))
        place = f"{path}:{number}"
        try:
            label = _read_label(row.get(keys.label), keys.label)
            if label is None:
                unlabelled += 1
            else:
                answers.append(_read_answer(row, keys, label, place, f"row-{number}"))
        except ValueError as error:
            problems.append(f"{place}: {error}")
    if not columns and not problems:
        raise SettingsError(f"{path}: is empty; wanted: a row for each answer, with its label")
    seen = ", ".join(columns) or "none"
    for option, key in (("--output-key", keys.output), ("--label-key", keys.label)):
        if key not in columns:
            what = f"no row has the key {key!r}. Keys there: {seen}"
            raise SettingsError(f"{path}: {what}. Name another one with {option}.")
    if problems:
        more = len(problems) - _PROBLEMS_SHOWN
        shown = [*problems[:_PROBLEMS_SHOWN], *([f"... and {more} more"] if more > 0 else [])]
        raise SettingsError("\n".join([f"{path}: {len(problems)} unusable rows", *shown]))
    if not answers:
        raise SettingsError(f"{path}: no row has a label under the key {keys.label!r}")
    return answers, unlabelled


def _read_answer(row: Row, keys: Keys, label: bool, place: str, case_id: str) -> LabelledAnswer:
    output = row.get(keys.output)
    if output is None:
        output = ""
    if not isinstance(output, str):
        raise ValueError(f"{keys.output}: must be the answer's text, got {type(output).__name__}")
    expected_keys = (keys.expected,) if keys.expected else EXPECTED_KEYS
    expected = next((key for key in expected_keys if row.get(key) is not None), None)
    used = {keys.input, keys.output, keys.label, keys.context, *expected_keys}
    case = Case(
        id=case_id,
        input=row.get(keys.input),
        expected=row[expected] if expected else None,
        has_expected=expected is not None,
        context=row.get(keys.context),
        vars={name: value for name, value in row.items() if name not in used},
    )
    return LabelledAnswer(case=case, output=output, label=label, place=place)


def _read_label(value: Json, key: str) -> bool | None:
    """True for a pass; None where there is no label."""
    if value is None or isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, str | int) else ""
    if word in PASS_WORDS:
        return True
    if word in FAIL_WORDS:
        return False
    if word == "" and isinstance(value, str):
        return None
    allowed = ", ".join(f"{a}/{b}" for a, b in zip(PASS_WORDS, FAIL_WORDS, strict=True))
    raise ValueError(f"{key}: {str(value)[:80]!r} is no label; allowed: {allowed}")


def _read_rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Line numbers and rows. Raises SettingsError."""
    readers = {".csv": _read_csv, ".jsonl": _read_jsonl}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise SettingsError(f"{path}: labelled answers are read from .jsonl and .csv files")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from reader(file, path)
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: is not UTF-8 text ({error.reason} at byte {error.start})") from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror or error})") from None


def _read_jsonl(lines: Iterable[str], path: Path) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = load_json(line)
        except ValueError as error:
            raise SettingsError(f"{path}:{number}: is no JSON ({error})") from None
        if not isinstance(row, dict):
            raise SettingsError(f"{path}:{number}: must be a JSON object with an answer and its label")
        yield number, row


def _read_csv(lines: Iterable[str], path: Path) -> Iterator[tuple[int, Row]]:
    limit = csv.field_size_limit(MAX_CELL)
    rows: Any = csv.reader(lines, strict=True)
    try:
        header: Sequence[str] | None = None
        for cells in rows:
            if header is None:
                header = [cell.strip() for cell in cells]
                twice = sorted({name for name in header if header.count(name) > 1})
                if twice:
                    raise SettingsError(f"{path}:{rows.line_num}: the header names {twice[0]!r} twice")
            elif any(cells):
                if len(cells) != len(header):
                    what = f"{len(cells)} cells, but the header names {len(header)} columns"
                    raise SettingsError(f"{path}:{rows.line_num}: {what}; quote cells with commas")
                yield rows.line_num, {name: cell for name, cell in zip(header, cells, strict=True) if cell}
    except csv.Error as error:
        raise SettingsError(f"{path}:{rows.line_num}: not valid CSV: {error}") from None
    finally:
        csv.field_size_limit(limit)

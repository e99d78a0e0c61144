"""Cases in files of their own: .jsonl, .csv, .yaml; columns renamed by a map.

A row's columns that are keys of a case are read as such; other columns become `vars`. `map` says
which column (a dotted path in nested rows) a key of the case, or `vars.NAME`, is read from; a key
read so hides the column of its own name. CSV cells are strings, and an empty one counts as absent;
only in `expected`, `messages`, `tools`, `vars` and `graders` a cell that starts like a JSON list or
mapping is read as JSON where it is one. `tags` in CSV are separated by `;` or `,`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_ftgate.errors import suggest
from pytest_ftgate.loading.cases import (
    CASE_KEYS,
    EXAMPLE_KEYS,
    TAKEN_VARS,
    check_unique_id,
    read_case,
    read_example,
)
from pytest_ftgate.loading.json_text import JsonTextError, parse_json
from pytest_ftgate.loading.places import Document, Place
from pytest_ftgate.loading.reading import Reading
from pytest_ftgate.loading.wording import describe, quote, say_unknown, say_wrong_type, show
from pytest_ftgate.loading.yaml_marks import parse_yaml
from pytest_ftgate.model.evalset import Case, Json, Location

MAX_LINE = 16 * 1024 * 1024
"""Characters of one line of a .jsonl file."""
_JSON_CELLS = ("expected", "messages", "tools", "tool_calls", "vars", "graders")
_MISSING = object()
_CASE_COLUMNS = frozenset(CASE_KEYS)
_EXAMPLE_COLUMNS = frozenset((*CASE_KEYS, *EXAMPLE_KEYS))


def read_case_file(written: Mapping[str, Json], place: Place, reading: Reading) -> list[Case]:
    """The cases of `{file: …, map: …}`; rows with problems are left out."""
    found: list[Case] = []
    for row, row_place in iterate_rows(written, _CASE_COLUMNS, place, reading):
        check_unique_id(row, row_place, reading)
        case = read_case(row, row_place, reading)
        if case is not None:
            found.append(case)
    return found


def read_example_file(written: Mapping[str, Json], place: Place, reading: Reading) -> list[Json]:
    """The few-shot examples of `{file: …, map: …}`, as case-like mappings.

    Keys that mean something in a case only (`must_pass`, `graders`, …) are left out: the file may
    hold cases of another evalset.
    """
    found: list[Json] = []
    for row, row_place in iterate_rows(written, _EXAMPLE_COLUMNS, place, reading):
        if isinstance(row, dict):
            row = {key: value for key, value in row.items() if key in EXAMPLE_KEYS}
        example = read_example(row, row_place, reading)
        if example is not None:
            found.append(example)
    return found


def iterate_rows(
    written: Mapping[str, Json], keys: frozenset[str], place: Place, reading: Reading
) -> Iterator[tuple[Json, Place]]:
    """The rows of the file with their columns renamed, and their places."""
    for key in written:
        if key not in ("file", "map"):
            reading.problems.add(place.at(key), say_unknown("key of a case file", key, ("file", "map")))
    columns = _read_map(written.get("map"), place.at("map"), reading)
    named = written["file"]
    found = reading.files.read(named, place.at("file"))
    if found is None:
        return
    name, text = found
    suffix = name.lower().rpartition(".")[2]
    if suffix not in _FORMATS:
        what = f"{show(named)}: cases are read from .jsonl, .csv and .yaml files"
        reading.problems.add(place.at("file"), what)
        return
    before = len(reading.problems)
    count, unseen, seen = 0, dict(columns), dict[str, None]()
    for row, row_place in _FORMATS[suffix](name, text, reading):
        count += 1
        if isinstance(row, dict):
            if unseen:
                seen.update(dict.fromkeys(row))
                unseen = {key: column for key, column in unseen.items() if _look_up(row, column) is _MISSING}
            yield _rename(row, columns, keys, is_text=suffix == "csv"), row_place
        else:
            yield row, row_place
    if count == 0 and len(reading.problems) == before:
        reading.problems.add(place.at("file"), f"{show(named)} holds no cases")
    for key, column in unseen.items() if count else ():
        what = f"no row of {show(named)} has a column '{quote(column)}'.{suggest(column, list(seen))}"
        reading.problems.add(place.at("map", key), what)


def _read_map(value: Json, place: Place, reading: Reading) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        reading.problems.add(place, say_wrong_type("a mapping of case keys to columns", value))
        return {}
    found: dict[str, str] = {}
    for key, column in value.items():
        is_var = key.startswith("vars.") and key.removeprefix("vars.") not in TAKEN_VARS
        if key not in CASE_KEYS and not is_var:
            reading.problems.add(place.at(key), say_unknown("key of a case", key, (*CASE_KEYS, "vars.NAME")))
        elif not isinstance(column, str) or not column:
            reading.problems.add(place.at(key), say_wrong_type("the name of a column", column))
        else:
            found[key] = column
    return found


def _look_up(row: Mapping[str, Json], column: str) -> Any:
    """The value of a column, or of a dotted path into a nested one."""
    if column in row:
        return row[column]
    node: Any = row
    for step in column.split("."):
        if isinstance(node, dict) and step in node:
            node = node[step]
        elif isinstance(node, list) and step.isdecimal() and int(step) < len(node):
            node = node[int(step)]
        else:
            return _MISSING
    return node


def _rename(
    row: dict[str, Json], columns: Mapping[str, str], keys: frozenset[str], *, is_text: bool
) -> dict[str, Json]:
    """The row with the keys of a case; what is left over goes to `vars`. `is_text`: all cells are strings."""
    if not columns and not is_text and keys.issuperset(row):
        return row
    used = {column.partition(".")[0] for column in columns.values()} | set(columns.values())
    found: dict[str, Json] = {}
    extra: dict[str, Json] = {}
    for key, value in row.items():
        if key in keys:
            if key not in columns and key not in used:
                found[key] = value
        elif key not in used:
            extra[key] = value
    for key, column in columns.items():
        value = _look_up(row, column)
        if value is _MISSING:
            continue
        if key.startswith("vars."):
            extra[key.removeprefix("vars.")] = value
        else:
            found[key] = value
    if is_text:
        found = _convert_cells(found)
    own = found.get("vars")
    if extra and (own is None or isinstance(own, dict)):
        found["vars"] = {**extra, **(own or {})}
    return found


def _read_jsonl(name: str, text: str, reading: Reading) -> Iterator[tuple[Json, Place]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        if len(line) > MAX_LINE:
            what = f"a line of {len(line):,} characters (at most {MAX_LINE:,})"
            reading.problems.add(Location(file=name, line=number), what)
            continue
        try:
            row = parse_json(line)
        except JsonTextError as error:
            reading.problems.add(Location(file=name, line=number), str(error))
            continue
        yield row, Place(Document(file=name, value=row, line=number))


def _read_yaml(name: str, text: str, reading: Reading) -> Iterator[tuple[Json, Place]]:
    document = parse_yaml(text, name, reading.problems)
    if document is None or document.value is None:
        return
    if not isinstance(document.value, list):
        what = f"a file of cases is a list (`- input: …`), got {describe(document.value)}"
        reading.problems.add(Place(document), what)
        return
    place = Place(document)
    for index, row in enumerate(document.value):
        yield row, place.at(index)


def _read_csv(name: str, text: str, reading: Reading) -> Iterator[tuple[Json, Place]]:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    start = 1
    try:
        for cells in rows:
            where = Location(file=name, line=start)
            start = rows.line_num + 1
            if header is None:
                header = [cell.strip() for cell in cells]
                problem = _find_header_problem(header)
                if problem:
                    reading.problems.add(where, problem)
                    return
            elif not any(cell.strip() for cell in cells):
                continue
            elif len(cells) != len(header):
                what = (
                    f"{len(cells)} cells, but the header names {len(header)} columns; quote cells with commas"
                )
                reading.problems.add(where, what)
            else:
                row = _read_cells(header, cells)
                yield row, Place(Document(file=name, value=row, line=where.line))
    except csv.Error as error:
        what = f"not valid CSV: {error}"
        if "field larger" in str(error):
            what += "; put such long texts into a .jsonl file"
        reading.problems.add(Location(file=name, line=start), what)


def _find_header_problem(header: list[str]) -> str | None:
    if not any(header):
        return "the first line must name the columns"
    for index, column in enumerate(header):
        if not column:
            return f"column {index + 1} has no name"
        if column in header[:index]:
            return f"two columns are named '{quote(column)}'"
    return None


def _read_cells(header: list[str], cells: list[str]) -> dict[str, Json]:
    return {column: cell for column, cell in zip(header, cells, strict=True) if cell != ""}


def _convert_cells(row: dict[str, Json]) -> dict[str, Json]:
    """Cells of a renamed CSV row whose key holds more than a string."""
    found = dict(row)
    for key in _JSON_CELLS:
        cell = row.get(key)
        if isinstance(cell, str) and cell.lstrip().startswith(("{", "[")):
            try:
                found[key] = parse_json(cell)
            except JsonTextError:
                continue
    tags, must_pass = row.get("tags"), row.get("must_pass")
    if isinstance(tags, str):
        found["tags"] = [tag.strip() for tag in tags.replace(",", ";").split(";") if tag.strip()]
    if isinstance(must_pass, str) and must_pass.lower() in ("true", "false"):
        found["must_pass"] = must_pass.lower() == "true"
    return found


_FORMATS = {"jsonl": _read_jsonl, "csv": _read_csv, "yaml": _read_yaml, "yml": _read_yaml}

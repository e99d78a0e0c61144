"""Solved examples in a file of their own, beside an evalset: a case each, or one with the answer to give."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pytest_ftgate.loading.case_files import iterate_rows
from pytest_ftgate.loading.cases import CASE_KEYS, EXAMPLE_ANSWERS, read_case
from pytest_ftgate.loading.files import EvalsetFiles, name_file
from pytest_ftgate.loading.places import Document, Place
from pytest_ftgate.loading.problems import Problems
from pytest_ftgate.loading.reading import Reading
from pytest_ftgate.loading.wording import say_wrong_type
from pytest_ftgate.model.evalset import Case, Json
from pytest_ftgate.registry import Registries

Further = tuple[str, Case, Mapping[str, Json]]
"""(file:line, the case, what it gives as the answer: `answer` or `tool_calls`, or nothing)"""

_COLUMNS = frozenset((*CASE_KEYS, *EXAMPLE_ANSWERS))


def load_further_cases(
    path: Path, columns: Mapping[str, str], rootdir: Path, registries: Registries
) -> list[Further]:
    """The rows of a .jsonl, .csv or .yaml file, as an evalset's `{file: …, map: …}` reads them.

    Raises EvalsetError with all problems of the file.
    """
    name = name_file(path, rootdir)
    problems = Problems(name)
    reading = Reading(problems, EvalsetFiles(path, rootdir, problems, allow_outside=True), registries)
    written = {"file": path.name, "map": dict(columns)}
    found: list[Further] = []
    for row, place in iterate_rows(
        written, _COLUMNS, Place(Document(file=name, value=written, line=None)), reading
    ):
        given: dict[str, Json] = {}
        if isinstance(row, dict):
            given = {key: row[key] for key in EXAMPLE_ANSWERS if key in row}
            row = {key: value for key, value in row.items() if key not in EXAMPLE_ANSWERS}
            if "answer" in given and not isinstance(given["answer"], str):
                problems.add(
                    place.at("answer"), say_wrong_type("the answer to give (a text)", given["answer"])
                )
        case = read_case(row, place, reading)
        if case is not None:
            found.append((f"{place.where.file}:{place.where.line}", case, given))
    if len(problems):
        problems.raise_all()
    return found

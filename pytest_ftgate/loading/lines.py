"""Gives problems that were found after loading the line of the evalset file that they speak of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pytest_ftgate.errors import EvalsetError
from pytest_ftgate.loading.places import Document, Step
from pytest_ftgate.loading.problems import Problems
from pytest_ftgate.loading.yaml_marks import parse_yaml
from pytest_ftgate.model.evalset import Location


def add_lines(error: EvalsetError, path: Path) -> EvalsetError:
    """The same error; problems of the evalset's own file that have a pointer but no line have one.

    The file is read again, which costs nothing where nothing is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return error
    document = parse_yaml(text, error.path, Problems(error.path))
    if document is None:
        return error
    told = [(_locate(where, document), what) for where, what in error.problems]
    return EvalsetError(error.path, told)


def _locate(where: Location, document: Document) -> Location:
    if where.line is not None or where.file != document.file:
        return where
    steps: list[Step] = []
    node = document.value
    for part in where.pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        steps.append(int(name) if isinstance(node, list) and name.isdecimal() else name)
        if isinstance(node, dict):
            node = node.get(name)
        elif isinstance(node, list) and name.isdecimal() and int(name) < len(node):
            node = node[int(name)]
        else:
            node = None
    return replace(where, line=document.locate(tuple(steps)).line)

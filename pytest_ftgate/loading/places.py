"""Documents with line marks, and places in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from pytest_ftgate.model.evalset import Json, Location
from pytest_ftgate.model.quickly_made import quickly_made

Step: TypeAlias = str | int
Path: TypeAlias = tuple[Step, ...]


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A parsed file, or one row of one, with the lines of its parts.

    `marks` maps the id of a container to [its line, the line of its first child, …]: containers of
    `value` must therefore not be replaced while the document is in use. Without marks every place
    has the line `line`, which is None where lines are not known.
    """

    file: str
    value: Json
    line: int | None = 1
    marks: Mapping[int, list[int]] = field(default_factory=dict)

    def locate(self, path: Path) -> Location:
        """The location of a path; of its deepest existing part where the rest does not exist."""
        return Location(file=self.file, line=self._find_line(path), pointer=write_pointer(path))

    def _find_line(self, path: Path) -> int | None:
        node, line = self.value, self.line
        if id(node) in self.marks:
            line = self.marks[id(node)][0]
        for step in path:
            index = _find_child(node, step)
            marks = self.marks.get(id(node))
            if index is None:
                return line
            if marks is not None:
                line = marks[index + 1]
            node = node[step]
        return line


@quickly_made
@dataclass(frozen=True, slots=True)
class Place:
    """A path in a document."""

    document: Document
    path: Path = ()

    def at(self, *steps: Step) -> Place:
        """The place of a child."""
        return Place(self.document, (*self.path, *steps))

    @property
    def where(self) -> Location:
        return self.document.locate(self.path)


def write_pointer(path: Path) -> str:
    """RFC 6901: '' for the whole document, else '/a/0/b' with ~ and / escaped."""
    return "".join(["/" + str(step).replace("~", "~0").replace("/", "~1") for step in path])


def _find_child(node: Json, step: Step) -> int | None:
    """The position of a child among its parent's children, in the order written."""
    if isinstance(node, dict) and step in node:
        return list(node).index(str(step))
    if isinstance(node, list) and isinstance(step, int) and step < len(node):
        return step
    return None

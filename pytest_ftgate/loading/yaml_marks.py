"""YAML text → plain JSON values and the line of every part, in one pass over the parser's events.

Events, not nodes: the C parser hands them over in a seventh of the time that PyYAML's own
constructor takes, and a loop over them cannot exhaust the stack. Differences from PyYAML on purpose:
JSON types only (yaml_scalars); duplicate keys, non-string keys, merge keys (`<<`, gone in YAML 1.2),
foreign tags, aliases of an unfinished anchor, nesting beyond 100 and alias bombs are refused.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pytest_ftgate.loading.places import Document, Path, write_pointer
from pytest_ftgate.loading.problems import Problems
from pytest_ftgate.loading.wording import quote
from pytest_ftgate.loading.yaml_scalars import ScalarError, read_plain, read_tagged
from pytest_ftgate.model.evalset import Json, Location

if TYPE_CHECKING:
    from types import ModuleType

MAX_DEPTH = 100
_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"
MAX_ALIAS_WEIGHT = 4_000_000
"""Characters (and 8 per node) that aliases may add when written out."""
_DUPLICATE = object()


class YamlSyntaxError(Exception):
    """The text cannot be read any further. `line` is 1-based."""

    def __init__(self, line: int, what: str, pointer: str = "") -> None:
        self.line, self.what, self.pointer = line, what, pointer
        super().__init__(what)


@cache
def _import_yaml() -> ModuleType:
    import yaml

    return yaml


def parse_yaml(text: str, file: str, problems: Problems) -> Document | None:
    """The document of a YAML text; None after a syntax error. Never raises: problems are added.

    An empty text gives a document of value None.
    """
    yaml = _import_yaml()
    parser_class = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    builder = _Builder(file, problems)
    try:
        # The parser is taken from the loader class for its events alone; nothing is constructed.
        builder.read(parser_class(text))
    except YamlSyntaxError as error:
        problems.add(Location(file=file, line=error.line, pointer=error.pointer), error.what)
        return None
    except yaml.YAMLError as error:
        line = _find_line(error, text)
        problems.add(Location(file=file, line=line), _explain(error, text, line))
        return None
    return Document(file=file, value=builder.root, marks=builder.marks)


def _find_line(error: Any, text: str) -> int | None:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        return int(mark.line) + 1
    position = getattr(error, "position", None)
    return text.count("\n", 0, position) + 1 if isinstance(position, int) else None


def _explain(error: Any, text: str, line: int | None) -> str:
    what = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    if "maximum nesting depth" in what:  # the parser's own limit, before ours is reached
        return _TOO_DEEP
    faulty = "" if line is None else (*text.splitlines()[line - 1 : line], "")[0]
    is_indented_by_tab = "\t" in faulty[: len(faulty) - len(faulty.lstrip())]
    if "\\t" in what or "\t" in what or is_indented_by_tab:
        what += "; indent with spaces, not with tabs"
    elif "mapping values are not allowed" in what:
        what += "; quote a text that contains `: `"
    elif "found undefined alias" in what or "cannot start any token" in what:
        what += "; quote a text that starts with a special character"
    return f"not valid YAML: {what}"


class _Frame:
    """An open mapping or list. `key` is what the next value belongs to."""

    __slots__ = ("anchor", "container", "has_key", "is_map", "key", "lines", "start")

    def __init__(self, container: Any, lines: list[int], anchor: str | None, start: int) -> None:
        self.container, self.lines, self.anchor, self.start = container, lines, anchor, start
        self.is_map = isinstance(container, dict)
        self.key: Any = None
        self.has_key = False


class _Builder:
    """Builds values from events. `weight` counts the characters of all that was built so far."""

    def __init__(self, file: str, problems: Problems) -> None:
        self.root: Json = None
        self.marks: dict[int, list[int]] = {}
        self._file, self._problems = file, problems
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Json, int] | None] = {}
        self._weight = self._alias_weight = 0
        self._has_root = False
        # A dropped value (of a duplicate key) must outlive the marks that are kept by its id.
        self._dropped: list[Json] = []

    def read(self, parser: Any) -> None:
        """Consume all events. Raises YamlSyntaxError, and what the parser raises."""
        next_event = parser.get_event
        while True:
            event = next_event()
            # By name: where yaml is imported anew in a process, its C parser keeps the classes of the first.
            kind = type(event).__name__
            if kind == "ScalarEvent":
                self._add_scalar(event)
            elif kind == "MappingStartEvent":
                self._open({}, event)
            elif kind == "SequenceStartEvent":
                self._open([], event)
            elif kind == "MappingEndEvent" or kind == "SequenceEndEvent":
                self._close()
            elif kind == "AliasEvent":
                self._add_alias(event)
            elif kind == "DocumentStartEvent":
                self._start_document(event)
            elif kind == "StreamEndEvent":
                return

    def _start_document(self, event: Any) -> None:
        if self._has_root:
            raise YamlSyntaxError(
                event.start_mark.line + 1, "a second YAML document starts here; a file holds one document"
            )
        self._has_root = True

    def _add_scalar(self, event: Any) -> None:
        text: str = event.value
        line: int = event.start_mark.line + 1
        before = self._weight
        self._weight += len(text) + 8
        frame = self._stack[-1] if self._stack else None
        value: Json = text
        is_key = frame is not None and frame.is_map and not frame.has_key
        if event.tag is not None or event.implicit[0]:
            try:
                value = read_plain(text) if event.tag is None else read_tagged(event.tag, text)
            except ScalarError as error:
                self._report(line, str(error), text if is_key else None)
                value = text
        elif event.style == '"' and not _is_encodable(text):
            self._report(line, "half of a surrogate pair is no character; write the whole character")
            value = text.encode("utf-8", "replace").decode("utf-8")
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, self._weight - before)
        if is_key:
            self._add_key(value, text, line, event.tag is None and event.implicit[0])
        else:
            self._add(value, line)

    def _add_key(self, value: Json, text: str, line: int, is_plain: bool) -> None:
        frame = self._stack[-1]
        if type(value) is not str:
            self._report(
                line, f'the key {quote(text) or "(none)"} is not text; quote it: "{quote(text)}"', text
            )
            value = text
        if is_plain and text == "<<":
            self._report(line, "merge keys (`<<`) are not part of YAML 1.2; write the keys out", text)
        frame.has_key = True
        if value in frame.container:
            first = frame.lines[list(frame.container).index(value) + 1]
            self._report(line, f"duplicate key '{quote(value)}' (first on line {first})", value)
            frame.key = _DUPLICATE
            return
        frame.key = value
        frame.lines.append(line)

    def _add(self, value: Json, line: int) -> None:
        if not self._stack:
            self.root = value
            return
        frame = self._stack[-1]
        if not frame.is_map:
            frame.container.append(value)
            frame.lines.append(line)
            return
        if not frame.has_key:
            raise YamlSyntaxError(line, "a key must be text, not a list or a mapping", self._pointer())
        frame.has_key = False
        if frame.key is _DUPLICATE:
            self._dropped.append(value)
        else:
            frame.container[frame.key] = value

    def _open(self, container: Any, event: Any) -> None:
        line = event.start_mark.line + 1
        tag = event.tag
        if tag not in (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
            self._report(line, f"the tag {tag[:60]!r} is not allowed: only plain JSON values are")
        self._add(container, line)
        if len(self._stack) >= MAX_DEPTH:
            raise YamlSyntaxError(line, _TOO_DEEP)
        lines = [line]
        self.marks[id(container)] = lines
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._stack.append(_Frame(container, lines, event.anchor, self._weight))
        self._weight += 8

    def _close(self) -> None:
        frame = self._stack.pop()
        if frame.anchor is not None:
            self._anchors[frame.anchor] = (frame.container, self._weight - frame.start)

    def _add_alias(self, event: Any) -> None:
        line = event.start_mark.line + 1
        name: str = event.anchor
        if name not in self._anchors:
            raise YamlSyntaxError(
                line,
                f"the alias *{quote(name)} has no anchor &{quote(name)} before it; quote it if it is text",
            )
        anchored = self._anchors[name]
        if anchored is None:
            raise YamlSyntaxError(
                line, f"the alias *{quote(name)} stands inside its own anchor", self._pointer()
            )
        value, weight = anchored
        self._weight += weight
        self._alias_weight += weight
        if self._alias_weight > MAX_ALIAS_WEIGHT:
            raise YamlSyntaxError(
                line, f"aliases write out to more than {MAX_ALIAS_WEIGHT:,} characters", self._pointer()
            )
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.is_map and not frame.has_key and type(value) is str:
            self._add_key(value, value, line, False)
            return
        self._add(value, line)

    def _report(self, line: int, what: str, key: str | None = None) -> None:
        self._problems.add(Location(file=self._file, line=line, pointer=self._pointer(key)), what)

    def _pointer(self, key: str | None = None) -> str:
        """The pointer of the value being read (or of `key` of the innermost mapping)."""
        path: Path = tuple(
            (frame.key if isinstance(frame.key, str) else "?") if frame.is_map else len(frame.container)
            for frame in self._stack[:-1]
        )
        path = tuple(step - 1 if isinstance(step, int) else step for step in path)
        if self._stack:
            last = self._stack[-1]
            if key is not None:
                path = (*path, key)
            elif not last.is_map:
                path = (*path, len(last.container))
            elif last.has_key and isinstance(last.key, str):
                path = (*path, last.key)
        return write_pointer(path)


def _is_encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True

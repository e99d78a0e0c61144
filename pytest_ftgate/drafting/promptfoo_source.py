"""A promptfoo configuration and the files it names, read without running any of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pytest_ftgate.drafting.draft import Kind, Remark
from pytest_ftgate.drafting.example_rows import read_source
from pytest_ftgate.errors import EvalsetError, SettingsError
from pytest_ftgate.loading.json_text import JsonTextError, parse_json
from pytest_ftgate.loading.problems import Problems
from pytest_ftgate.loading.yaml_marks import parse_yaml
from pytest_ftgate.model.evalset import Json

FILE = "file://"
CODE_FILES = (".py", ".js", ".mjs", ".cjs", ".ts", ".rb", ".sh", ".go")
DATA_FILES = (".yaml", ".yml", ".json")
_MAX_FILES = 2_000
_MAX_HOPS = 20


class PromptfooSource:
    """Reads what a configuration names, and gathers what has no equal here."""

    def __init__(self, path: Path) -> None:
        self.path, self.folder = path, path.parent
        self.remarks: dict[Remark, None] = {}
        self.config: dict[str, Json] = {}
        config = read_data(path)
        if not isinstance(config, dict):
            raise SettingsError(f"{path}: not a promptfoo configuration (wanted keys such as prompts, tests)")
        self.config = config

    def remark(self, kind: Kind, where: str, what: str) -> None:
        """Remember what the user must know; the same words at the same place once."""
        self.remarks[Remark(kind=kind, where=where, what=what)] = None

    def find(self, named: str) -> list[Path]:
        """The files of `file://PATH` or a bare path, which may be a pattern. Raises SettingsError."""
        plain = named.removeprefix(FILE)
        path = self.folder / plain
        if path.is_file():
            return [path]
        if any(char in plain for char in "*?["):
            pattern = Path(plain)
            base = Path(pattern.anchor) if pattern.is_absolute() else self.folder
            found = sorted(base.glob(str(pattern.relative_to(pattern.anchor) if pattern.anchor else pattern)))
            if files := [file for file in found if file.is_file()][:_MAX_FILES]:
                return files
        raise SettingsError(f"{self.path.name} names {named}, which is not there")

    def load(self, value: Json, where: str) -> Json:
        """The value; of a `file://` text, what the file holds (code: a remark, and None)."""
        if not isinstance(value, str) or not value.startswith(FILE):
            return value
        suffix = Path(value).suffix.lower()
        if is_code(value):
            self.remark("no_equal", where, f"{value}: code is not run")
            return None
        path = self.find(value)[0]
        return read_data(path) if suffix in DATA_FILES else read_source(path)

    def resolve(self, value: Json) -> Json:
        """A mapping `{$ref: '#/a/b'}` as what it points to, with what else the mapping says."""
        for _ in range(_MAX_HOPS):
            if not (isinstance(value, dict) and isinstance(value.get("$ref"), str)):
                return value
            named = value["$ref"]
            node: Json = self.config
            for step in named.removeprefix("#").strip("/").split("/"):
                node = node.get(step) if isinstance(node, dict) else None
            if node is None:
                raise SettingsError(f"{self.path.name}: $ref {named!r} points to nothing")
            rest = {key: part for key, part in value.items() if key != "$ref"}
            value = {**node, **rest} if isinstance(node, dict) else node
        raise SettingsError(f"{self.path.name}: a $ref points to itself")


def is_code(named: str) -> bool:
    """Whether a `file://` text names code, with or without a function behind a colon."""
    plain = named.removeprefix(FILE)
    stem = plain.rpartition(":")[0] or plain
    return plain.lower().endswith(CODE_FILES) or stem.lower().endswith(CODE_FILES)


def read_data(path: Path) -> Json:
    """The value of a YAML or JSON file. Raises SettingsError with every problem of it."""
    text = read_source(path)
    if path.suffix.lower() == ".json":
        try:
            return parse_json(text)
        except JsonTextError as error:
            raise SettingsError(f"{path}: line {error.line}: {error}") from None
    problems = Problems(path.name)
    document = parse_yaml(text, path.name, problems)
    if len(problems) or document is None:
        try:
            problems.raise_all()
        except EvalsetError as error:
            raise SettingsError(str(error)) from None
    return document.value


def as_mapping(value: Json) -> dict[str, Json]:
    """The value where it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def each(value: Json) -> Iterator[Json]:
    """The parts of a list; a lone value is a list of itself, None of nothing."""
    if isinstance(value, list):
        yield from value
    elif value is not None:
        yield value

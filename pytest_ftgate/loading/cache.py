"""Evalsets as loaded, kept as JSON: a large one that has not changed need not be parsed again.

One file an evalset, of plain data and never of code; it holds for the same content of all files, the same
parts (a grader that is gone must be told again) and the same versions. An evalset with problems is not kept,
and a file that is damaged, foreign or out of date is passed over in silence.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path
from typing import Any

from pytest_ftgate import __version__
from pytest_ftgate.loading.files import EvalsetFiles
from pytest_ftgate.loading.places import Document, Place
from pytest_ftgate.model.evalset import (
    ArmSpec,
    Case,
    DecisionSpec,
    Evalset,
    GateSpec,
    GraderSpec,
    Json,
    Knowledge,
    Location,
    ModelSpec,
    Price,
    Suite,
)
from pytest_ftgate.registry import Registries

FORMAT = 1
MIN_BYTES = 100_000
"""An evalset whose files are smaller together is parsed faster than a user can tell."""

MAX_BYTES = 512 * 1024 * 1024


class EvalsetCache:
    """The kept evalset of one path under `directory`, which need not exist."""

    def __init__(self, directory: Path, name: str, registries: Registries, *, allow_outside: bool) -> None:
        self.path = directory / f"{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:24]}.json"
        self._state = (
            f"{FORMAT} {__version__} {sys.version} {name} {allow_outside}\n{describe_parts(registries)}"
        )

    def read(self, path: Path, files: EvalsetFiles) -> Evalset | None:
        """The evalset that was made of the file at `path` and of those it names, if all are as they were.

        `files` reads them; what it finds wrong is to be told by reading the evalset itself.
        """
        try:
            if self.path.stat().st_size > MAX_BYTES:
                return None
            text = files.read_evalset(path)
            head, _, body = self.path.read_bytes().partition(b"\n")
            if text is None or head != self._make_head(text, body):
                return None
            kept = json.loads(body)
            place = Place(Document(file="", value=None))
            if any(files.read(named, place) is None for named in kept["named"]):
                return None
            evalset = _unpack(Evalset, kept["evalset"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        is_same = isinstance(evalset, Evalset) and (evalset.digest, evalset.files) == (
            files.digest,
            files.names,
        )
        return evalset if is_same else None

    def write(self, text: str, evalset: Evalset, files: EvalsetFiles) -> None:
        """Keep an evalset without problems, where it is large and comes back unchanged. Raises nothing."""
        if files.size < MIN_BYTES:
            return
        try:
            body = json.dumps({"named": files.named, "evalset": evalset}, default=_pack).encode("ascii")
            if _unpack(Evalset, json.loads(body)["evalset"]) != evalset:
                return
        except (ValueError, TypeError, RecursionError):
            return
        temporary = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}.part")
        # A cache that cannot be written costs time at the next run, and nothing else.
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                temporary.write_bytes(self._make_head(text, body) + b"\n" + body)
                temporary.replace(self.path)
            finally:
                temporary.unlink(missing_ok=True)

    def _make_head(self, text: str, body: bytes) -> bytes:
        total = hashlib.sha256(self._state.encode("utf-8", "replace"))
        total.update(b"\0" + text.encode("utf-8", "replace") + b"\0")
        total.update(body)
        return f"pytest-ftgate evalset {total.hexdigest()}".encode("ascii")


def describe_parts(registries: Registries) -> str:
    """What of the registered parts decides whether an evalset is fine."""
    parts = (registries.graders, registries.arms, registries.gates)
    told = [
        [
            (name, repr(getattr(part, "options", None)), repr(getattr(part, "value", None)))
            for name, part in of
        ]
        for of in (_list_parts(registry) for registry in parts)
    ]
    return json.dumps([*told, registries.functions.names()])


def _list_parts(registry: Any) -> Iterable[tuple[str, Any]]:
    # What comes with the package is told by its version.
    names = [name for name in registry.names() if not registry.is_deferred(name)]
    return [(name, registry.get(name)) for name in names]


# -- values of the model as JSON lists, in the order of their fields ---------------------------------------


@dataclass(frozen=True, slots=True)
class _Form:
    """The fields of a class, and by place what makes their values of JSON where JSON does not have them."""

    names: tuple[str, ...]
    read: attrgetter[Any]
    makers: tuple[tuple[int, Callable[[Json], Any]], ...]


def _pack(value: Any) -> tuple[Any, ...]:
    form = _FORMS.get(type(value))
    if form is None:
        raise TypeError(f"{type(value).__name__} is not kept")
    row: tuple[Any, ...] = form.read(value)
    return row


def _unpack(kind: type, row: Json) -> Any:
    form = _FORMS[kind]
    if len(row) != len(form.names):
        raise ValueError(f"not the fields of {kind.__name__}")
    for place, maker in form.makers:
        if row[place] is not None:
            row[place] = maker(row[place])
    return kind(**dict(zip(form.names, row, strict=True)))


def _one(kind: type) -> Callable[[Json], Any]:
    return lambda row: _unpack(kind, row)


def _many(kind: type) -> Callable[[Json], Any]:
    return lambda rows: tuple(_unpack(kind, row) for row in rows)


def _make_models(models: Json) -> dict[str, ModelSpec]:
    return {role: _unpack(ModelSpec, row) for role, row in models.items()}


def _make_options(options: Json) -> dict[str, Json]:
    return {key: tuple(value) if key == "examples" else value for key, value in options.items()}


def _form(kind: type, **makers: Callable[[Json], Any]) -> tuple[type, _Form]:
    names = tuple(field.name for field in fields(kind))
    placed = tuple((names.index(name), maker) for name, maker in makers.items())
    return kind, _Form(names, attrgetter(*names), placed)


_FORMS: dict[type, _Form] = dict((
    _form(Location),
    _form(Price),
    _form(Knowledge),
    _form(Suite),
    _form(ModelSpec, price=_one(Price)),
    _form(GraderSpec, where=_one(Location)),
    _form(GateSpec, where=_one(Location)),
    _form(DecisionSpec, knowledge=_one(Knowledge)),
    _form(ArmSpec, options=_make_options, prompt=tuple, where=_one(Location)),
    _form(
        Case, tags=tuple, messages=tuple, tools=tuple, graders=_many(GraderSpec), where=_one(Location)
    ),
    _form(
        Evalset, models=_make_models, prompt=tuple, graders=_many(GraderSpec), arms=_many(ArmSpec),
        gates=_many(GateSpec), decision=_one(DecisionSpec), suite=_one(Suite), cases=_many(Case),
        files=tuple,
    ),
))  # fmt: skip

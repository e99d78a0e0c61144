"""An evalset to be written, and what could not be taken over into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pytest_ftgate.model.evalset import Json

Kind = Literal["no_equal", "differs", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What a reader of the evalset must know about one place of its source.

    `no_equal`: it is not in the evalset. `differs`: something near it is. `note`: what else to know.
    """

    kind: Kind
    where: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An evalset as written, key by key; None and empty parts are left to the defaults.

    `source`: what it was made from, for people. `cases` are mappings of cases, or `{file: …, map: …}`.
    """

    name: str
    source: str = ""
    models: Mapping[str, Json] = field(default_factory=dict)
    prompt: Json = ""
    graders: Sequence[Json] = ()
    bar: float | None = None
    repeats: int | None = None
    arms: Mapping[str, Json] = field(default_factory=dict)
    cases: Sequence[Json] = ()
    remarks: Sequence[Remark] = ()

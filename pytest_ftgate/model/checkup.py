"""What `doctor` found out about this machine, and about each model that an evalset asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Support = Literal["enforced", "unsupported", "unverified", "listed", "not listed", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCheckup:
    """One model. `used_by`: `evalset: role` of those that ask it.

    `keys`: each variable's name, and whether it is set; `keys_missing`: sets of which one is enough.
    `endpoint` is `reached`, `unreachable` or `unknown`. `price`: USD per million tokens of input and output;
    None where nobody knows it. `schema`: `enforced`, `unsupported`, `unverified` were proven by asking; the
    others are what litellm's map says. `problems` would stop a run, `notes` would not.
    """

    model: str
    used_by: tuple[str, ...] = ()
    keys: Mapping[str, bool] = field(default_factory=dict)
    keys_missing: tuple[tuple[str, ...], ...] = ()
    address: str = ""
    endpoint: str = "unknown"
    endpoint_note: str = ""
    price: tuple[float, float] | None = None
    schema: Support = "unknown"
    schema_note: str = ""
    answer: str | None = None
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """All that was looked at. `extras`: each optional part, and whether it can be used. `sandbox`: the kind
    that confines code of answers, or why none does. `folder`: '' where the folder of runs can be written.
    """

    versions: Mapping[str, str]
    extras: Mapping[str, bool]
    sandbox: str
    sandbox_works: bool
    folder: str = ""
    models: tuple[ModelCheckup, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def is_well(self) -> bool:
        return not self.problems and not any(model.problems for model in self.models)

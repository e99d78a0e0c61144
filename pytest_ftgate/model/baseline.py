"""A saved run to compare with: what each case came to, under which rules, and an answer to show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pytest_ftgate.model.evalset import GateSpec, Json
from pytest_ftgate.model.quickly_made import quickly_made

BASELINE = "baseline"
"""What a gate says it holds a run `against`."""


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineCase:
    """A case as it was asked. `hash`: of what it asks and expects; `graders`: of the rules that judged it.

    Two runs can be compared on it where both are equal. `input` and `expected` are cut texts, to show.
    `is_dev`: its authors look at it while they change the prompt (`split: dev`).
    """

    id: str
    hash: str
    graders: str
    input: str | None = None
    expected: str | None = None
    group: str | None = None
    tags: tuple[str, ...] = ()
    is_dev: bool = False


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOutcome:
    """What a case came to under an arm × role: trials judged, passed, and failed by signature.

    `answer`: the first one of the outcome that most of them have, cut; None where it has no text.
    """

    graded: int
    passed: int
    failures: Mapping[str, int] = field(default_factory=dict)
    answer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineArm:
    """One arm × role. `model` was asked for, `models` answered; `params` without where it is reached.

    `prompt`: digest of the prompt as written. `has_form`: a format grader judged it. `repeats`: the most of a
    case. `look` of `looks` tells where it was stopped early (0: it ran whole).
    """

    arm: str
    role: str
    kind: str
    question: Literal[1, 2]
    model: str
    models: tuple[str, ...] = ()
    fingerprints: tuple[str, ...] = ()
    params: Mapping[str, Json] = field(default_factory=dict)
    prompt: str = ""
    has_form: bool = False
    repeats: int = 0
    look: int = 0
    looks: int = 0
    cost_usd_per_1k_cases: float | None = None
    cases: Mapping[str, CaseOutcome] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """One evalset of a run. `gates` are those that hold it against a baseline.

    `graded_by`: the release series of pytest-ftgate. `graders`: the rules of most cases. `gaps`: why it is no
    whole run ("" = it is one).
    """

    evalset: str
    path: str
    bar: float
    alpha: float
    graded_by: str
    graders: str
    gaps: str = ""
    tied_to_prompt: bool = True
    gates: tuple[GateSpec, ...] = ()
    cases: Mapping[str, BaselineCase] = field(default_factory=dict)
    arms: tuple[BaselineArm, ...] = ()

    @property
    def unjudging(self) -> frozenset[str]:
        """Cases that are in no rate: those of dev, unless only they were run."""
        dev = frozenset(case.id for case in self.cases.values() if case.is_dev)
        is_dev_alone = all(case in dev for arm in self.arms for case in arm.cases)
        return frozenset() if is_dev_alone else dev

    def arm(self, name: str, role: str) -> BaselineArm | None:
        """That arm × role, or None."""
        return next((arm for arm in self.arms if (arm.arm, arm.role) == (name, role)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedBaseline:
    """The baseline that a run is held against. `baseline` None: there is none (`why`); that fails the run
    where `is_required`."""

    name: str
    baseline: Baseline | None = None
    why: str = ""
    is_required: bool = False

"""An evalset as loaded: what is asked, of whom, how it is graded, and what decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from pytest_ftgate.model.quickly_made import quickly_made

Json: TypeAlias = Any
"""Any JSON value: None, bool, int, float, str, list or dict with string keys."""

Message: TypeAlias = Mapping[str, Any]
"""A chat message in OpenAI form: role, content and, where used, tool_calls / tool_call_id."""

MIN_CASES = 50
DEFAULT_BAR = 0.80
DEFAULT_REPEATS = 5
FURTHER_REPEATS = 4
AS_IS = "as_is"
TRANSFORMS = ("strip_fence", "strip_think", "extract_json", "lower", "strip")
"""Built-in names for a grader's option `transform`."""
CANDIDATE = "candidate"
JUDGE = "judge"
EMBEDDER = "embedder"
RECORDED_MODEL = "recorded"
"""Model id of replayed answers whose model nobody named."""


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place in a file. `line` is 1-based; `pointer` a JSON pointer ('' is the whole document)."""

    file: str
    line: int | None = None
    pointer: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line is not None else self.file
        return f"{place}: {self.pointer or '/'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Price of a model, USD per million tokens; one that the evalset states overrides litellm's map.

    `cached_input_usd_per_m` is for prompt tokens that the vendor read from its cache; None = as the others.
    """

    input_usd_per_m: float
    output_usd_per_m: float
    cached_input_usd_per_m: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """Who answers: a litellm model id (`vendor/name`, `local/smollm2`) and its params."""

    model: str
    params: Mapping[str, Json] = field(default_factory=dict)
    price: Price | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GraderSpec:
    """One grader as written. `name` has no `not-`; `has_value` tells `equals: null` from `equals`."""

    name: str
    negated: bool = False
    has_value: bool = False
    value: Json = None
    options: Mapping[str, Json] = field(default_factory=dict)
    where: Location | None = None

    @property
    def label(self) -> str:
        """The name as the user wrote it, for reports."""
        return f"not-{self.name}" if self.negated else self.name


_NO_VARS: Mapping[str, Json] = {}
"""One for all cases that have none."""


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One example. `has_expected` tells an expected null from none.

    `must_pass`: 'all' (written `true`), 'majority', or None.
    """

    id: str
    input: Json = None
    expected: Json = None
    has_expected: bool = False
    context: Json = None
    tags: tuple[str, ...] = ()
    vars: Mapping[str, Json] = field(default_factory=lambda: _NO_VARS)
    messages: tuple[Message, ...] | None = None
    tools: tuple[Json, ...] | None = None
    group: str | None = None
    must_pass: Literal["all", "majority"] | None = None
    split: Literal["dev", "holdout"] | None = None
    graders: tuple[GraderSpec, ...] = ()
    where: Location | None = None

    @property
    def judges(self) -> bool:
        """Whether it judges: all cases do, but those of `split: dev`, which authors iterate on."""
        return self.split != "dev"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSpec:
    """One way of asking, as written. `kind` names the registered arm that builds its trials.

    `prompt` replaces the evalset's; `options` is what the kind takes (files already read:
    `examples` is a tuple of case-like mappings, `schema` a mapping). `draw`: which draw it is, from 1, of
    an arm written once with `draws`; its name is then `NAME[draw]`.
    """

    name: str
    kind: str
    options: Mapping[str, Json] = field(default_factory=dict)
    prompt: tuple[Message, ...] | None = None
    where: Location | None = None
    draw: int | None = None

    @property
    def base(self) -> str:
        """The name as it is written in the evalset."""
        return base_arm(self.name)


def base_arm(name: str) -> str:
    """The arm as it is written in the evalset: `few_shot` of its draw `few_shot[2]`."""
    return name.partition("[")[0]


def name_draw(base: str, draw: int) -> str:
    """The name of an arm's draw, from 1."""
    return f"{base}[{draw}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSpec:
    """A rule for the build, as written."""

    name: str
    options: Mapping[str, Json] = field(default_factory=dict)
    arm: str = AS_IS
    role: str = CANDIDATE
    evidence: Literal["estimate", "prove-pass", "prove-fail"] | None = None
    where: Location | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What is said of the knowledge a case may need. `stated=False`: nothing was said."""

    stated: bool = False
    none: bool = False
    changes: str | None = None
    citations: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionSpec:
    """Constants of the decision (STATISTICS section 0), fixed before the run and hashed.

    `further_repeats`: of a case that failed, where only recurrence is not shown; 0 = none.
    """

    enabled: bool = True
    alpha: float = 0.05
    alpha_fine_tune: float = 0.04
    floor: float = 0.05
    share: float = 0.5
    looks: int = 4
    further_repeats: int = FURTHER_REPEATS
    seed: int = 0
    min_cases: int = MIN_CASES
    waive: Mapping[str, str] = field(default_factory=dict)
    knowledge: Knowledge = Knowledge()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """The general capability that an evalset stands for, and its weight in the overall line."""

    name: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evalset:
    """One `*.evalset.yaml`, complete: every file it names is read, every default filled in.

    `path` is relative to the rootdir, with forward slashes. `files` are all files it was made of.
    `repeats` is None where the file says nothing (the option's default then holds).
    `arms` always starts with `as_is`. `gates` contains the implied accuracy gate unless it is off.
    `digest` is the SHA-256 of the content of all `files`.
    """

    path: str
    name: str
    bar: float = DEFAULT_BAR
    repeats: int | None = None
    models: Mapping[str, ModelSpec] = field(default_factory=dict)
    prompt: tuple[Message, ...] = ()
    graders: tuple[GraderSpec, ...] = ()
    arms: tuple[ArmSpec, ...] = ()
    gates: tuple[GateSpec, ...] = ()
    decision: DecisionSpec = DecisionSpec()
    economics: Mapping[str, Json] = field(default_factory=dict)
    suite: Suite | None = None
    cases: tuple[Case, ...] = ()
    files: tuple[str, ...] = ()
    digest: str = ""

    @property
    def judging_cases(self) -> tuple[Case, ...]:
        """The cases that judge: all, or those that are not `split: dev`."""
        return tuple([case for case in self.cases if case.split != "dev"])

    @property
    def dev_cases(self) -> frozenset[str]:
        """Ids of the cases that arms are compared on and that judge none; empty where all judge."""
        return frozenset([case.id for case in self.cases if case.split == "dev"])

    def case(self, case_id: str) -> Case:
        """The case with that id; raises KeyError."""
        for case in self.cases:
            if case.id == case_id:
                return case
        raise KeyError(case_id)

    def arm(self, name: str) -> ArmSpec:
        """The arm with that name; raises KeyError."""
        for arm in self.arms:
            if arm.name == name:
                return arm
        raise KeyError(name)

"""The numbers of an evalset: computed by statistics and patterns, read by decision and reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pytest_ftgate.model.comparison import AgainstBaseline, RolePair
from pytest_ftgate.model.finding import Finding as Finding
from pytest_ftgate.model.knowledge import KnowledgeSize
from pytest_ftgate.model.pattern import ArmPattern as ArmPattern
from pytest_ftgate.model.pattern import Example as Example
from pytest_ftgate.model.pattern import Pattern as Pattern
from pytest_ftgate.model.pattern import PatternPart as PatternPart
from pytest_ftgate.model.pattern import PatternSet as PatternSet
from pytest_ftgate.model.pattern import TagExcess as TagExcess
from pytest_ftgate.model.rate import Rate as Rate
from pytest_ftgate.model.response import SchemaEnforced
from pytest_ftgate.model.retrieval import RetrievalSummary
from pytest_ftgate.model.run import FollowUps, Looks
from pytest_ftgate.model.spending import CallSpending
from pytest_ftgate.model.trial import ArmStatus, Draw


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseTally:
    """One case under one arm × role: judged trials, passes, failures of kind `call`."""

    case: str
    graded: int
    passed: int
    call_failed: int = 0
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BarTest:
    """An arm's accuracy held against the bar. Bounds are one-sided.

    `lower_m` at alpha/M, `upper_ft` at alpha_fine_tune. `p_above`: p-value of H0 accuracy <= bar
    (small = proven above). `p_below`: of H0 accuracy >= bar. Where the arm could stop early, `lower`,
    `lower_m` and `p_above` are adjusted for the looks.
    """

    value: float
    lower: float
    lower_m: float
    upper: float
    upper_ft: float
    p_above: float
    p_below: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSummary:
    """One arm × role. `accuracy_test` is None where nothing was judged.

    `lenient_test` counts `call:*` failures as passes. `citation_failures`: trials that fail for their
    citations alone, None where there is none. `identical_repeats` is None where no case has two,
    `repeats` the most answers of a case, `draw` which of several draws of an arm it is, `probe` why
    `schema_enforced` is so. `looks`: where it could stop early; bounds and p-values are then adjusted.
    `cost_usd_per_1k_cases` weighs every case the same, like `spending`. `dev_accuracy`: that on cases of
    `split: dev`, which are in no other rate. `is_chosen`: whether it is the arm of its question that was best
    there; None where nothing was to choose.
    """

    arm: str
    role: str
    kind: str
    question: Literal[1, 2]
    status: ArmStatus
    reason: str = ""
    accuracy: Rate | None = None
    format_failures: Rate | None = None
    call_failures: Rate | None = None
    citation_failures: Rate | None = None
    pass_hat_k: Rate | None = None
    accuracy_test: BarTest | None = None
    lenient_test: BarTest | None = None
    planned: int = 0
    unanswered: int = 0
    identical_repeats: bool | None = None
    repeats_dropped: int = 0
    cost_usd: float | None = None
    cost_usd_per_1k_cases: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency_p50_s: float | None = None
    latency_p95_s: float | None = None
    schema_enforced: SchemaEnforced | None = None
    probe: str = ""
    repeats: int = 0
    draw: Draw | None = None
    icc: float | None = None
    tallies: tuple[CaseTally, ...] = ()
    looks: Looks | None = None
    follow_ups: FollowUps | None = None
    spending: CallSpending | None = None
    dev_accuracy: Rate | None = None
    is_chosen: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSummary:
    """How the cases are split: so many are `dev`, on which arms are compared, and so many `holdout`, which
    judge (`split: holdout`, or no split).

    `shown`: which of them the rates are of; dev's only where nothing else was selected. `chosen`: of each
    question the arm that was best on dev, the only one whose reaching the bar counts.
    """

    dev: int
    holdout: int
    shown: Literal["dev", "holdout"]
    chosen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """Accuracy of arm `first` minus `second`, paired by case: one-sided bounds at alpha each."""

    first: str
    second: str
    role: str
    cases: int
    difference: float
    lower: float
    upper: float
    fixed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeAgreement:
    """How far a judge's votes on the same answer agree: the mean share of pairs of votes that do, with its
    95 % interval; `trials` are those with two usable votes or more, of `cases` cases."""

    value: float
    low: float
    high: float
    trials: int
    cases: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Everything known about an evalset after its records are in.

    `selected` of `total` items were run; `partial` = a selection made on purpose. `missing` = trials
    planned, needed and selected, without a record. `stop` = why a run ended early. `tied_to_prompt` False =
    some recorded answers carry no request hash. `judges`: grader → agreement of its votes. `cost_usd` is
    what this run paid, `serving_cost_usd` what of it went to judges and embedders (None: not asked, or no
    price known). `judged_cases` = cases with expected outputs, or whose graders need none, under `as_is`.
    `further_trials`: judged repeats beyond those planned, for recurrence alone. `baseline`: the run
    against an earlier one (None: none was named). `stated_models`: role → model of the command line.
    """

    evalset: str
    path: str
    bar: float
    repeats: int
    multiplicity: int
    arms: tuple[ArmSummary, ...]
    patterns: PatternSet = field(default_factory=PatternSet)
    paired: tuple[Paired, ...] = ()
    role_pairs: tuple[RolePair, ...] = ()
    baseline: AgainstBaseline | None = None
    findings: tuple[Finding, ...] = ()
    selected: int = 0
    total: int = 0
    partial: bool = False
    missing: int = 0
    stop: str | None = None
    tied_to_prompt: bool = True
    judged_cases: int = 0
    total_cases: int = 0
    knowledge_tokens: int | None = None
    knowledge: KnowledgeSize | None = None
    retrievals: tuple[RetrievalSummary, ...] = ()
    cases_needed: int | None = None
    stale: int = 0
    not_recorded: int = 0
    settings_hash: str = ""
    stated_models: Mapping[str, str] = field(default_factory=dict)
    resolved_models: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    confusion: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    fields: Mapping[str, Rate] = field(default_factory=dict)
    tags: Mapping[str, Rate] = field(default_factory=dict)
    infra_errors: Mapping[str, int] = field(default_factory=dict)
    requests_sent: int = 0
    cost_usd: float | None = None
    serving_cost_usd: float | None = None
    unpriced_calls: int = 0
    judges: Mapping[str, JudgeAgreement] = field(default_factory=dict)
    further_trials: int = 0
    split: SplitSummary | None = None

    def arm(self, name: str, role: str = "candidate") -> ArmSummary | None:
        """The summary of that arm × role, or None."""
        for arm in self.arms:
            if arm.arm == name and arm.role == role:
                return arm
        return None

"""The gates' results and the one answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pytest_ftgate.model.economics import Economics, TuningPlan

Decision: TypeAlias = Literal[
    "not_asked",
    "incomplete",
    "not_ready",
    "bar_met",
    "fix_call",
    "improve_prompt",
    "add_context",
    "use_rag",
    "fine_tune_justified",
    "partial_pattern",
    "no_pattern",
    "inconclusive",
]

Rule: TypeAlias = Literal["all", "any", "none"]
Relation: TypeAlias = Literal[">=", ">", "<=", "<"]
Unit: TypeAlias = Literal["share", "count", "p"]

GateOutcome: TypeAlias = Literal["passed", "failed", "xfailed", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """A gate's judgement. `proven`: whether evidence, not only the estimate, says so (None = no test).

    `xfailed`: it fails, and the verdict `fine_tune_justified` explains it: no build failure.
    """

    name: str
    arm: str
    role: str
    outcome: GateOutcome
    value: float | None = None
    limit: float | None = None
    evidence: str = "estimate"
    proven: bool | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Something the decision asked, and whether it holds: a leaf with its number, or a rule over `parts`.

    Leaves of one `name` ("lower:few_shot") are one fact, wherever they stand. `text` says it as it is, with
    its number: `value`, held against `limit` by `relation`, or None. `distance`: standard errors between the
    evidence and the other answer; None where chance has no part in it. `remedy`: how a person could turn it;
    '' where nobody can.
    """

    name: str
    text: str
    holds: bool
    rule: Rule | None = None
    parts: tuple[Condition, ...] = ()
    value: float | None = None
    limit: float | None = None
    relation: Relation | None = None
    unit: Unit | None = None
    distance: float | None = None
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One rung of the decision: it is the verdict where its condition is the first that holds."""

    decision: Decision
    condition: Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """Conditions that would, together, give another verdict: `decision`.

    `distance` is that of the farthest of them, in standard errors; None where a person must turn one.
    """

    conditions: tuple[str, ...]
    text: str
    decision: Decision
    distance: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer for an evalset. `reason` is one sentence with the numbers.

    `p`: if this verdict were wrong, evidence this strong would turn up in at most a share p of
    runs (None where no error rate is claimed). `changes`: what to do about it, or what it hangs on. `steps`:
    all that was asked, in order; `flips`: what would give another verdict, closest first, and
    `closest_condition` the first of them in words.
    """

    decision: Decision
    reason: str
    also: tuple[str, ...] = ()
    recommended_arm: str | None = None
    leans_to: str | None = None
    cases_needed: int | None = None
    missing_arms: tuple[str, ...] = ()
    waived: Mapping[str, str] | None = None
    p: float | None = None
    m_arms: int = 0
    closest_condition: str | None = None
    changes: tuple[str, ...] = ()
    next_command: str | None = None
    steps: tuple[Step, ...] = ()
    flips: tuple[Flip, ...] = ()
    plan: TuningPlan | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Verdict and gates of one evalset. `findings` of the decision itself are in the summary.

    `economics`: what the arms cost, where `economics:` is stated or the verdict has a plan.
    """

    verdict: Verdict
    gates: tuple[GateResult, ...]
    economics: Economics | None = None

"""Two models, or two runs, held against each other on the same cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class TagDifference:
    """Accuracy of the candidate minus the other's over the cases of one tag; one-sided bounds at alpha."""

    cases: int
    difference: float
    lower: float
    upper: float
    own_accuracy: float = 0.0
    other_accuracy: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RolePair:
    """The candidate against another role (`against`) under one arm, paired by case.

    `difference` is accuracy of the candidate minus the other's, `lower` and `upper` one-sided bounds at
    alpha, `cases` those judged in both. `fixed` and `broken`: cases that only the candidate / only the other
    passes in most trials. `collapsed`: cases that pass all trials of the other and none of the candidate;
    None where no case has five trials in both, `unassessed` counts those that have not. `agreement`: share of
    cases on which both pass or both fail most trials, with its 95 % interval. Ratios are candidate / other,
    None where one is unknown: of the cost of a call (with its 95 % interval, where there is one), of the cost
    of a right answer, of the median and the 95th percentile of latency. Of two runs the later one is the
    candidate, and `against` is "baseline".
    """

    arm: str
    against: str
    cases: int
    difference: float
    lower: float
    upper: float
    fixed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    collapsed: tuple[str, ...] | None = None
    unassessed: int = 0
    own_accuracy: float = 0.0
    other_accuracy: float = 0.0
    agreement: float = 0.0
    agreement_low: float = 0.0
    agreement_high: float = 1.0
    cost_ratio: float | None = None
    cost_ratio_low: float | None = None
    cost_ratio_high: float | None = None
    cost_per_right_ratio: float | None = None
    latency_ratio: float | None = None
    latency_p95_ratio: float | None = None
    tags: Mapping[str, TagDifference] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A case that most trials pass in one of two runs only, with an answer of each; texts are cut.

    `passed_*` of `graded_*` trials; `signature`: the commonest failure in the run that fails it.
    """

    case: str
    way: Literal["fixed", "broken"]
    passed_before: int
    graded_before: int
    passed_now: int
    graded_now: int
    signature: str | None = None
    input: str | None = None
    expected: str | None = None
    before: str | None = None
    now: str | None = None


Incomparable: TypeAlias = Literal[
    "new", "gone", "changed", "graders", "params", "dev", "not_judged_now", "not_judged_before"
]
"""Why a case cannot be compared: it is in one run only, asks or expects something else, was judged by other
graders or asked with other params, judges nothing (`split: dev`), or has no judged trial in one run."""

INCOMPARABLE: Mapping[str, str] = {
    "new": "not in the baseline",
    "gone": "only in the baseline",
    "changed": "changed in what they ask or expect",
    "graders": "judged by other graders",
    "params": "asked with other params",
    "dev": "of split dev, which judge nothing",
    "not_judged_now": "not judged in this run",
    "not_judged_before": "not judged in the baseline",
}
"""Each of these in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCompared:
    """A case that cannot be compared."""

    case: str
    why: Incomparable


@dataclass(frozen=True, slots=True, kw_only=True)
class FormDrift:
    """The rate of format failures in both runs over the compared cases; one-sided bounds at alpha."""

    before: float
    now: float
    difference: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternDrift:
    """A failure signature that one run has and the other has not, or that grew.

    Trials and cases are those of the compared cases. `is_proven`: its rate differs at alpha, divided among
    all signatures (Bonferroni). What is `grown` is always proven.
    """

    signature: str
    way: Literal["new", "gone", "grown"]
    trials_before: int
    trials_now: int
    cases_before: int
    cases_now: int
    is_proven: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselinePair:
    """An arm × role of a run against `against_arm` of a baseline.

    `pair` is None where no case can be compared; all of it is of the compared cases alone. `flips` are the
    first ones in full, `patterns` the largest; `pair.fixed`, `pair.broken` and `patterns_left_out` count the
    others. `changes`: what besides the cases is not as it was (model, prompt, who answered), in words.
    """

    arm: str
    role: str
    against_arm: str
    pair: RolePair | None = None
    flips: tuple[Flip, ...] = ()
    not_comparable: tuple[NotCompared, ...] = ()
    form: FormDrift | None = None
    patterns: tuple[PatternDrift, ...] = ()
    patterns_left_out: int = 0
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstBaseline:
    """A run of an evalset against a baseline; `pairs` are empty where it is not `found` (`why`)."""

    name: str
    found: bool = True
    why: str = ""
    is_required: bool = False
    pairs: tuple[BaselinePair, ...] = ()

    def find(self, arm: str, role: str) -> BaselinePair | None:
        """The comparison of that arm × role, or None."""
        return next((each for each in self.pairs if (each.arm, each.role) == (arm, role)), None)

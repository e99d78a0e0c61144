"""The capability card: what general capability the candidate kept and lost, suite by suite."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Retention = Literal["retained", "lost", "inconclusive", "not_evaluated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A difference in accuracy (candidate minus base, -1..1) held against a margin.

    `lower` and `upper` are one-sided bounds at the card's alpha. `p_lost` is the p-value of "nothing was
    lost", corrected for all the tests of the card (Holm). `cases_needed`: about how many cases would decide
    with power 80 % at the difference seen; None where it is decided.
    """

    outcome: Retention
    margin: float
    cases: int
    difference: float
    lower: float
    upper: float
    p_lost: float
    cases_needed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteResult:
    """One row of the card. `loss` is None where the suite was not evaluated, for `reason`.

    Where it was, `reason` says why its answers can decide nothing ('' where they can).
    `base` and `candidate` are their accuracies over the cases judged in both.
    """

    suite: str
    evalset: str
    path: str
    weight: float
    loss: Loss | None = None
    base: float | None = None
    candidate: float | None = None
    reason: str = ""

    @property
    def outcome(self) -> Retention:
        return self.loss.outcome if self.loss else "not_evaluated"


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityCard:
    """The suites of a run in which role `against` answered beside the candidate.

    `outcome`: `lost` where any suite or the whole is, `retained` where every suite is. `tests`: how many
    p_lost is corrected for. `overall`: the weighted mean of the suites' differences; None with one suite, or
    where one was not evaluated. `models`: role → model ids.
    """

    against: str
    alpha: float
    tests: int
    outcome: Retention
    suites: tuple[SuiteResult, ...]
    overall: Loss | None = None
    models: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

"""Two models held against each other on the same cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class TagDifference:
    """Accuracy of the candidate minus the other's over the cases of one tag; one-sided bounds at alpha."""

    cases: int
    difference: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RolePair:
    """The candidate against another role (`against`) under one arm, paired by case.

    `difference` is accuracy of the candidate minus the other's, `lower` and `upper` one-sided bounds at
    alpha, `cases` those judged in both. `fixed` and `broken`: cases that only the candidate / only the other
    passes in most trials. `collapsed`: cases that pass all trials of the other and none of the candidate;
    None where a case has fewer than five trials in either. `agreement`: share of cases on which both pass or
    both fail most trials. `cost_ratio`, `latency_ratio`: candidate / other, None where one is unknown.
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
    agreement: float = 0.0
    cost_ratio: float | None = None
    latency_ratio: float | None = None
    tags: Mapping[str, TagDifference] = field(default_factory=dict)

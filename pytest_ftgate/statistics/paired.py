"""Two ways of asking compared on the same cases.

t on the cases' differences with two pseudo-cases, +1 and -1, in the variance only: the clustered
analogue of Agresti & Min (2005) and Bonett & Price (2012). Without them a skewed truth makes "better"
fire far above its level, and equal arms would seem proven equal (STATISTICS 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum, sqrt
from typing import TypeAlias

from pytest_ftgate.model.evalset import CANDIDATE
from pytest_ftgate.model.summary import CaseTally, Paired
from pytest_ftgate.statistics.beta import student_probability, student_quantile
from pytest_ftgate.statistics.intervals import Groups


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean difference of paired cases, in -1..1, with its standard error and degrees of freedom."""

    value: float
    error: float
    freedom: float

    def lower(self, alpha: float) -> float:
        """One-sided lower bound at level alpha; -1 where there are fewer than two clusters."""
        return max(-1.0, self.value - self._margin(alpha))

    def upper(self, alpha: float) -> float:
        """One-sided upper bound at level alpha; 1 where there are fewer than two clusters."""
        return min(1.0, self.value + self._margin(alpha))

    def p_below(self) -> float:
        """One-sided p-value of "the true difference is 0 or more": small = shown to be below 0."""
        if self.freedom < 1:
            return 1.0
        return student_probability(self.freedom, self.value / self.error)

    @property
    def spread(self) -> float:
        """Variance of the clusters' differences, without the pseudo-cases."""
        count = self.freedom + 1
        return max(0.0, self.error**2 * (count + 1) * (count + 2) - 2) / count

    def _margin(self, alpha: float) -> float:
        if self.freedom < 1:
            return 2.0
        return student_quantile(self.freedom, 1 - alpha) * self.error


def estimate_difference(differences: Mapping[str, float], groups: Groups) -> Difference:
    """The mean of the cases' differences. Cases that share a group are one cluster.

    Raises ValueError where there is no case.
    """
    if not differences:
        raise ValueError("a paired comparison needs at least one case in common")
    mean = fsum(differences.values()) / len(differences)
    totals: dict[str, float] = {}
    alone: list[float] = []
    for case in sorted(differences):
        residual, group = differences[case] - mean, groups.get(case)
        if group is None:
            alone.append(residual)
        else:
            totals[group] = totals.get(group, 0.0) + residual
    residuals = [*totals.values(), *alone]
    count = len(residuals)
    size = len(differences) / count
    spread = fsum(value * value for value in residuals) + 2 * size * size
    return Difference(mean, sqrt(spread / ((count + 1) * (count + 2))) / size, count - 1)


Pair: TypeAlias = tuple[CaseTally, CaseTally]


def pair_tallies(first: Sequence[CaseTally], second: Sequence[CaseTally]) -> list[Pair]:
    """The cases judged in both, in the order of `first`."""
    seconds = {tally.case: tally for tally in second if tally.graded}
    return [(tally, seconds[tally.case]) for tally in first if tally.graded and tally.case in seconds]


def estimate_pairs(pairs: Sequence[Pair]) -> Difference:
    """Accuracy of the first of each pair minus the second's. Raises ValueError where there is no pair."""
    differences = {a.case: a.passed / a.graded - b.passed / b.graded for a, b in pairs}
    return estimate_difference(differences, {a.case: a.group for a, _ in pairs})


def measure_accuracies(pairs: Sequence[Pair]) -> tuple[float, float]:
    """Accuracy of the first and of the second of each pair; every case weighs the same."""
    first, second = (
        fsum(pair[side].passed / pair[side].graded for pair in pairs) / len(pairs) for side in (0, 1)
    )
    return first, second


def compare_tallies(
    first: Sequence[CaseTally],
    second: Sequence[CaseTally],
    *,
    names: tuple[str, str],
    alpha: float,
    role: str = CANDIDATE,
) -> Paired | None:
    """Accuracy of `first` minus `second` over the cases judged in both; None without any.

    `fixed`: cases that pass more than half their trials in `first` only; `broken`: in `second` only.
    """
    pairs = pair_tallies(first, second)
    if not pairs:
        return None
    estimate = estimate_pairs(pairs)
    return Paired(
        first=names[0],
        second=names[1],
        role=role,
        cases=len(pairs),
        difference=estimate.value,
        lower=estimate.lower(alpha),
        upper=estimate.upper(alpha),
        fixed=tuple(sorted(a.case for a, b in pairs if _holds(a) and not _holds(b))),
        broken=tuple(sorted(a.case for a, b in pairs if _holds(b) and not _holds(a))),
    )


def _holds(tally: CaseTally) -> bool:
    return 2 * tally.passed > tally.graded

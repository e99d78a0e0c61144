"""Intervals and tests for a rate measured as cases x repeats, where the case is the unit.

Clopper-Pearson on an effective sample size. The design effect of the repeats is shrunk by two
pseudo-cases, one that always fails and one that always passes (STATISTICS 1.1; the idea of an
effective size inside Clopper-Pearson is Korn & Graubard, 1998). With one repeat it is exactly
Clopper & Pearson (1934). Cases that share a group are one cluster (STATISTICS 1.2).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import fsum

from pytest_ftgate.statistics.beta import beta_quantile, lower_beta, upper_beta

Groups = Mapping[str, str | None]
"""Case id → group. A case without a group (None or absent) is a cluster of its own."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A rate and the number of independent trials it is worth (n <= effective <= trials)."""

    value: float
    effective: float

    def lower(self, alpha: float) -> float:
        """One-sided lower bound at level alpha (Clopper & Pearson, 1934)."""
        if self.value <= 0:
            return 0.0
        hits = self.value * self.effective
        return beta_quantile(hits, self.effective - hits + 1, alpha)

    def upper(self, alpha: float) -> float:
        """One-sided upper bound at level alpha."""
        if self.value >= 1:
            return 1.0
        hits = self.value * self.effective
        return beta_quantile(hits + 1, self.effective - hits, 1 - alpha)

    def p_at_most(self, limit: float) -> float:
        """p-value of H0 "the rate is at most `limit`": small = shown to lie above it."""
        if self.value <= 0:
            return 1.0
        hits = self.value * self.effective
        return lower_beta(hits, self.effective - hits + 1, limit)

    def p_at_least(self, limit: float) -> float:
        """p-value of H0 "the rate is at least `limit`": small = shown to lie below it."""
        if self.value >= 1:
            return 1.0
        hits = self.value * self.effective
        return upper_beta(hits + 1, self.effective - hits, limit)


@dataclass(frozen=True, slots=True)
class Clusters:
    """Sizes of the groups of a sample. `size_of` maps a group to its number of cases."""

    size_of: Mapping[str, int]
    count: int
    squares: int


@dataclass(frozen=True, slots=True)
class Sample:
    """The judged cases that rates are out of. `trials` is the sum of their judged trials.

    `clusters` is None where no two cases share a group: then every case is a cluster.
    """

    cases: int
    trials: int
    groups: Groups = field(default_factory=dict)
    clusters: Clusters | None = None

    def estimate(self, shares: Mapping[str, float]) -> Estimate:
        """The mean of the cases' shares. Cases of the sample that `shares` leaves out have 0.

        Shares lie in 0..1. The sample must not be empty.
        """
        value = fsum(shares.values()) / self.cases
        value = min(1.0, max(0.0, value))
        if self.clusters is None:
            squares = fsum([share * share for share in shares.values()])
            return Estimate(value, effective_size(self.cases, value * self.cases, squares, self._repeats))
        return Estimate(value, self._clustered_size(shares, self.clusters))

    @property
    def _repeats(self) -> float:
        return self.trials / self.cases

    def _clustered_size(self, shares: Mapping[str, float], clusters: Clusters) -> float:
        totals: dict[str, float] = {}
        alone: list[float] = []
        for case in sorted(shares):
            group = self.groups.get(case)
            if group is None:
                alone.append(shares[case])
            else:
                totals[group] = totals.get(group, 0.0) + shares[case]
        sums = [*totals.values(), *alone]
        products = [total * clusters.size_of[group] for group, total in totals.items()]
        return clustered_size(
            units=self.cases,
            clusters=clusters.count,
            size_squares=clusters.squares,
            total=fsum(sums),
            squares=fsum(value * value for value in sums),
            products=fsum([*products, *alone]),
            most=float(self.trials),
        )


def build_sample(graded: Mapping[str, int], groups: Groups) -> Sample:
    """The sample of the cases in `graded` (case id → judged trials, at least 1 each)."""
    trials = sum(graded.values())
    sizes = Counter(group for case in graded if (group := groups.get(case)) is not None)
    if not sizes or max(sizes.values()) < 2:
        return Sample(len(graded), trials)
    alone = len(graded) - sum(sizes.values())
    squares = sum(size * size for size in sizes.values()) + alone
    return Sample(len(graded), trials, groups, Clusters(sizes, len(sizes) + alone, squares))


def effective_size(cases: int, total: float, squares: float, repeats: float) -> float:
    """Independent trials that `cases` cases of `repeats` repeats are worth.

    `total` and `squares` are the sums of the cases' shares and of their squares. At a rate of 0 or 1
    the design effect cannot be seen and every case counts once.
    """
    mean = (total + 1) / (cases + 2)
    variance = ((squares + 1) / (cases + 2) - mean * mean) * (cases + 2) / (cases + 1)
    return cases * min(max(mean * (1 - mean) / variance, 1.0), max(repeats, 1.0))


def clustered_size(
    *,
    units: int,
    clusters: int,
    size_squares: float,
    total: float,
    squares: float,
    products: float,
    most: float,
) -> float:
    """Independent trials that `units` units in `clusters` clusters are worth (ratio estimator).

    Sums over clusters: `total` of the cluster totals, `squares` of their squares, `products` of
    total x size, `size_squares` of squared sizes. Pseudo-clusters have the average size.
    Never more than `most`.
    """
    size = units / clusters
    padded = units + 2 * size
    mean = (total + size) / padded
    spread = squares - 2 * mean * products + mean * mean * size_squares
    spread += size * size * (mean * mean + (1 - mean) * (1 - mean))
    variance = spread * (clusters + 2) / (clusters + 1) / (padded * padded)
    return min(max(mean * (1 - mean) / variance * units / padded, 1.0), most)

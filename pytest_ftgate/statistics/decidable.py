"""Which accuracies a planned set of cases could tell from the bar."""

from __future__ import annotations

from bisect import bisect_left
from math import ceil

from pytest_ftgate.model.estimate import Decidability
from pytest_ftgate.statistics.beta import lower_beta
from pytest_ftgate.statistics.intervals import effective_size
from pytest_ftgate.statistics.sample_size import POWER

ASSUMED_ICC = 0.5
"""Intraclass correlation of the repeats of a case, where nothing was measured (STATISTICS 2)."""

_STEPS = 200
"""Accuracies are looked at half a point apart."""


def find_decidable(cases: int, repeats: int, bar: float, *, alpha: float) -> Decidability:
    """The accuracies nearest to the bar that would be proven above and below it with a power of 80 %.

    Clopper-Pearson on the effective size that the interval is expected to find, the binomial tail for the
    power. `cases` is at least 1.
    """
    above = _find_nearest(cases, repeats, bar, alpha)
    # To prove "below the bar" is to prove that the failures reach the rest.
    failures = _find_nearest(cases, repeats, 1 - bar, alpha)
    return Decidability(
        cases=cases,
        repeats=repeats,
        bar=bar,
        below=None if failures is None else 1 - failures,
        above=above,
        power=POWER,
        icc=ASSUMED_ICC if repeats > 1 else 0.0,
        alpha=alpha,
    )


def _find_nearest(cases: int, repeats: int, bar: float, alpha: float) -> float | None:
    """The lowest rate above `bar`, in half points, that is shown to lie above it; the power rises with it."""
    rates = [step / _STEPS for step in range(_STEPS + 1) if step / _STEPS > bar + 1e-9]
    index = bisect_left(rates, POWER, key=lambda rate: _power(rate, bar, cases, repeats, alpha))
    return rates[index] if index < len(rates) else None


def _power(rate: float, bar: float, cases: int, repeats: int, alpha: float) -> float:
    """The chance that a true `rate` above `bar` is proven to lie above it."""
    size = _expect_size(rate, cases, repeats)
    hits = _find_critical_hits(size, bar, alpha)
    if hits is None:
        return 0.0
    # Only whole trials can pass.
    trials = cases * repeats
    hits = max(1, ceil(round(hits / size * trials, 9))) / trials * size
    return 1.0 if rate >= 1 else lower_beta(hits, size - hits + 1, rate)


def _expect_size(rate: float, cases: int, repeats: int) -> float:
    """The effective size that the interval would find for the expected spread of the cases' shares."""
    spread = rate * (1 - rate) * (1 + (repeats - 1) * ASSUMED_ICC) / repeats
    return effective_size(cases, cases * rate, cases * (rate * rate + spread), float(repeats))


def _find_critical_hits(size: float, bar: float, alpha: float) -> float | None:
    """The fewest hits of `size` whose lower bound reaches the bar; None where not even all do."""
    if lower_beta(size, 1.0, bar) > alpha:
        return None
    low, high = 0.0, size
    for _ in range(50):
        middle = (low + high) / 2
        is_proven = middle > 0 and lower_beta(middle, size - middle + 1, bar) <= alpha
        low, high = (low, middle) if is_proven else (middle, high)
    return high

"""Agreement of two raters beyond chance: Cohen's kappa and an interval that holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, sqrt

Z95 = 1.959963984540054
"""Two-sided 95 % point of the normal distribution."""

PSEUDO_COUNT = 1.0
"""Added to each of the four cells before the interval is computed."""

_WORDS = {
    0.8: "almost perfectly",
    0.6: "substantially",
    0.4: "moderately",
    0.2: "fairly",
    0.0: "slightly",
}

Table = Sequence[Sequence[float]]
"""Square: rows are the first rater's labels, columns the second's, in the same order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kappa:
    """Cohen's kappa with its 95 % interval. `value` None: it cannot be computed, `reason` says why."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    reason: str = ""


def measure_kappa(both: int, first_only: int, second_only: int, neither: int) -> Kappa:
    """Kappa of people and a judge who each say yes or no, with a 95 % interval.

    `both` … `neither`: how many things were said yes to by both, by people only, by the judge only, by
    neither. The interval is normal, kappa and its standard error (Fleiss, Cohen & Everitt
    1969) taken from the table with 1 added to each cell, in the manner of Agresti & Coull (1998), cut
    at +-1 and widened to hold the estimate. Simulated for kappa -0.2 .. 0.95 and shares of yes from 0.05 to
    0.95 it covers at least 94.3 % (on average 96 %) at n = 20 .. 200, and 92.4 % at n = 10. Without the
    added counts it covers 13 to 96 %: a table with few disagreements has next to no standard error.
    """
    counts = (both, first_only, second_only, neither)
    n = sum(counts)
    if n == 0:
        return Kappa(value=None, reason="nothing was labelled by both people and the judge")
    if both + first_only in (0, n):
        what = "people gave one label only, so there is nothing to tell apart"
        return Kappa(value=None, n=n, reason=what)
    value, _ = estimate_kappa([[both, first_only], [second_only, neither]])
    a, b, c, d = (count + PSEUDO_COUNT for count in counts)
    centre, error = estimate_kappa([[a, b], [c, d]])
    low, high = max(-1.0, centre - Z95 * error), min(1.0, centre + Z95 * error)
    return Kappa(value=value, low=min(low, value), high=max(high, value), n=n)


def estimate_kappa(table: Table) -> tuple[float, float]:
    """Kappa (Cohen 1960) of a table of counts, and its large-sample standard error.

    The standard error is formula 13 of Fleiss, Cohen & Everitt (Psychological Bulletin 72, 1969), which does
    not assume that kappa is 0. Raises ValueError for an empty table, and where both raters gave the same
    one label to everything: chance agreement is then 1 and kappa has no value.
    """
    n = sum(sum(row) for row in table)
    if n <= 0:
        raise ValueError("the table is empty")
    shares = [[count / n for count in row] for row in table]
    rows = [sum(row) for row in shares]
    columns = [sum(column) for column in zip(*shares, strict=True)]
    labels = range(len(shares))
    seen = sum(shares[i][i] for i in labels)
    chance = sum(rows[i] * columns[i] for i in labels)
    if chance >= 1:
        raise ValueError("both raters gave the same one label to everything")
    kappa = (seen - chance) / (1 - chance)
    agreeing = sum(shares[i][i] * (1 - (rows[i] + columns[i]) * (1 - kappa)) ** 2 for i in labels)
    differing = sum(shares[i][j] * (columns[i] + rows[j]) ** 2 for i in labels for j in labels if i != j) * (
        (1 - kappa) ** 2
    )
    variance = agreeing + differing - (kappa - chance * (1 - kappa)) ** 2
    return kappa, sqrt(max(0.0, variance) / n) / (1 - chance)


def name_agreement(kappa: float) -> str:
    """How a kappa is commonly read, as an adverb (Landis & Koch 1977)."""
    if kappa < 0:
        return "less than by chance"
    return next(word for floor, word in _WORDS.items() if kappa >= floor)


def compare_disagreements(first_only: int, second_only: int) -> float:
    """Two-sided p-value that both kinds of disagreement are as frequent (exact McNemar test, 1947)."""
    n, fewer = first_only + second_only, min(first_only, second_only)
    # Whole numbers throughout: 2**n is beyond a float where n is large.
    tail: int = sum(comb(n, k) for k in range(fewer + 1))
    return min(1.0, 2 * tail / (1 << n))

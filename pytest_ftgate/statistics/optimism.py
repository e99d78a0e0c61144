"""How much better the best of several equal prompts looks than it is, on the cases it was chosen by."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

FEW, MANY = 5, 20
"""Up to so many prompts nothing is said; above so many the verdict needs fresh cases (STATISTICS 4 (c))."""

_SPREAD = 0.23
"""Standard deviation of a case's share of passes that is a prompt's own, in STATISTICS 4's table of best-of-T
(accuracy .75): its figures are this over the square root of n, times the expected maximum of T normals."""


def estimate_optimism(tried: int, cases: int) -> float:
    """The gain in accuracy (0..1) that choosing the best of `tried` equal prompts on `cases` cases fakes.

    The expected maximum is Blom's approximation (1958). Raises ValueError for no prompt or no case.
    """
    if tried < 1 or cases < 1:
        raise ValueError(f"wants at least one prompt and one case, got {tried} and {cases}")
    maximum = NormalDist().inv_cdf((tried - 0.375) / (tried + 0.25))
    return max(0.0, maximum) * _SPREAD / sqrt(cases)

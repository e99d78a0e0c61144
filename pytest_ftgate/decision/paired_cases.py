"""How many cases a paired comparison of two models needs."""

from __future__ import annotations

import math
from statistics import NormalDist

_STRENGTH = (NormalDist().inv_cdf(0.95) + NormalDist().inv_cdf(0.8)) ** 2
"""Of 5 % one-sided and 80 % power, in squared standard errors."""


def count_needed(differing: float, margin: float) -> int:
    """Cases that prove that less than `margin` was lost, at 5 %, with 80 % power, were both equally good.

    `differing`: the share of cases on which they differ, the variance of a paired difference of 0/1 outcomes.
    The same number as `plan_pairs` of the statistics, whose two pseudo-cases widen the interval.
    """
    scaled = _STRENGTH * max(differing, 0.05)
    return math.ceil((scaled + math.sqrt(scaled**2 + 8 * _STRENGTH * margin**2)) / (2 * margin**2))

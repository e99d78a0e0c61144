"""How many cases a decision needs (STATISTICS 2)."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, fsum, sqrt
from statistics import NormalDist

POWER = 0.80
_TOO_MANY = 1_000_000


def plan_cases(
    accuracy: float, bar: float, *, repeats: int, icc: float, alpha: float, power: float = POWER
) -> int | None:
    """Cases needed to tell `accuracy` from `bar` with the given power; None where no number would do.

    Normal approximation with the design effect of the repeats; within about 12 % of simulation.
    """
    gap = accuracy - bar
    if gap == 0:
        return None
    level, strength = NormalDist().inv_cdf(1 - alpha), NormalDist().inv_cdf(power)
    spread = level * sqrt(bar * (1 - bar)) + strength * sqrt(accuracy * (1 - accuracy))
    factor = (1 + (repeats - 1) * icc) / repeats
    wanted = max(1, ceil(factor * (spread / gap) ** 2))
    return wanted if wanted <= _TOO_MANY else None


def plan_pairs(spread: float, gap: float, *, alpha: float, power: float = POWER) -> int | None:
    """Paired cases (clusters) needed to tell a difference that lies `gap` from its limit; None for no number.

    `spread` is the variance of the cases' differences: for 0/1 outcomes about the share of cases on which
    the two differ. Solves gap = (z_alpha + z_power) * the error of `paired.estimate_difference`, pseudo-cases
    included: within 13 % of the simulated table of STATISTICS 6.2.
    """
    if gap <= 0:
        return None
    strength = (NormalDist().inv_cdf(1 - alpha) + NormalDist().inv_cdf(power)) ** 2
    scaled = strength * spread
    wanted = ceil((scaled + sqrt(scaled * scaled + 8 * strength * gap * gap)) / (2 * gap * gap))
    return wanted if wanted <= _TOO_MANY else None


def estimate_icc(passed: Mapping[str, int], graded: Mapping[str, int]) -> float | None:
    """Intraclass correlation of the repeats of a case, in 0..1 (one-way ANOVA estimator).

    None where no case has two judged trials, or where all trials came out the same.
    """
    trials, cases = sum(graded.values()), len(graded)
    if trials <= cases or cases < 2:
        return None
    mean = sum(passed.values()) / trials
    if mean in (0.0, 1.0):
        return None
    hits = [(passed.get(case, 0), count) for case, count in graded.items()]
    between = fsum(n * (c / n - mean) ** 2 for c, n in hits) / (cases - 1)
    within = fsum(c * (n - c) / n for c, n in hits) / (trials - cases)
    size = (trials - fsum(n * n for _, n in hits) / trials) / (cases - 1)
    total = between + (size - 1) * within
    return min(1.0, max(0.0, (between - within) / total)) if total > 0 else None

"""Chance that all of j fresh repeats of a case pass."""

from __future__ import annotations

from collections.abc import Mapping
from math import comb


def estimate_all_pass(passed: int, graded: int, repeats: int) -> float:
    """pass^j of one case: C(passed, j) / C(graded, j), unbiased (Yao et al., 2024, tau-bench).

    Raises ValueError where fewer than `repeats` trials were judged.
    """
    if not 1 <= repeats <= graded:
        raise ValueError(f"pass^{repeats} needs at least {repeats} judged trials, there are {graded}")
    return comb(passed, repeats) / comb(graded, repeats)


def estimate_by_case(passed: Mapping[str, int], graded: Mapping[str, int], repeats: int) -> dict[str, float]:
    """pass^j of every case that has at least `repeats` judged trials."""
    return {
        case: estimate_all_pass(passed.get(case, 0), trials, repeats)
        for case, trials in graded.items()
        if trials >= repeats
    }

"""Holm's step-down correction for several tests (Holm, 1979)."""

from __future__ import annotations

from collections.abc import Sequence


def adjust(p_values: Sequence[float], tests: int | None = None) -> list[float]:
    """Adjusted p-values, in the order given: reject those at most alpha.

    `tests` is the number of tests to correct for where it is not the number of p-values: fewer,
    where it is known that not all null hypotheses can be close to their limit at once.
    """
    count = len(p_values) if tests is None else tests
    adjusted = [1.0] * len(p_values)
    highest = 0.0
    ranked = sorted(range(len(p_values)), key=lambda index: p_values[index])
    for rank, index in enumerate(ranked):
        highest = max(highest, min(1.0, max(count - rank, 1) * p_values[index]))
        adjusted[index] = highest
    return adjusted

"""Which accuracies a planned set could tell from the bar."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ftgate.statistics.decidable import find_decidable
from pytest_ftgate.statistics.intervals import Estimate, effective_size

SIMULATED = {
    # accuracy → cases for 80 % power, bar 0.8, five repeats with ICC 0.5 (STATISTICS 2)
    0.60: 24, 0.65: 38, 0.70: 76, 0.75: 268, 0.85: 234, 0.87: 122, 0.90: 60, 0.95: 26,
}  # fmt: skip


@pytest.mark.parametrize(("accuracy", "cases"), SIMULATED.items())
def test_agrees_with_the_simulated_table(accuracy: float, cases: int) -> None:
    fewer = find_decidable(round(cases * 0.8), 5, 0.8, alpha=0.05)
    more = find_decidable(round(cases * 1.1), 5, 0.8, alpha=0.05)
    if accuracy > 0.8:
        assert more.above is not None
        assert fewer.above is None or fewer.above > accuracy >= more.above
    else:
        assert more.below is not None
        assert fewer.below is None or fewer.below < accuracy <= more.below


def test_what_no_score_can_prove_is_none() -> None:
    # 0.8 ** 13 is above 0.05: not even a perfect score on 13 cases is proof.
    assert find_decidable(13, 5, 0.8, alpha=0.05).above is None
    assert find_decidable(14, 5, 0.8, alpha=0.05).above is not None
    assert find_decidable(1, 1, 0.8, alpha=0.05).below is None
    assert find_decidable(10_000, 1, 1.0, alpha=0.05).above is None


@given(
    cases=st.integers(1, 3000),
    repeats=st.integers(1, 9),
    bar=st.sampled_from([0.0, 0.3, 0.5, 0.8, 0.95, 1.0]),
)
def test_the_range_lies_around_the_bar(cases: int, repeats: int, bar: float) -> None:
    found = find_decidable(cases, repeats, bar, alpha=0.05)
    assert found.below is None or 0 <= found.below < bar
    assert found.above is None or bar < found.above <= 1


def test_more_cases_narrow_the_range() -> None:
    few, many = (find_decidable(cases, 5, 0.8, alpha=0.05) for cases in (50, 500))
    assert few.below < many.below < 0.8 < many.above < few.above  # type: ignore[operator]


def test_the_power_holds_in_a_simulation() -> None:
    found = find_decidable(100, 5, 0.8, alpha=0.05)
    assert found.above is not None
    generator, proven, runs = random.Random(3), 0, 400
    # Shares of cases from a beta distribution: ICC 0.5 means its two shapes add up to 1.
    shapes = found.above, 1 - found.above
    for _ in range(runs):
        rates = [generator.betavariate(*shapes) for _ in range(100)]
        shares = [sum(generator.random() < rate for _ in range(5)) / 5 for rate in rates]
        size = effective_size(100, sum(shares), sum(share * share for share in shares), 5.0)
        proven += Estimate(sum(shares) / 100, size).lower(0.05) >= 0.8
    assert 0.70 <= proven / runs <= 0.93

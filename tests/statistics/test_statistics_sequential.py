"""Levels of looks: the published tables, and what must hold of any number of looks."""

from __future__ import annotations

from math import sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from pytest_ftgate.model.run import Looks
from pytest_ftgate.statistics.intervals import Estimate
from pytest_ftgate.statistics.rates import hold_against_bar
from pytest_ftgate.statistics.sequential import adjust_p, find_level, list_look_ends, measure_error

# STATISTICS section 5, one-sided .05.
SPECIFIED = {
    2: (0.0089, 0.0469),
    3: (0.0015, 0.0182, 0.0437),
    4: (0.00026, 0.0071, 0.0227, 0.0415),
    5: (0.00004, 0.0028, 0.0119, 0.0251, 0.0399),
}

# Jennison & Turnbull (2000), table 2.3: constants C_B(K, alpha) of two-sided tests at .05 and .10.
PUBLISHED = {
    0.05: {2: 1.977, 3: 2.004, 4: 2.024, 5: 2.040, 10: 2.087, 20: 2.126},
    0.10: {2: 1.678, 3: 1.710, 4: 1.733, 5: 1.751, 10: 1.801, 20: 1.842},
}


@pytest.mark.parametrize("looks", SPECIFIED)
def test_levels_of_the_specification(looks: int) -> None:
    levels = [find_level(look, looks, 0.05) for look in range(1, looks + 1)]
    # The table was simulated; the published constants below are met to the last digit.
    for level, wanted in zip(levels, SPECIFIED[looks], strict=True):
        assert level == pytest.approx(wanted, abs=2.5e-4 if wanted > 0.001 else 1.1e-5)


@pytest.mark.parametrize(("alpha", "looks"), [(a, k) for a, row in PUBLISHED.items() for k in row])
def test_published_boundaries(alpha: float, looks: int) -> None:
    """Two-sided tests reject on either side, so half of alpha is on ours (both sides at once are rare)."""
    boundary = norm.isf(find_level(looks, looks, alpha / 2))
    assert boundary == pytest.approx(PUBLISHED[alpha][looks], abs=0.0011)


@pytest.mark.parametrize("looks", [2, 3, 5])
def test_all_looks_together_err_as_often_as_allowed(looks: int) -> None:
    """Against the distribution of the whole path, integrated by another method."""
    alpha = 0.05 / 3
    times = [(look + 1) / looks for look in range(looks)]
    path = multivariate_normal(mean=[0.0] * looks, cov=[[min(s, t) for t in times] for s in times])
    bounds = [norm.isf(find_level(look + 1, looks, alpha)) * sqrt(t) for look, t in enumerate(times)]
    assert 1 - path.cdf(bounds) == pytest.approx(alpha, abs=3e-4)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 8), st.floats(1e-6, 0.3))
def test_levels_rise_to_less_than_alpha(looks: int, alpha: float) -> None:
    levels = [find_level(look, looks, alpha) for look in range(1, looks + 1)]
    assert levels == sorted(levels)
    assert levels[-1] <= alpha
    assert levels[-1] == alpha if looks == 1 else levels[-1] < alpha
    assert alpha / looks <= levels[-1] * (1 + 1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 6), st.data(), st.floats(1e-12, 0.45), st.floats(1e-4, 0.2))
def test_adjusted_p_agrees_with_the_level(looks: int, data: st.DataObject, p: float, alpha: float) -> None:
    look = data.draw(st.integers(1, looks))
    level = find_level(look, looks, alpha)
    adjusted = adjust_p(p, look, looks)
    assert p <= adjusted <= 1
    if abs(p - level) > 1e-4 * level:
        assert (adjusted <= alpha) == (p <= level)


def test_ends_of_p() -> None:
    assert adjust_p(0.0, 2, 4) == 0.0
    assert adjust_p(1.0, 2, 4) == 1.0
    assert adjust_p(0.3, 1, 1) == 0.3
    assert measure_error(0.0001, 1) == pytest.approx(0.5, abs=1e-3)


def test_level_of_several_arms_is_that_of_a_smaller_alpha() -> None:
    """Not a share of the level: a quarter of each would err more often than a quarter of alpha."""
    quarter = [find_level(look, 4, 0.05) / 4 for look in range(1, 5)]
    own = [find_level(look, 4, 0.05 / 4) for look in range(1, 5)]
    assert own[0] < quarter[0]
    assert own[-1] < 0.05 / 4
    assert [adjust_p(level, look, 4) for look, level in enumerate(own, 1)] == pytest.approx([0.0125] * 4)


@pytest.mark.parametrize(
    ("sizes", "looks", "ends"),
    [
        ([1] * 100, 4, (25, 50, 75, 100)),
        ([1] * 50, 4, (13, 25, 38, 50)),
        ([1] * 3, 4, (1, 2, 3, 3)),
        ([10] * 10, 4, (30, 50, 80, 100)),
        ([1, 98, 1], 4, (99, 99, 99, 100)),
        ([7], 2, (7, 7)),
        ([], 4, (0, 0, 0, 0)),
    ],
)
def test_a_look_ends_with_a_group(sizes: list[int], looks: int, ends: tuple[int, ...]) -> None:
    assert list_look_ends(sizes, looks) == ends


def test_a_bar_test_is_adjusted_for_the_looks() -> None:
    estimate = Estimate(0.9, 50.0)
    levels = {"alpha": 0.05, "alpha_m": 0.0125, "alpha_ft": 0.04}
    plain = hold_against_bar(estimate, 0.8, **levels)
    last = hold_against_bar(estimate, 0.8, **levels, looks=Looks(look=4, looks=4))
    early = hold_against_bar(estimate, 0.8, **levels, looks=Looks(look=2, looks=4))
    assert early.lower < last.lower < plain.lower
    assert early.lower_m < last.lower_m < plain.lower_m
    assert early.p_above > last.p_above > plain.p_above
    # No arm is stopped for being low.
    assert early.upper_ft == last.upper_ft == plain.upper_ft
    assert early.p_below == plain.p_below
    for test in (last, early):
        assert (test.lower >= 0.8) == (test.p_above <= 0.05)

"""The incomplete beta function and its inverses, against scipy and against what must hold of them."""

from __future__ import annotations

from math import inf, isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from pytest_ftgate.statistics.beta import beta_quantile, lower_beta, student_quantile, upper_beta

SHAPES = (0.001, 0.03, 0.5, 1.0, 1.7, 8.0, 63.25, 511.5, 20_000.3, 1_000_000.0)
LEVELS = (1e-12, 1e-6, 0.0025, 0.05, 0.3, 0.5, 0.8, 0.975, 0.9999, 1 - 1e-9)

shapes = st.floats(-3, 6).map(lambda power: 10.0**power)


def is_near(found: float, wanted: float, within: float = 2e-10) -> bool:
    return isclose(found, wanted, rel_tol=within, abs_tol=1e-290)


@pytest.mark.parametrize("a", SHAPES)
@pytest.mark.parametrize("b", SHAPES)
def test_quantiles_and_tails_are_those_of_scipy(a, b):
    for level in LEVELS:
        found = beta_quantile(a, b, level)
        assert is_near(found, special.betaincinv(a, b, level)), level
        if 1e-280 < found < 1 - 1e-9:
            assert is_near(lower_beta(a, b, found), special.betainc(a, b, found)), level
            assert is_near(upper_beta(a, b, found), special.betaincc(a, b, found)), level


@pytest.mark.parametrize("freedom", [1, 2, 3, 10, 99, 5000, 1_000_000])
@pytest.mark.parametrize("level", LEVELS)
def test_student_quantiles_are_those_of_scipy(freedom, level):
    assert is_near(student_quantile(freedom, level), special.stdtrit(freedom, level))


@given(a=shapes, b=shapes, level=st.floats(1e-9, 1 - 1e-9))
def test_a_quantile_has_its_level_below_it(a, b, level):
    found = beta_quantile(a, b, level)
    assert 0 <= found <= 1
    if 1e-280 < found < 0.9:
        assert isclose(lower_beta(a, b, found), level, rel_tol=1e-8)


@given(a=shapes, b=shapes, x=st.integers(0, 1 << 20).map(lambda part: part / (1 << 20)))
def test_the_two_tails_make_one_and_mirror_each_other(a, b, x):
    below, above = lower_beta(a, b, x), upper_beta(a, b, x)
    assert 0 <= below <= 1
    assert isclose(below + above, 1, rel_tol=1e-12)
    assert isclose(above, lower_beta(b, a, 1 - x), rel_tol=1e-6, abs_tol=1e-9)


@given(a=shapes, b=shapes, levels=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_quantiles_rise_with_their_level(a, b, levels):
    low, high = sorted(levels)
    assert beta_quantile(a, b, low) <= beta_quantile(a, b, high) * (1 + 1e-12) + 1e-290


def test_the_ends_are_exact():
    assert (lower_beta(2, 3, 0), lower_beta(2, 3, 1)) == (0, 1)
    assert (upper_beta(2, 3, 0), upper_beta(2, 3, 1)) == (1, 0)
    assert (beta_quantile(2, 3, 0), beta_quantile(2, 3, 1)) == (0, 1)
    assert (student_quantile(5, 0), student_quantile(5, 0.5), student_quantile(5, 1)) == (-inf, 0, inf)


def test_known_values():
    assert isclose(beta_quantile(1, 1, 0.05), 0.05, rel_tol=1e-14)
    assert isclose(beta_quantile(20, 1, 0.05), 0.05 ** (1 / 20), rel_tol=1e-14)  # 20 of 20 passed
    assert isclose(lower_beta(2, 1, 0.3), 0.09, rel_tol=1e-14)
    assert isclose(student_quantile(1, 0.75), 1.0, rel_tol=1e-14)

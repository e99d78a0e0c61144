"""The interval of a rate: exactness, invariances, agreement with scipy, measured coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaincinv
from scipy.stats import binomtest
from scipy.stats import t as student

from pytest_ftgate.statistics.intervals import Estimate, build_sample, clustered_size, effective_size

COUNTS = st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))
LEVELS = st.sampled_from([0.001, 0.0125, 0.025, 0.04, 0.05, 0.2])


def estimate(hits: list[int], repeats: int, groups: list[str | None] | None = None) -> Estimate:
    cases = {f"c{i:03d}": repeats for i in range(len(hits))}
    shares = {f"c{i:03d}": count / repeats for i, count in enumerate(hits)}
    named = dict(zip(cases, groups, strict=True)) if groups else {}
    return build_sample(cases, named).estimate(shares)


@given(COUNTS, LEVELS)
def test_one_repeat_is_clopper_pearson(counts: tuple[int, int], alpha: float) -> None:
    n, hits = counts
    mine = estimate([1] * hits + [0] * (n - hits), 1)
    exact = binomtest(hits, n).proportion_ci(1 - 2 * alpha, method="exact")
    assert mine.lower(alpha) == pytest.approx(exact.low, abs=1e-9)
    assert mine.upper(alpha) == pytest.approx(exact.high, abs=1e-9)


@given(COUNTS, st.floats(0.01, 0.99))
def test_one_repeat_p_values_are_binomial_tests(counts: tuple[int, int], limit: float) -> None:
    n, hits = counts
    mine = estimate([1] * hits + [0] * (n - hits), 1)
    assert mine.p_at_most(limit) == pytest.approx(binomtest(hits, n, limit, "greater").pvalue, abs=1e-9)
    assert mine.p_at_least(limit) == pytest.approx(binomtest(hits, n, limit, "less").pvalue, abs=1e-9)


@given(COUNTS, LEVELS)
def test_more_successes_never_lower_the_bounds(counts: tuple[int, int], alpha: float) -> None:
    n, hits = counts
    if hits == n:
        hits -= 1
    fewer = estimate([1] * hits + [0] * (n - hits), 1)
    more = estimate([1] * (hits + 1) + [0] * (n - hits - 1), 1)
    assert fewer.lower(alpha) <= more.lower(alpha)
    assert fewer.upper(alpha) <= more.upper(alpha)


@given(st.integers(2, 8).flatmap(lambda k: st.tuples(st.just(k), st.lists(st.integers(0, k), min_size=2))))
def test_one_more_passing_trial_never_costs_more_than_a_trifle(cells: tuple[int, list[int]]) -> None:
    """With repeats the design effect is estimated: near 100 % of a few cases a lower bound may give way."""
    repeats, hits = cells
    place = min(range(len(hits)), key=lambda i: hits[i])
    if hits[place] == repeats:
        return
    more = [count + (i == place) for i, count in enumerate(hits)]
    # The most found by a search over 6,000 small evalsets: 0.0055 at 3 cases, 0.0014 at 6.
    trifle = 0.02 if len(hits) < 10 else 0.003
    assert estimate(hits, repeats).lower(0.05) <= estimate(more, repeats).lower(0.05) + trifle


@given(
    st.integers(1, 6).flatmap(lambda k: st.tuples(st.just(k), st.lists(st.integers(0, k), min_size=1))),
    st.randoms(use_true_random=False),
)
def test_case_order_does_not_matter(cells: tuple[int, list[int]], shuffler: object) -> None:
    repeats, hits = cells
    shuffled = list(hits)
    shuffler.shuffle(shuffled)  # type: ignore[attr-defined]
    assert estimate(hits, repeats) == estimate(shuffled, repeats)


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(2, 20), LEVELS)
def test_copied_repeats_are_worth_one(passes: list[bool], repeats: int, alpha: float) -> None:
    once = estimate([int(p) for p in passes], 1)
    copied = estimate([repeats * int(p) for p in passes], repeats)
    assert copied.effective == pytest.approx(once.effective)
    assert copied.lower(alpha) == pytest.approx(once.lower(alpha), abs=1e-12)
    assert copied.upper(alpha) == pytest.approx(once.upper(alpha), abs=1e-12)


@given(
    st.integers(1, 8).flatmap(lambda k: st.tuples(st.just(k), st.lists(st.integers(0, k), min_size=1))),
    LEVELS,
)
def test_effective_size_lies_between_cases_and_trials(cells: tuple[int, list[int]], alpha: float) -> None:
    repeats, hits = cells
    one = estimate(hits, repeats)
    assert len(hits) - 1e-9 <= one.effective <= len(hits) * repeats + 1e-9
    assert 0 <= one.lower(alpha) <= one.value <= one.upper(alpha) <= 1


def test_published_example_of_perfect_score() -> None:
    assert estimate([5] * 50, 5).lower(0.025) == pytest.approx(0.929, abs=5e-4)
    assert estimate([0] * 50, 1).upper(0.05) == pytest.approx(0.058, abs=5e-4)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40))
def test_groups_of_one_case_change_nothing(hits: list[int]) -> None:
    groups: list[str | None] = [f"g{i}" for i in range(len(hits))]
    assert estimate(hits, 3, groups) == estimate(hits, 3)


@given(st.lists(st.integers(0, 3), min_size=2, max_size=40))
def test_cluster_formula_reduces_to_the_case_formula(hits: list[int]) -> None:
    shares = [count / 3 for count in hits]
    n, total, squares = len(shares), math.fsum(shares), math.fsum(x * x for x in shares)
    clustered = clustered_size(
        units=n, clusters=n, size_squares=n, total=total, squares=squares, products=total, most=3 * n
    )
    assert max(clustered, n) == pytest.approx(effective_size(n, total, squares, 3))


def test_cases_of_one_document_count_little() -> None:
    hits = ([1] * 10 + [0] * 10) * 4
    groups: list[str | None] = [f"doc{i // 10}" for i in range(80)]
    alone, grouped = estimate(hits, 1), estimate(hits, 1, groups)
    assert grouped.value == alone.value
    assert grouped.effective < 10 < 80 == alone.effective


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["a", "b", "c", None])), min_size=1))
def test_bounds_stay_ordered_with_groups(cells: list[tuple[int, str | None]]) -> None:
    one = estimate([c for c, _ in cells], 2, [g for _, g in cells])
    assert 1 <= one.effective <= 2 * len(cells)
    assert 0 <= one.lower(0.05) <= one.value <= one.upper(0.05) <= 1


def bounds(shares: np.ndarray, repeats: int, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper bounds of many evalsets at once, one a row: a second writing of the formula."""
    n = shares.shape[1]
    value, total = shares.mean(axis=1), shares.sum(axis=1)
    mean = (total + 1) / (n + 2)
    variance = (((shares**2).sum(axis=1) + 1) / (n + 2) - mean**2) * (n + 2) / (n + 1)
    size = n * np.clip(mean * (1 - mean) / variance, 1, repeats)
    tiny = 1e-300
    lower = betaincinv(np.maximum(value * size, tiny), size - value * size + 1, alpha)
    upper = betaincinv(value * size + 1, np.maximum(size - value * size, tiny), 1 - alpha)
    return np.where(value <= 0, 0, lower), np.where(value >= 1, 1, upper)


def draw(rng: np.random.Generator, runs: int, n: int, repeats: int, rate: float, icc: float) -> np.ndarray:
    chance = np.full((runs, n), rate)
    if icc > 0:
        chance = rng.beta(rate * (1 / icc - 1), (1 - rate) * (1 / icc - 1), (runs, n))
    return rng.binomial(repeats, chance) / repeats


@settings(max_examples=30)
@given(st.integers(1, 6).flatmap(lambda k: st.tuples(st.just(k), st.lists(st.integers(0, k), min_size=1))))
def test_the_simulated_formula_is_the_shipped_one(cells: tuple[int, list[int]]) -> None:
    repeats, hits = cells
    one = estimate(hits, repeats)
    lower, upper = bounds(np.array([hits]) / repeats, repeats, 0.05)
    assert one.lower(0.05) == pytest.approx(lower[0], abs=1e-9)
    assert one.upper(0.05) == pytest.approx(upper[0], abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("n", [20, 50, 200])
@pytest.mark.parametrize(("repeats", "icc"), [(1, 0), (3, 0.2), (5, 0.5), (10, 0.9)])
def test_coverage_is_at_least_nominal(n: int, repeats: int, icc: float) -> None:
    """Minimum coverage of 95 % intervals over five true rates; published as .95 to .98."""
    rng = np.random.default_rng([1, n, repeats])
    covered = []
    for rate in (0.5, 0.8, 0.9, 0.95, 0.99):
        lower, upper = bounds(draw(rng, 4000, n, repeats, rate, icc), repeats, 0.025)
        covered.append(((lower <= rate) & (rate <= upper)).mean())
    assert min(covered) >= 0.945


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bar", "n", "most_pass", "most_fail"),
    [(0.7, 50, 0.041, 0.050), (0.8, 50, 0.048, 0.037), (0.8, 100, 0.048, 0.039), (0.9, 200, 0.043, 0.045)],
)
def test_errors_at_the_bar(bar: float, n: int, most_pass: float, most_fail: float) -> None:
    """Worst P(false pass) and P(false fail) with the truth exactly at the bar, as published."""
    rng = np.random.default_rng([2, n])
    passed, failed = [], []
    for repeats in (1, 3, 5):
        for icc in (0, 0.5, 0.9):
            lower, upper = bounds(draw(rng, 4000, n, repeats, bar, icc), repeats, 0.05)
            passed.append((lower >= bar).mean())
            failed.append((upper < bar).mean())
    assert max(passed) == pytest.approx(most_pass, abs=0.012)
    assert max(failed) == pytest.approx(most_fail, abs=0.012)
    assert max(*passed, *failed) < 0.058


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "repeats", "truth", "share_pass", "share_fail"),
    [(50, 5, 0.6, 0, 0.99), (50, 5, 0.9, 0.73, 0), (100, 3, 0.7, 0, 0.87), (200, 5, 0.85, 0.74, 0)],
)
def test_operating_curve(n: int, repeats: int, truth: float, share_pass: float, share_fail: float) -> None:
    rng = np.random.default_rng([3, n])
    lower, upper = bounds(draw(rng, 4000, n, repeats, truth, 0.5), repeats, 0.05)
    assert (lower >= 0.8).mean() == pytest.approx(share_pass, abs=0.03)
    assert (upper < 0.8).mean() == pytest.approx(share_fail, abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("clusters", [10, 40])
def test_coverage_with_grouped_cases(clusters: int) -> None:
    """Cases of a group share their luck: the interval holds, and one that ignores groups does not."""
    rng = np.random.default_rng(4)
    size, rate, runs = 5, 0.8, 1500
    chance = rng.beta(rate, 1 - rate, (runs, clusters)).repeat(size, axis=1)
    hits = rng.binomial(1, chance)
    groups: list[str | None] = [f"g{i // size}" for i in range(clusters * size)]
    grouped = ungrouped = 0
    for row in hits.tolist():
        one, other = estimate(row, 1, groups), estimate(row, 1)
        grouped += one.lower(0.025) <= rate <= one.upper(0.025)
        ungrouped += other.lower(0.025) <= rate <= other.upper(0.025)
    assert grouped / runs >= 0.945
    assert ungrouped / runs < 0.88


@pytest.mark.slow
def test_paired_t_keeps_its_level_where_plain_t_does_not() -> None:
    """3 % of cases lost completely, the rest gains a little: true difference 0, n = 50, k = 3."""
    rng = np.random.default_rng(5)
    runs, n, repeats = 6000, 50, 3
    base = rng.binomial(repeats, np.full((runs, n), 0.9)) / repeats
    lost = rng.random((runs, n)) < 0.03
    gain = 0.03 * 0.9 / 0.97
    changed = rng.binomial(repeats, np.where(lost, 0, 0.9 + gain)) / repeats
    difference = changed - base
    mean = difference.mean(axis=1)
    spread = ((difference - mean[:, None]) ** 2).sum(axis=1)
    recommended = np.sqrt((spread + 2) / ((n + 1) * (n + 2)))
    cut = student.ppf(0.95, n - 1)
    assert (mean - cut * recommended > 0).mean() < 0.05
    assert (mean - cut * np.sqrt(spread / (n - 1) / n) > 0).mean() > 0.06

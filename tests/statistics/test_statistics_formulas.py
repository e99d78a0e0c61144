"""Holm, pass^k, paired differences and sample sizes against independent writings of the formulas."""

from __future__ import annotations

from itertools import combinations
from math import ceil, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from scipy.stats import t as student

from pytest_ftgate.model.summary import CaseTally
from pytest_ftgate.statistics.holm import adjust
from pytest_ftgate.statistics.paired import compare_tallies, estimate_difference
from pytest_ftgate.statistics.passk import estimate_all_pass, estimate_by_case
from pytest_ftgate.statistics.sample_size import estimate_icc, plan_cases

P_VALUES = st.lists(st.floats(0, 1), max_size=12)


def reject_one_by_one(p_values: list[float], alpha: float) -> set[int]:
    """Holm as he put it: the smallest p-value against alpha/m, then the next against alpha/(m-1) …"""
    left, rejected = list(range(len(p_values))), set()
    while left:
        smallest = min(left, key=lambda i: p_values[i])
        if p_values[smallest] * len(left) > alpha:
            break
        rejected.add(smallest)
        left.remove(smallest)
    return rejected


@given(P_VALUES, st.floats(0.001, 0.5))
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values: list[float], alpha: float) -> None:
    adjusted = adjust(p_values)
    assert {i for i, p in enumerate(adjusted) if p <= alpha} == reject_one_by_one(p_values, alpha)


@given(P_VALUES)
def test_holm_adjusted_values_are_ordered_and_no_smaller(p_values: list[float]) -> None:
    adjusted = adjust(p_values)
    assert all(p <= a <= 1 for p, a in zip(p_values, adjusted, strict=True))
    ranked = [a for _, a in sorted(zip(p_values, adjusted, strict=True))]
    assert ranked == sorted(ranked)


def test_holm_with_fewer_tests_than_p_values() -> None:
    assert adjust([0.01, 0.02, 0.5], tests=2) == pytest.approx([0.02, 0.02, 0.5])
    assert adjust([]) == []


@given(st.integers(1, 8).flatmap(lambda k: st.tuples(st.just(k), st.integers(0, k), st.integers(1, k))))
def test_all_pass_equals_counting_the_subsets(cell: tuple[int, int, int]) -> None:
    graded, passed, repeats = cell
    draws = [True] * passed + [False] * (graded - passed)
    subsets = list(combinations(draws, repeats))
    assert estimate_all_pass(passed, graded, repeats) == pytest.approx(
        sum(all(subset) for subset in subsets) / len(subsets)
    )


def test_all_pass_needs_enough_trials() -> None:
    with pytest.raises(ValueError, match="at least 3 judged trials, there are 2"):
        estimate_all_pass(2, 2, 3)
    assert estimate_by_case({"a": 2}, {"a": 3, "b": 3, "c": 1}, 2) == {"a": pytest.approx(1 / 3), "b": 0}


@given(st.lists(st.integers(-4, 4), min_size=2, max_size=40), st.sampled_from([0.05, 0.025]))
def test_paired_bounds_follow_the_formula(steps: list[int], alpha: float) -> None:
    differences = {f"c{i}": step / 4 for i, step in enumerate(steps)}
    values = list(differences.values())
    n, mean = len(values), sum(values) / len(values)
    error = sqrt((sum((d - mean) ** 2 for d in values) + 2) / ((n + 1) * (n + 2)))
    margin = student.ppf(1 - alpha, n - 1) * error
    found = estimate_difference(differences, {})
    assert found.value == pytest.approx(mean)
    assert found.lower(alpha) == pytest.approx(max(-1, mean - margin), abs=1e-9)
    assert found.upper(alpha) == pytest.approx(min(1, mean + margin), abs=1e-9)


def test_equal_arms_are_not_proven_equal() -> None:
    found = estimate_difference({f"c{i}": 0.0 for i in range(50)}, {})
    assert found.lower(0.05) < -0.04 < 0.04 < found.upper(0.05)


def test_one_case_proves_nothing() -> None:
    found = estimate_difference({"a": 1.0}, {})
    assert (found.lower(0.05), found.upper(0.05)) == (-1.0, 1.0)
    with pytest.raises(ValueError, match="at least one case"):
        estimate_difference({}, {})


def test_grouped_cases_widen_a_paired_difference() -> None:
    differences = {f"c{i:02d}": (0.2 if i < 20 else -0.2) for i in range(40)}
    alone = estimate_difference(differences, {})
    grouped = estimate_difference(differences, {case: f"g{int(case[1:]) // 10}" for case in differences})
    assert grouped.value == alone.value
    assert grouped.upper(0.05) > 2 * alone.upper(0.05)
    singles = estimate_difference(differences, {case: case for case in differences})
    assert singles.error == pytest.approx(alone.error)


def tally(case: str, passed: int, graded: int = 5) -> CaseTally:
    return CaseTally(case=case, graded=graded, passed=passed)


def test_compare_tallies_pairs_by_case_and_names_what_changed() -> None:
    first = [tally("a", 5), tally("b", 0), tally("c", 3), tally("x", 5), tally("z", 0, 0)]
    second = [tally("c", 3), tally("b", 5), tally("a", 1), tally("y", 0), tally("z", 5)]
    paired = compare_tallies(first, second, names=("few_shot", "as_is"), alpha=0.05)
    assert paired is not None
    assert (paired.first, paired.second, paired.cases) == ("few_shot", "as_is", 3)
    assert paired.difference == pytest.approx((0.8 - 1.0 + 0) / 3)
    assert (paired.fixed, paired.broken) == (("a",), ("b",))
    assert compare_tallies(first[:1], second[1:2], names=("x", "y"), alpha=0.05) is None


@pytest.mark.parametrize(
    ("accuracy", "repeats", "icc", "cases"),
    [(0.6, 1, 0, 32), (0.7, 1, 0, 116), (0.9, 1, 0, 88), (0.7, 3, 0.5, 84), (0.85, 5, 0.5, 234)],
)
def test_planned_cases_match_the_simulated_table(
    accuracy: float, repeats: int, icc: float, cases: int
) -> None:
    planned = plan_cases(accuracy, 0.8, repeats=repeats, icc=icc, alpha=0.05)
    assert planned == pytest.approx(cases, rel=0.16)


def test_planned_cases_follow_the_formula() -> None:
    spread = norm.ppf(0.96) * sqrt(0.16) + norm.ppf(0.8) * sqrt(0.21)
    wanted = ceil((1 + 4 * 0.3) / 5 * (spread / 0.1) ** 2)
    assert plan_cases(0.7, 0.8, repeats=5, icc=0.3, alpha=0.04) == wanted
    assert plan_cases(0.8, 0.8, repeats=5, icc=0.3, alpha=0.04) is None
    assert plan_cases(0.8001, 0.8, repeats=5, icc=0.3, alpha=0.04) is None


def test_icc_of_identical_and_of_alternating_repeats() -> None:
    graded = dict.fromkeys("abcdefgh", 4)
    assert estimate_icc({"a": 4, "b": 4}, graded) == pytest.approx(1)
    assert estimate_icc(dict.fromkeys("abcdefgh", 2), graded) == 0
    assert estimate_icc({}, graded) is None
    assert estimate_icc({"a": 1}, dict.fromkeys("abc", 1)) is None

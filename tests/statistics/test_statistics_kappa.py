"""Cohen's kappa: published tables, an independent implementation, and the interval's coverage."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ftgate.statistics.kappa import (
    compare_disagreements,
    estimate_kappa,
    measure_kappa,
    name_agreement,
)

# The first two tables are published: Fleiss, Cohen & Everitt (1969), n = 200, kappa .429; Spitzer's
# diagnoses in Fleiss, Levin & Paik (2003, section 18.1), n = 100, kappa .68. Standard errors of all are those
# of statsmodels 0.15.0, cohens_kappa(table).std_kappa.
TABLES = [
    ([[106, 10, 4], [22, 28, 10], [2, 12, 6]], 0.4285714285714285, 0.05371100486916735),
    ([[75, 1, 4], [5, 4, 1], [0, 0, 10]], 0.676470588235294, 0.08770295347521254),
    ([[20, 5], [10, 15]], 0.3999999999999999, 0.12699606293110033),
    ([[45, 15], [25, 15]], 0.13043478260869554, 0.0986615376234396),
    ([[5, 0], [1, 24]], 0.8888888888888888, 0.10856712722858383),
]


@pytest.mark.parametrize(("table", "kappa", "error"), TABLES)
def test_known_tables(table: list[list[int]], kappa: float, error: float) -> None:
    assert estimate_kappa(table) == pytest.approx((kappa, error), abs=1e-12)


def test_tables_without_a_kappa() -> None:
    for table in ([[0, 0], [0, 0]], [[9, 0], [0, 0]]):
        with pytest.raises(ValueError, match=r"empty|same one label"):
            estimate_kappa(table)
    assert measure_kappa(0, 0, 0, 0).reason == "nothing was labelled by both people and the judge"
    for counts in ((9, 3, 0, 0), (0, 0, 3, 9), (9, 0, 0, 0)):
        assert measure_kappa(*counts).value is None
        assert "one label only" in measure_kappa(*counts).reason
    # A second rater who always says the same knows nothing: that is a kappa of 0, not the lack of one.
    assert measure_kappa(9, 0, 3, 0).value == 0


@given(st.tuples(*[st.integers(0, 400)] * 4))
def test_interval_holds_the_estimate_and_the_raters_can_be_exchanged(counts: tuple[int, ...]) -> None:
    found = measure_kappa(*counts)
    if found.value is None or found.low is None or found.high is None:
        return
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high
    both, first, second, neither = counts
    swapped = measure_kappa(both, second, first, neither)
    renamed = measure_kappa(neither, second, first, both)
    for other in (swapped, renamed):
        if other.value is not None:
            assert (other.value, other.low, other.high) == pytest.approx((found.value, found.low, found.high))


def test_perfect_agreement_on_few_things_is_no_certainty() -> None:
    few, many = measure_kappa(10, 0, 0, 10), measure_kappa(100, 0, 0, 100)
    assert few.value == many.value == 1.0
    assert few.low is not None
    assert many.low is not None
    assert few.low < 0.7
    assert 0.9 < many.low < 1


@pytest.mark.parametrize(
    ("kappa", "first", "second"), [(0.0, 0.3, 0.3), (0.4, 0.5, 0.5), (0.7, 0.7, 0.8), (0.95, 0.15, 0.15)]
)
@pytest.mark.parametrize("n", [30, 140])
def test_coverage(kappa: float, first: float, second: float, n: int) -> None:
    chance = first * second + (1 - first) * (1 - second)
    both = (chance + kappa * (1 - chance) + first + second - 1) / 2
    shares = [both, first - both, second - both, 1 + both - first - second]
    draw = random.Random(f"{kappa} {n}")
    covered = judged = 0
    for _ in range(1500):
        seen = Counter(draw.choices(range(4), shares, k=n))
        found = measure_kappa(*(seen[cell] for cell in range(4)))
        if found.low is not None and found.high is not None:
            judged += 1
            covered += found.low <= kappa <= found.high
    # 1,500 draws of a coverage of 0.943 fall below 0.925 once in 800 times.
    assert covered / judged >= 0.925


def test_words() -> None:
    words = [name_agreement(kappa) for kappa in (-0.1, 0.0, 0.2, 0.45, 0.6, 0.81, 1.0)]
    assert words == [
        "less than by chance",
        "slightly",
        "fairly",
        "moderately",
        "substantially",
        "almost perfectly",
        "almost perfectly",
    ]


def test_disagreements() -> None:
    # Exact binomial: 2 * (1 + 10 + 45) / 1024.
    assert compare_disagreements(2, 8) == compare_disagreements(8, 2) == 112 / 1024
    assert compare_disagreements(0, 0) == 1
    assert compare_disagreements(5, 5) == 1
    assert compare_disagreements(0, 5_000) == 0

"""Texts ranked by words, by vectors, and by both."""

from __future__ import annotations

import math
from operator import mul

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_ftgate.planning.ranking import RRF_K, FusedRanking, Ranking, VectorRanking, list_terms


@settings(deadline=None)
@given(st.lists(st.text(max_size=20), max_size=8), st.text(max_size=20), st.integers(1, 10))
def test_ranking_gives_distinct_places_and_is_repeatable(texts: list[str], query: str, count: int) -> None:
    found = Ranking(texts).find_nearest(query, count)
    assert found == Ranking(texts).find_nearest(query, count)
    assert len(found) == len(set(found)) == min(count, len(texts))
    assert set(found) <= set(range(len(texts)))
    assert set(Ranking(texts).find_nearest(query, count, only_matching=True)) <= set(found)


def test_ranking_prefers_the_likest_and_keeps_the_order_of_equals() -> None:
    ranking = Ranking(["red apple", "blue sky", "red apple", "red apple pie recipe"])
    assert ranking.find_nearest("apple, RED!", 4) == [0, 2, 3, 1]
    assert ranking.find_nearest("apple", 4, only_matching=True) == [0, 2, 3]


def test_scripts_without_spaces_are_searched_by_pairs_of_characters() -> None:
    assert list_terms("退款政策 v2退") == ["退款", "款政", "政策", "v2", "退"]
    ranking = Ranking(["我们的地址在北京", "退款政策是三十天", "东京的天气"])
    assert ranking.find_nearest("怎么退款?", 3, only_matching=True) == [1]


def test_vectors_rank_by_cosine() -> None:
    vectors = [[1.0, 0.0], [0.0, 2.0], [3.0, 3.0], [0.0, 0.0]]
    ranking = VectorRanking(vectors, {"q": [0.1, 0.9], "nowhere": [0.0, 0.0]})

    def cosine(index: int) -> float:
        return sum(map(mul, vectors[index], (0.1, 0.9))) / math.hypot(*vectors[index])

    by_cosine = sorted(range(3), key=lambda index: -cosine(index))
    assert ranking.find_nearest("q", 4) == [*by_cosine, 3]
    assert ranking.find_nearest("nowhere", 2) == [0, 1]


class Fixed:
    def __init__(self, *order: int) -> None:
        self.order = list(order)

    def find_nearest(self, query: str, count: int, *, only_matching: bool = False) -> list[int]:
        return self.order[:count]


@given(st.permutations(range(6)), st.permutations(range(6)), st.integers(0, 6))
def test_fusion_adds_reciprocal_ranks(first: list[int], second: list[int], known: int) -> None:
    """Against the formula of Cormack, Clarke and Buettcher 2009, written out."""
    score = {
        text: 1 / (RRF_K + first.index(text) + 1)
        + (1 / (RRF_K + second.index(text) + 1) if second.index(text) < known else 0)
        for text in range(6)
    }
    expected = sorted(range(6), key=lambda text: (-score[text], text))
    fused = FusedRanking(Fixed(*first), Fixed(*second[:known]))
    assert fused.find_nearest("q", 6) == expected
    assert fused.find_nearest("q", 2) == expected[:2]

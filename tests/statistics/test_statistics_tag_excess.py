"""Tags over-represented among the cases of a pattern: Fisher's test, Holm's correction, error rates."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from pytest_ftgate.statistics.pattern_statistics import PATTERN_STATISTICS
from pytest_ftgate.statistics.tag_excess import find_p_excess, find_tag_excess


@st.composite
def tables(draw: st.DrawFn) -> tuple[int, int, int, int]:
    total = draw(st.integers(1, 400))
    first, second = draw(st.integers(0, total)), draw(st.integers(0, total))
    both = draw(st.integers(max(0, first + second - total), min(first, second)))
    return both, first, second, total


@given(tables())
@example((3, 3, 3, 3))
@example((0, 0, 0, 1))
@example((1, 200, 200, 399))
@example((200, 200, 200, 400))
def test_the_p_value_is_fishers(table: tuple[int, int, int, int]) -> None:
    both, first, second, total = table
    cells = [[both, first - both], [second - both, total - first - second + both]]
    expected = fisher_exact(cells, alternative="greater").pvalue
    assert find_p_excess(both, first, second, total) == pytest.approx(expected, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("both", [1, 2, 2_400, 2_600, 3_000, 5_000])
def test_large_tables_neither_underflow_nor_lose_their_tail(both: int) -> None:
    cells = [[both, 5_000 - both], [5_000 - both, both - 1]]
    expected = fisher_exact(cells, alternative="greater").pvalue
    assert find_p_excess(both, 5_000, 5_000, 9_999) == pytest.approx(expected, rel=1e-6, abs=1e-300)


def test_counts_and_p_of_a_known_table() -> None:
    """3 of 3 cases with the tag, none of 7 without: 1 / C(10, 3)."""
    tags = {f"c{i}": ["eu"] if i < 3 else ["us"] for i in range(10)}
    (found,) = find_tag_excess({"c0", "c1", "c2"}, tags, {}, alpha=0.05)
    assert (found.tag, found.hits, found.cases, found.all_hits, found.all_cases) == ("eu", 3, 3, 3, 10)
    # `us` is on 7 of 10 cases: not even 3 of 3 hits among them would be a finding, so it is no test.
    assert found.p_holm == pytest.approx(1 / 120)


def test_only_what_is_more_frequent_is_told_surest_first() -> None:
    tags = {
        f"c{i:02}": [*(["a"] if i < 20 else ["rare"]), *(["b"] if i < 12 or i > 50 else [])]
        for i in range(60)
    }
    hits = {f"c{i:02}" for i in range(15)}
    found = find_tag_excess(hits, tags, {}, alpha=0.05)
    assert [one.tag for one in found] == ["a", "b"]
    assert found[0].p_holm < found[1].p_holm < 0.001


def test_tags_that_can_show_nothing_cost_nothing() -> None:
    """A hundred tags of one case each, and one of all cases, take no power from the tag that counts."""
    tags = {f"c{i}": ["all", f"only{i}", *(["eu"] if i < 6 else [])] for i in range(100)}
    hits = {f"c{i}" for i in range(5)}
    (found,) = find_tag_excess(hits, tags, {}, alpha=0.005)
    assert found.tag == "eu"
    assert found.p_holm == pytest.approx(find_p_excess(5, 6, 5, 100))


@pytest.mark.parametrize("hits", [set(), {"c0"}, {f"c{i}" for i in range(10)}])
def test_no_hits_or_all_hits_have_no_tags(hits: set[str]) -> None:
    tags = {f"c{i}": ["eu"] if i % 2 else [] for i in range(10)}
    assert find_tag_excess(hits, tags, {}, alpha=0.05) == ()
    assert find_tag_excess(hits, {}, {}, alpha=0.05) == ()


def test_a_tag_written_twice_counts_once() -> None:
    tags = {f"c{i}": ["eu", "eu"] if i < 5 else [] for i in range(20)}
    (found,) = find_tag_excess({f"c{i}" for i in range(5)}, tags, {}, alpha=0.05)
    assert (found.hits, found.cases) == (5, 5)


def test_a_group_is_one_case_in_the_test_and_all_its_cases_in_the_counts() -> None:
    """Three documents of ten cases fail as a whole: three observations, not thirty."""
    tags = {f"c{i:03}": ["scan"] if i < 30 else [] for i in range(100)}
    hits = {f"c{i:03}" for i in range(30)}
    groups = {case: f"doc{int(case[1:]) // 10}" for case in tags}
    alone = find_tag_excess(hits, tags, {}, alpha=0.05)
    (grouped,) = PATTERN_STATISTICS.tag_excess(hits, tags, groups, alpha=0.05)
    assert alone[0].p_holm < 1e-20
    assert (grouped.hits, grouped.cases) == (30, 30)
    assert grouped.p_holm == pytest.approx(find_p_excess(3, 3, 3, 10))


def count_false_alarms(draw: Callable[[random.Random], bool], runs: int) -> float:
    return sum(draw(random.Random(seed)) for seed in range(runs)) / runs


def allowed(runs: int) -> float:
    """alpha and two standard errors of the simulation."""
    return 0.05 + 2 * (0.05 * 0.95 / runs) ** 0.5


@pytest.mark.parametrize(("cases", "tags"), [(50, 3), (100, 12), (100, 60)])
@pytest.mark.parametrize("rate", [0.1, 0.4])
def test_unrelated_tags_are_rarely_found(cases: int, tags: int, rate: float) -> None:
    """P(any tag is named | none is related) <= alpha, over tags of all frequencies, some nested."""

    def draw(rng: random.Random) -> bool:
        shares = [rng.uniform(0.02, 0.6) for _ in range(tags)]
        carried = {
            f"c{i}": [f"t{j}" for j, share in enumerate(shares) if rng.random() < share] for i in range(cases)
        }
        for names in carried.values():
            names += ["wide"] if "t0" in names or "t1" in names else []
        hits = {case for case in carried if rng.random() < rate}
        return bool(find_tag_excess(hits, carried, {}, alpha=0.05))

    runs = 400
    assert count_false_alarms(draw, runs) <= allowed(runs)


def test_tags_of_whole_groups_that_fail_together_are_rarely_found() -> None:
    """Groups of 1 to 9 cases share tags and failures: read as cases they would be found half of the time."""

    def draw(rng: random.Random, *, is_grouped: bool) -> bool:
        carried, groups, hits = {}, {}, set()
        for document in range(30):
            names = [f"t{j}" for j in range(4) if rng.random() < 0.3]
            is_hit = rng.random() < 0.3
            for i in range(rng.randint(1, 9)):
                case = f"{document:02}-{i}"
                carried[case], groups[case] = names, f"doc{document}"
                if is_hit:
                    hits.add(case)
        return bool(find_tag_excess(hits, carried, groups if is_grouped else {}, alpha=0.05))

    runs = 400
    assert count_false_alarms(lambda rng: draw(rng, is_grouped=True), runs) <= allowed(runs)
    assert count_false_alarms(lambda rng: draw(rng, is_grouped=False), runs) > 0.4


def test_a_related_tag_is_found() -> None:
    """100 cases, 12 tags: a tag of a third of the cases that fails at 60 % where others fail at 15 %."""

    def draw(rng: random.Random) -> bool:
        carried = {
            f"c{i}": [*(["eu"] if i % 3 == 0 else []), *(f"t{j}" for j in range(11) if rng.random() < 0.3)]
            for i in range(100)
        }
        hits = {case for case, names in carried.items() if rng.random() < (0.6 if "eu" in names else 0.15)}
        return "eu" in [one.tag for one in find_tag_excess(hits, carried, {}, alpha=0.05)]

    assert count_false_alarms(draw, 200) >= 0.9


def test_a_tag_within_mixed_groups_is_found() -> None:
    """Groups of one case with the tag, which fails, and two without, which pass."""
    carried = {f"c{i:02}": ["jp"] if i % 3 == 2 else ["eu"] for i in range(90)}
    groups = {case: f"g{int(case[1:]) // 3}" for case in carried}
    hits = {case for case, names in carried.items() if "jp" in names}
    (found,) = find_tag_excess(hits, carried, groups, alpha=0.05)
    assert (found.tag, found.hits, found.cases) == ("jp", 30, 30)
    # 30 units of each kind: all of the one kind are hits, none of the other.
    assert found.p_holm == pytest.approx(find_p_excess(30, 30, 30, 60))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_unrelated_tags_of_mixed_groups_are_rarely_found(share: float) -> None:
    """Groups fail together, or each at a rate of its own; in some all cases have the tag, in some a part."""

    def draw(rng: random.Random) -> bool:
        carried, groups, hits = {}, {}, set()
        for document in range(40):
            rate = rng.choice([0.0, 1.0, rng.random()])
            mix = rng.choice([0.0, share, 1.0])
            for i in range(rng.randint(1, 6)):
                case = f"{document:02}-{i}"
                carried[case] = [name for name in ("a", "b", "c") if rng.random() < mix]
                groups[case] = f"doc{document}"
                if rng.random() < rate:
                    hits.add(case)
        return bool(find_tag_excess(hits, carried, groups, alpha=0.05))

    runs = 400
    assert count_false_alarms(draw, runs) <= allowed(runs)


def test_one_group_of_many_cases_with_tags_of_their_own_takes_no_long_time() -> None:
    carried = {f"c{i}": [f"t{i}", "all"] for i in range(20_000)}
    assert find_tag_excess(set(carried), carried, dict.fromkeys(carried, "g"), alpha=0.05) == ()

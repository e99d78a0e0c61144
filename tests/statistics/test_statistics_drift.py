"""The drift rule and the optimism of tuned prompts, held against published figures by simulation."""

from __future__ import annotations

import random
from statistics import mean, median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_ftgate.model.history import Tally
from pytest_ftgate.statistics.drift import ALARM, estimate_within, follow_drift, list_steps, pool_runs
from pytest_ftgate.statistics.optimism import estimate_optimism

CASES, REPEATS = 100, 3


def draw_chances(source: random.Random, cases: int = CASES) -> list[float]:
    """Accuracy .85, intraclass correlation .5."""
    return [source.betavariate(0.85, 0.15) for _ in range(cases)]


def make_run(source: random.Random, chances: list[float], repeats: int = REPEATS) -> dict[int, Tally]:
    return {
        case: Tally(repeats, sum(source.random() < chance for _ in range(repeats)))
        for case, chance in enumerate(chances)
    }


def find_delay(source: random.Random, baseline: int, drop: float, runs: int = 20) -> int | None:
    """Runs until the alarm, from 1; None where it stays quiet."""
    chances = draw_chances(source)
    before = [make_run(source, chances) for _ in range(baseline)]
    lower = [chance * (1 - drop / mean(chances)) for chance in chances]
    after = [make_run(source, lower) for _ in range(runs)]
    return next((i for i, step in enumerate(list_steps(before, after), 1) if step.is_alarm), None)


@pytest.mark.slow
@pytest.mark.parametrize(("baseline", "published"), [(1, 0.093), (3, 0.066), (10, 0.026)])
def test_false_alarms_within_20_runs_are_as_published(baseline: int, published: float) -> None:
    source, worlds = random.Random(7), 600
    rang = sum(find_delay(source, baseline, 0.0) is not None for _ in range(worlds)) / worlds
    print(f"baseline {baseline}: false alarm {rang:.3f}, published {published}")
    error = (published * (1 - published) / worlds) ** 0.5
    assert rang <= published + 3 * error
    assert rang >= published - 4 * error


@pytest.mark.parametrize(("baseline", "drop", "published"), [(3, 0.05, 2), (10, 0.05, 2), (3, 0.10, 1)])
def test_the_median_delay_is_as_published(baseline: int, drop: float, published: int) -> None:
    source = random.Random(11)
    delays = [find_delay(source, baseline, drop, runs=10) or 11 for _ in range(60)]
    assert median(delays) == published


def test_the_cusum_is_its_formula() -> None:
    baseline = [{0: Tally(3, 3), 1: Tally(3, 1)}, {0: Tally(3, 2), 1: Tally(3, 2)}]
    pooled = pool_runs(baseline)
    assert pooled == {0: Tally(6, 5), 1: Tally(6, 3)}
    within = (5 / 6 * 1 / 6 * 6 / 5 + 1 / 2 * 1 / 2 * 6 / 5 + 0.25) / 3
    assert estimate_within(pooled) == pytest.approx(within)
    steps = list_steps(baseline, [{0: Tally(3, 0), 1: Tally(3, 0)}, {7: Tally(3, 3)}, {0: Tally(3, 3)}])
    z = (2 / 3) / (within / 2 * (1 / 3 + 1 / 6)) ** 0.5
    assert steps[0].z == pytest.approx(z)
    assert steps[0].cusum == pytest.approx(z - 1)
    assert (steps[1].cases, steps[1].cusum) == (0, steps[0].cusum)
    assert steps[2].cases == 1
    assert steps[2].cusum == pytest.approx(max(0.0, steps[0].cusum + steps[2].z - 1))


def test_nothing_is_said_before_five_runs_or_with_a_short_baseline() -> None:
    run = {case: Tally(3, 3) for case in range(20)}
    assert follow_drift([run] * 4) is None
    assert follow_drift([run] * 10, baseline=10) is None
    drift = follow_drift([run] * 5)
    assert drift is not None
    assert (drift.baseline_runs, len(drift.steps), drift.alarm) == (3, 2, None)
    with pytest.raises(ValueError, match="at least 3"):
        follow_drift([run] * 9, baseline=2)


def test_the_alarm_is_the_first_that_still_rings() -> None:
    good = {case: Tally(3, 3) for case in range(100)}
    bad = {case: Tally(3, 0 if case < 10 else 3) for case in range(100)}
    drift = follow_drift([good] * 4 + [bad] * 3)
    assert drift is not None
    assert drift.alarm == 4
    over = follow_drift([good] * 4 + [bad] + [good] * 60)
    assert over is not None
    assert over.alarm is None


def test_one_case_that_flips_once_rings_nothing_where_no_case_ever_varied() -> None:
    good = {case: Tally(5, 5) for case in range(100)}
    flipped = good | {0: Tally(5, 4)}
    drift = follow_drift([good, good, good, flipped, good])
    assert drift is not None
    assert all(step.cusum < ALARM for step in drift.steps)


@given(
    st.lists(
        st.dictionaries(st.integers(0, 6), st.integers(0, 4).flatmap(lambda n: st.builds(
            Tally, st.just(n), st.integers(0, n)))), min_size=5, max_size=9)
)  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_any_runs_have_a_step_each(runs: list[dict[int, Tally]]) -> None:
    drift = follow_drift(runs)
    assert drift is not None
    assert len(drift.steps) == len(runs) - 3
    assert all(step.cusum >= 0 for step in drift.steps)


@pytest.mark.parametrize(
    ("cases", "published"),
    [(50, (2.8, 3.8, 4.8, 5.9)), (100, (2.0, 2.7, 3.6, 4.3)), (200, (1.4, 2.0, 2.5, 3.0))],
)
def test_optimism_is_as_published(cases: int, published: tuple[float, ...]) -> None:
    for tried, points in zip((3, 5, 10, 20), published, strict=True):
        assert 100 * estimate_optimism(tried, cases) == pytest.approx(points, abs=0.25)
    assert estimate_optimism(1, cases) == pytest.approx(0, abs=1e-12)
    with pytest.raises(ValueError, match="at least one"):
        estimate_optimism(0, cases)


def test_optimism_is_what_the_best_of_equal_prompts_gains() -> None:
    """Prompts of accuracy .75 that share .75 of the cases' difficulty; ICC .5, three repeats (simulation)."""
    source, cases, tried = random.Random(3), 100, 10
    gains = []
    for _ in range(120):
        shared = [source.betavariate(0.75, 0.25) for _ in range(cases)]
        looks = []
        for _ in range(tried):
            own = [c if source.random() < 0.75 else source.betavariate(0.75, 0.25) for c in shared]
            looks.append(mean(sum(source.random() < c for _ in range(3)) / 3 for c in own))
        gains.append(max(looks) - mean(looks))
    assert mean(gains) == pytest.approx(estimate_optimism(tried, cases), abs=0.006)

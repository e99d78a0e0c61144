"""Measured through the runner itself: looks err no more than allowed, and save what was promised.

FTGATE_SIMULATION_RUNS (default 200) scales the number of runs, as for the verdicts.
"""

from __future__ import annotations

from functools import cache
from statistics import mean

import numpy as np
import pytest
from looks_world import Outcome, draw_world, run_drawn, run_world, share_used
from published import BASE
from scipy.special import betaincinv

from pytest_ftgate.simulation.experiment import Size
from pytest_ftgate.simulation.study import Study

pytestmark = pytest.mark.slow


ALPHA = 0.05

# STATISTICS section 5, 4 looks, k=3, ICC .5: true accuracy → (% passed, % of cases used).
SPECIFIED = {
    (50, 3): {0.90: (None, 88), 0.95: (None, 72)},
    (100, 3): {0.85: (40, 94), 0.90: (94, 72), 0.95: (100, 54)},
}


@cache
def measure(rates: tuple[float, ...], size: Size, runs: int) -> list[Outcome]:
    return run_world(str(rates), rates, size, runs)


def lower_bound(hits: int, runs: int) -> float:
    """One-sided 99 % lower limit (Clopper & Pearson, 1934)."""
    return 0.0 if hits == 0 else float(betaincinv(hits, runs - hits + 1, 0.01))


@pytest.mark.parametrize("size", [(50, 3), (100, 1)], ids=["50x3", "100x1"])
def test_at_the_bar_an_arm_is_proven_no_more_often_than_alpha(size: Size) -> None:
    outcomes = measure((0.8,), size, BASE)
    assert lower_bound(sum(o.decision == "bar_met" for o in outcomes), len(outcomes)) <= ALPHA


def test_several_arms_at_the_bar_together_err_no_more_often_than_alpha() -> None:
    """`as_is` is far below; each of the others is tested at alpha / M at each look."""
    outcomes = measure((0.4, 0.8, 0.8), (50, 3), max(50, BASE // 4))
    wrong = sum(o.decision == "improve_prompt" for o in outcomes)
    assert lower_bound(wrong, len(outcomes)) <= ALPHA


@pytest.mark.parametrize(
    ("size", "rate"), [(size, rate) for size, rates in SPECIFIED.items() for rate in rates]
)
def test_calls_saved_are_those_of_the_specification(size: Size, rate: float) -> None:
    outcomes = measure((rate,), size, max(50, BASE // 4))
    passed, used = SPECIFIED[size][rate]
    found = [share_used(outcome) for outcome in outcomes]
    assert 100 * mean(found) == pytest.approx(used, abs=2 + 300 * np.std(found) / len(found) ** 0.5)
    if passed is not None:
        share = mean(o.decision == "bar_met" for o in outcomes)
        noise = 3 * (max(passed / 100 * (1 - passed / 100), 0.005) / len(outcomes)) ** 0.5
        assert share == pytest.approx(passed / 100, abs=0.02 + noise)


def test_what_is_said_to_be_saved_is_saved() -> None:
    for outcome in measure((0.95,), (50, 3), max(50, BASE // 4)):
        arm = outcome.summary.arms[0]
        assert arm.looks is not None
        assert arm.looks.trials_left_out == 150 - len(outcome.asked)
        assert arm.looks.is_stopped == (len(outcome.asked) < 150)
        assert outcome.summary.missing == 0
        if arm.looks.is_stopped:
            assert outcome.decision == "bar_met"


def test_no_arm_is_stopped_for_failing() -> None:
    outcomes = measure((0.5,), (50, 3), 20)
    assert {share_used(outcome) for outcome in outcomes} == {1.0}


@pytest.mark.parametrize("rate", [0.8, 0.9])
def test_the_interval_shown_covers_the_truth(rate: float) -> None:
    outcomes = measure((rate,), (50, 3), BASE if rate == 0.8 else max(50, BASE // 4))
    rates = [outcome.summary.arms[0].accuracy for outcome in outcomes]
    missed = sum(not (r.low <= rate <= r.high) for r in rates if r is not None)
    assert lower_bound(missed, len(rates)) <= 0.05


def test_a_false_call_for_tuning_is_no_likelier_with_looks() -> None:
    """An arm exactly at the bar, the others below it, every failure one pattern: only that arm protects."""
    runs = max(30, BASE // 5)
    found = [run_drawn("at-bar-case", (50, 3), number).decision for number in range(runs)]
    assert lower_bound(found.count("fine_tune_justified"), runs) <= ALPHA


def test_the_runner_comes_to_the_verdict_of_the_simulator() -> None:
    """Suspects included: at 2 repeats most verdicts hang on their further repeats."""
    asked = 0
    for number in range(8):
        outcome = run_drawn("tunable", (50, 2), number, looks=1)
        world, setting, trials = draw_world("tunable", (50, 2), number)
        assert outcome.decision == Study(world, setting).judge(trials).judgement.verdict.decision
        further = {key for key in outcome.asked if key.repeat > 2}
        assert len(further) >= outcome.summary.further_trials
        assert all(arm.accuracy is not None and arm.accuracy.graded == 100 for arm in outcome.summary.arms)
        asked += bool(further)
    assert asked >= 3

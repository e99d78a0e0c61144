"""The negative control: nothing is found in shuffled grades, and a search that is too free is caught."""

from __future__ import annotations

import random
from dataclasses import replace
from statistics import mean

import pytest
from pattern_world import make_plan, make_records

from pytest_ftgate.model.evalset import DecisionSpec
from pytest_ftgate.model.pattern import PatternControl
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.run import RunFacts
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.patterns.control import run_control
from pytest_ftgate.patterns.survey import Survey, build_survey
from pytest_ftgate.statistics.pattern_statistics import PATTERN_STATISTICS, ArmRates
from pytest_ftgate.statistics.summarise import summarise

ARMS = ("as_is", "few_shot", "structured")


def survey_of(plan: Plan, records: list[Record]) -> Survey:
    survey = build_survey(plan, records, summarise(plan, records, RunFacts()), PATTERN_STATISTICS)
    assert survey is not None
    return survey


def control(plan: Plan, records: list[Record]) -> PatternControl:
    found = run_control(survey_of(plan, records))
    assert found is not None
    return found


def one_in_five(seed: int, cases: int = 60, **more: object) -> tuple[Plan, list[Record]]:
    """A real pattern of 1 in 5 trials, and as many other failures."""
    rng, plan = random.Random(seed), make_plan(ARMS, cases, 3, **more)  # type: ignore[arg-type]

    def outcome(_arm: str, _case: int, _repeat: int) -> str | None:
        draw = rng.random()
        return "format:fenced" if draw < 0.2 else f"value:/f{rng.randrange(30)}" if draw < 0.35 else None

    return plan, make_records(plan, outcome)


def test_a_real_pattern_is_not_found_again_in_shuffled_grades() -> None:
    plan, records = one_in_five(1)
    found = control(plan, records)
    assert (found.shuffles, found.holds) == (100, True)
    assert found.found <= 2
    # As many names as keep each of them at the floor of 5 % under the best arm.
    survey = survey_of(plan, records)
    failing = 1 - max(a.accuracy.value for a in summarise(plan, records, RunFacts()).arms if a.accuracy)  # type: ignore[type-var,operator]
    assert found.names == -int(-failing // survey.decision.floor)


def test_the_same_records_give_the_same_control_in_any_order() -> None:
    plan, records = one_in_five(2)
    shuffled = random.Random(0).sample(records, len(records))
    assert control(plan, records) == control(plan, shuffled)


def test_another_seed_shuffles_otherwise() -> None:
    def finds(seed: int) -> list[int]:
        return [
            control(*one_in_five(number, decision=DecisionSpec(seed=seed, alpha_fine_tune=0.5))).found
            for number in range(4)
        ]

    assert finds(0) != finds(1)


def test_a_search_that_proves_too_much_fails_the_control() -> None:
    """At alpha_fine_tune .5 some name at the floor looks like a pattern in most shuffles."""
    rng, plan = random.Random(3), make_plan(ARMS, 100, 3, decision=DecisionSpec(alpha_fine_tune=0.5))
    bound = [rng.random() < 0.3 for _ in range(100)]
    found = control(plan, make_records(plan, lambda arm, i, r: "format:fenced" if bound[i] else None))
    assert found.found > 12
    assert found.p < 0.01
    assert not found.holds


def test_a_search_that_counts_repeats_as_cases_fails_the_control(monkeypatch: pytest.MonkeyPatch) -> None:
    """The classic mistake: each repeat as an independent case, where all of a case's repeats fail alike."""
    rng = random.Random(4)
    plan = make_plan(ARMS, 60, 10)
    bound = [rng.random() < 0.4 for _ in range(60)]
    records = make_records(plan, lambda arm, i, r: f"value:/f{i % 7}" if bound[i] else None)
    sound = control(plan, records)
    from pytest_ftgate.statistics import intervals

    monkeypatch.setattr(intervals, "effective_size", lambda cases, total, squares, repeats: cases * repeats)
    careless = control(plan, records)
    assert sound.holds
    assert sound.found < 5
    assert not careless.holds


def test_with_one_repeat_the_control_is_no_formality() -> None:
    """Recurrence cannot be seen in it: names are taken to recur, else nothing could ever be found."""
    rng, plan = random.Random(8), make_plan(ARMS, 100, 1, decision=DecisionSpec(alpha_fine_tune=0.5))
    bound = [rng.random() < 0.3 for _ in range(100)]
    records = make_records(plan, lambda arm, i, r: "format:fenced" if bound[i] else None)
    assert not control(plan, records).holds
    strict = replace(plan, evalset=replace(plan.evalset, decision=DecisionSpec()))
    assert control(strict, records).holds


@pytest.mark.parametrize(("cases", "alpha", "floor"), [(20, 0.9, 0.02), (60, 0.5, 0.05), (60, 0.04, 0.0)])
def test_what_is_left_out_as_hopeless_would_not_have_been_found(
    cases: int, alpha: float, floor: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision = DecisionSpec(alpha_fine_tune=alpha, floor=floor)
    drawn = [one_in_five(seed, cases, decision=decision) for seed in range(4)]
    quick = [control(*one) for one in drawn]
    monkeypatch.setattr("pytest_ftgate.patterns.control._is_shown", lambda *_: True)
    monkeypatch.setattr(ArmRates, "find_least_above", lambda *_: 0.0)
    assert [control(*one) for one in drawn] == quick
    assert sum(one.found for one in quick) > 4


def test_cases_of_a_group_draw_together() -> None:
    """Two large groups: whatever they draw, no name is hit by enough clusters to be shown."""
    rng = random.Random(5)
    plan = make_plan(ARMS, 60, 3, groups=lambda i: f"g{i % 2}")
    records = make_records(plan, lambda arm, i, r: "format:fenced" if rng.random() < 0.3 else None)
    assert control(plan, records).found == 0


def test_no_failure_no_control() -> None:
    plan = make_plan(ARMS, 20, 3)
    assert run_control(survey_of(plan, make_records(plan, lambda arm, i, r: None))) is None


def test_a_plain_shuffle_of_the_grades_would_be_no_control() -> None:
    """Grades shuffled over the trials of each arm leave every rate as it was: the pattern is found again."""
    from pattern_world import confirmed

    rng, found = random.Random(6), 0
    for seed in range(10):
        plan, records = one_in_five(seed, 100)
        by_arm = {arm: [r for r in records if r.key.arm == arm] for arm in ARMS}
        shuffled = []
        for own in by_arm.values():
            given = rng.sample(own, len(own))
            shuffled += [replace(g, key=r.key) for r, g in zip(own, given, strict=True)]
        found += "format:fenced" in confirmed(plan, shuffled)
    assert found >= 9


@pytest.mark.slow
@pytest.mark.parametrize("form", ["stochastic", "case-bound"])
def test_it_finds_something_in_fewer_shuffles_than_promised(form: str) -> None:
    found = []
    for seed in range(25):
        rng = random.Random(seed)
        plan = make_plan(ARMS, 100, 5)
        bound = [rng.random() < 0.3 for _ in range(100)]
        fails = {(arm, i, r): rng.random() < 0.3 for arm in ARMS for i in range(100) for r in range(5)}
        if form == "case-bound":
            fails = {key: bound[key[1]] for key in fails}
        records = make_records(plan, lambda *key, fails=fails: "format:fenced" if fails[key] else None)  # type: ignore[misc]
        found.append(control(plan, records).found)
    assert mean(found) < 5
    assert max(found) <= 12

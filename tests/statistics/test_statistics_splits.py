"""`split: dev`: what dev chooses, what judges, and with which error."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from statistics_world import arm, failed, make_plan, passed

from pytest_ftgate.decision.claims import is_proven_at_bar
from pytest_ftgate.model.evalset import Case
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.run import RunFacts
from pytest_ftgate.model.summary import Summary
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.pipeline import find_chosen_proven
from pytest_ftgate.statistics.splits import keep_judging
from pytest_ftgate.statistics.summarise import summarise

ARMS = (arm("as_is"), arm("few_shot"), arm("rewritten"), arm("context", question=2))


def cases_of(dev: int, holdout: int, unmarked: int = 0) -> tuple[Case, ...]:
    marks = ["dev"] * dev + ["holdout"] * holdout + [None] * unmarked
    return tuple(Case(id=f"c{i:03}", split=mark) for i, mark in enumerate(marks))  # type: ignore[arg-type]


def plan_of(*cases: Case, arms: Any = ARMS, m: int = 2) -> Plan:
    return replace(make_plan(cases, arms, repeats=1), multiplicity=m)


def answer(plan: Plan, shares: dict[str, tuple[float, float]]) -> list[Record]:
    """Of each arm that share of dev and of the others passes: its first cases."""
    records = []
    for name, (on_dev, elsewhere) in shares.items():
        for cases, share in (
            ([case for case in plan.evalset.cases if not case.judges], on_dev),
            (plan.evalset.judging_cases, elsewhere),
        ):
            for place, case in enumerate(cases):
                is_right = place < round(share * len(cases))
                records.append((passed if is_right else failed)(case.id, name, 1))
    return records


def summary_of(plan: Plan, shares: dict[str, tuple[float, float]], **facts: Any) -> Summary:
    return summarise(plan, answer(plan, shares), RunFacts(**facts))


def proven(summary: Summary) -> list[str]:
    return [each.arm for each in summary.arms if is_proven_at_bar(each, summary.bar)]


def test_the_best_of_each_question_on_dev_is_chosen_and_judged_elsewhere() -> None:
    summary = summary_of(
        plan_of(*cases_of(20, 100)),
        {"as_is": (1.0, 0.5), "few_shot": (0.6, 1.0), "rewritten": (0.8, 0.95), "context": (0.3, 0.97)},
    )
    assert summary.split is not None
    assert (summary.split.dev, summary.split.holdout, summary.split.shown) == (20, 100, "holdout")
    assert summary.split.chosen == ("rewritten", "context")
    assert [each.is_chosen for each in summary.arms] == [None, False, True, True]
    assert [each.dev_accuracy.value for each in summary.arms if each.dev_accuracy] == [1.0, 0.6, 0.8, 0.3]
    assert summary.arms[1].accuracy is not None
    assert (summary.arms[1].accuracy.value, summary.arms[1].accuracy.cases) == (1.0, 100)
    assert summary.judged_cases == 100
    assert proven(summary) == ["rewritten", "context"], "few_shot is perfect on holdout, but was not chosen"


def test_equal_arms_leave_the_choice_to_the_ladder() -> None:
    shares = {"as_is": (0.5, 0.5), "few_shot": (0.9, 0.9), "rewritten": (0.9, 0.9)}
    split = summary_of(plan_of(*cases_of(20, 100)), shares).split
    assert split is not None
    assert split.chosen == ("few_shot",)


def test_a_case_without_a_split_judges() -> None:
    summary = summary_of(plan_of(*cases_of(10, 20, unmarked=30)), {"as_is": (0.0, 1.0)})
    assert summary.judged_cases == 50


def test_without_dev_nothing_is_split() -> None:
    plan = plan_of(*cases_of(0, 50), m=4)
    summary = summary_of(plan, {"as_is": (0, 0.5), "few_shot": (0, 1.0)})
    assert summary.split is None
    assert {each.is_chosen for each in summary.arms} == {None}
    assert keep_judging(plan.evalset, records := answer(plan, {"as_is": (0, 1.0)})) is records


def test_a_selection_of_dev_alone_shows_dev_and_a_whole_run_never_does() -> None:
    plan = plan_of(*cases_of(20, 100))
    only_dev = [record for record in answer(plan, {"as_is": (0.7, 1.0)}) if record.key.case < "c020"]
    shown = summarise(plan, only_dev, RunFacts(partial=True, selected=20, total=120))
    assert shown.split is not None
    assert shown.split.shown == "dev"
    assert shown.arms[0].accuracy is not None
    assert shown.arms[0].accuracy.value == pytest.approx(0.7)
    whole = summarise(plan, only_dev, RunFacts())
    assert whole.judged_cases == 0, "answers that are missing do not make dev judge"


def test_all_cases_in_dev_judge_nothing() -> None:
    summary = summary_of(plan_of(*cases_of(30, 0)), {"as_is": (1.0, 0), "few_shot": (1.0, 0)})
    assert summary.judged_cases == 0
    assert proven(summary) == []


def test_money_and_unanswered_trials_of_dev_count() -> None:
    plan = plan_of(*cases_of(1, 1))
    records = [passed("c000", "as_is", 1, cost_usd=0.5), passed("c001", "as_is", 1, cost_usd=0.25)]
    one = summarise(plan, records, RunFacts()).arms[0]
    assert one.cost_usd == 0.75


def test_what_would_decide_is_not_answered_by_an_arm_that_was_passed_over() -> None:
    plan = plan_of(*cases_of(20, 60))
    shares = {"as_is": (0.5, 0.75), "few_shot": (0.5, 1.0), "rewritten": (0.9, 0.82)}
    assert summary_of(plan, shares).cases_needed is not None
    below = {**shares, "rewritten": (0.9, 0.75)}
    assert summary_of(plan, below).cases_needed is None, "few_shot is not below, and cannot be proven"


def test_before_question_2_the_chosen_prompt_ends_the_ladder_where_it_is_proven() -> None:
    plan = plan_of(*cases_of(20, 100))
    good = {"as_is": (0.5, 0.5), "few_shot": (0.6, 1.0), "rewritten": (0.8, 0.95)}
    assert find_chosen_proven(plan, answer(plan, good)) == "rewritten"
    assert find_chosen_proven(plan, answer(plan, {**good, "rewritten": (0.8, 0.82)})) is None
    unsplit = plan_of(*cases_of(0, 100))
    assert find_chosen_proven(unsplit, answer(unsplit, good)) is None


# -- the error rates ------------------------------------------------------------------------------

BAR, ALPHA = 0.8, 0.05


def draw(source: random.Random, cases: tuple[Case, ...], truths: dict[str, float]) -> list[Record]:
    """One repeat of every case. How hard a case is, its arms share: they agree on three of four cases."""
    records = []
    for case in cases:
        hard = source.random()
        for name, truth in truths.items():
            level = hard if source.random() < 0.75 else source.random()
            records.append((passed if level < truth else failed)(case.id, name, 1))
    return records


def count_proven(
    truths: dict[str, float], *, dev: int, holdout: int, runs: int, seed: int, corrected: bool = True
) -> tuple[int, float]:
    """(evalsets in which some arm but as_is is called proven, mean optimism of the arm that looks best).

    Optimism is what the best arm's shown accuracy has over its truth.
    """
    source, cases = random.Random(seed), cases_of(dev, holdout)
    arms = tuple(arm(name) for name in truths)
    others = len(truths) - 1
    plan = plan_of(*cases, arms=arms, m=1 if dev or not corrected else len(arms))
    found, gains = 0, 0.0
    for _ in range(runs):
        summary = summarise(plan, draw(source, cases, truths), RunFacts())
        found += any(name != "as_is" for name in proven(summary))
        judged = [each for each in summary.arms[1:] if each.accuracy_test is not None]
        best = next((each for each in judged if each.is_chosen), None) or max(
            judged, key=lambda each: each.accuracy_test.value if each.accuracy_test else 0
        )
        assert best.accuracy_test is not None
        gains += best.accuracy_test.value - truths[best.arm]
    assert others >= 1
    return found, gains / runs


DRAWS = {"as_is": 0.7, **{f"few_shot[{draw}]": BAR for draw in range(1, 7)}}
"""Six draws of examples, all exactly at the bar: none is better than another."""


def test_the_best_of_six_draws_is_an_accident_that_holdout_does_not_repeat() -> None:
    """120 evalsets of 100 cases: all judging corrected and not, and 50 choosing for 50.

    With 2,000 evalsets: uncorrected 16.1 %, corrected 2.7 %, split 4.4 %; the best draw looks 3.3 points
    better than it is on the cases it was chosen by, and 0.1 on holdout.
    """
    runs = 120
    naive, _ = count_proven(DRAWS, dev=0, holdout=100, runs=runs, seed=1, corrected=False)
    corrected, gain = count_proven(DRAWS, dev=0, holdout=100, runs=runs, seed=1)
    split, fresh = count_proven(DRAWS, dev=50, holdout=50, runs=runs, seed=1)
    limit = 0.10 * runs  # a true 5 % is above it in 1 of 100 such simulations
    assert naive > limit
    assert corrected <= limit
    assert split <= limit
    assert gain > 0.02
    assert abs(fresh) < 0.02


def test_all_cases_judging_finds_a_good_prompt_more_often_than_a_half_split() -> None:
    """With 1,000 evalsets .64 against .47 (one repeat; best .90, others .85): a split is no default."""
    truths = {"as_is": 0.7, "a": 0.85, "b": 0.85, "c": 0.85, "d": 0.9}
    runs = 120
    whole, _ = count_proven(truths, dev=0, holdout=100, runs=runs, seed=2)
    split, _ = count_proven(truths, dev=50, holdout=50, runs=runs, seed=2)
    assert whole > split + 0.05 * runs
    assert split > 0.2 * runs

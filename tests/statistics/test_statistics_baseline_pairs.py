"""Two runs over the same cases: which are the same, differences, flips, drift of form and patterns."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from math import exp, lgamma, sqrt
from statistics import fmean
from typing import Any

import pytest
from baseline_world import build_arm, build_baseline, outcome
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from pytest_ftgate.model.baseline import Baseline, BaselineCase
from pytest_ftgate.model.comparison import BaselinePair
from pytest_ftgate.model.evalset import GateSpec
from pytest_ftgate.model.summary import CaseTally
from pytest_ftgate.statistics.baseline_arms import summarise_baseline
from pytest_ftgate.statistics.baseline_pairs import ArmChoice, compare_baselines
from pytest_ftgate.statistics.case_matching import match_cases
from pytest_ftgate.statistics.role_pairs import find_collapsed


def compare(now: Baseline, before: Baseline) -> BaselinePair:
    (pair,) = compare_baselines(now, before)
    return pair


def by_hand(differences: list[float]) -> tuple[float, float, float]:
    """Bonett & Price (2012) carried over to case means: +1 and -1 as pseudo-cases, in the variance only."""
    mean, count = fmean(differences), len(differences)
    error = sqrt((sum((d - mean) ** 2 for d in differences) + 2) / ((count + 1) * (count + 2)))
    margin = student.ppf(0.95, count - 1) * error
    return mean, mean - margin, mean + margin


def test_difference_flips_and_collapse_agree_with_the_formula_by_hand() -> None:
    rng = random.Random(5)
    before = {f"c{n:02d}": (rng.choice((0, 2, 5)), 5) for n in range(60)}
    now = {case: (rng.choice((0, 3, 5)), 5) for case in before}
    found = compare(build_baseline(now), build_baseline(before))
    assert found.pair is not None
    differences = [(now[case][0] - before[case][0]) / 5 for case in before]
    assert (found.pair.difference, found.pair.lower, found.pair.upper) == pytest.approx(by_hand(differences))
    assert found.pair.fixed == tuple(c for c in sorted(now) if now[c][0] > 2 >= before[c][0])
    assert found.pair.broken == tuple(c for c in sorted(now) if before[c][0] > 2 >= now[c][0])
    assert found.pair.collapsed == tuple(c for c in sorted(now) if (before[c][0], now[c][0]) == (5, 0))
    assert found.pair.own_accuracy == pytest.approx(fmean(passed / 5 for passed, _ in now.values()))
    assert {flip.case for flip in found.flips} == {*found.pair.fixed, *found.pair.broken}
    flip = next(flip for flip in found.flips if flip.way == "broken")
    assert (flip.before, flip.now) == (f"a-{flip.case}", f"a-{flip.case}")


def test_cases_of_one_group_are_one_cluster() -> None:
    cases = [f"c{n:02d}" for n in range(40)]
    before = dict.fromkeys(cases, (5, 5))
    now = {case: (0, 5) if n < 8 else (5, 5) for n, case in enumerate(cases)}
    alone = compare(build_baseline(now), build_baseline(before))
    groups = {case: f"g{n // 8}" for n, case in enumerate(cases)}
    # The groups of the later run count: the earlier one need not have known any.
    grouped = compare(build_baseline(now, groups=groups), build_baseline(before))
    assert alone.pair is not None
    assert grouped.pair is not None
    assert alone.pair.difference == grouped.pair.difference == pytest.approx(-0.2)
    assert alone.pair.upper < 0 < grouped.pair.upper, "eight cases of one document are one piece of evidence"


def test_each_obstacle_has_its_reason() -> None:
    stay = ("same", "edited", "regraded", "lost", "silent")
    before = build_baseline(dict.fromkeys((*stay, "gone", "old-name"), (5, 5)))
    now = build_baseline(dict.fromkeys((*stay, "new", "new-name"), (5, 5)))
    cases: dict[str, BaselineCase] = dict(now.cases)
    cases["new-name"] = replace(cases["new-name"], hash="h-old-name")
    cases["edited"] = replace(cases["edited"], hash="h-other")
    cases["regraded"] = replace(cases["regraded"], graders="other")
    outcomes = {**now.arms[0].cases, "silent": outcome(0, 0)}
    del outcomes["lost"]
    now = replace(now, cases=cases, arms=(build_arm(outcomes),))
    earlier = {**before.arms[0].cases, "same": outcome(2, 5)}
    found = compare(now, replace(before, arms=(build_arm(earlier),)))
    assert {(left.case, left.why) for left in found.not_comparable} == {
        ("gone", "gone"), ("new", "new"), ("edited", "changed"), ("regraded", "graders"),
        ("lost", "not_judged_now"), ("silent", "not_judged_now"),
    }  # fmt: skip
    assert found.pair is not None
    assert found.pair.cases == 2
    assert found.pair.fixed == ("same",)
    assert "old-name" not in {left.case for left in found.not_comparable}
    back = compare(before, now)
    assert ("lost", "not_judged_before") in {(left.case, left.why) for left in back.not_comparable}


@pytest.mark.parametrize(
    ("change", "why"),
    [({"params": {"temperature": 0.2}}, "params"), ({}, "graders")],
)
def test_other_params_and_another_release_leave_nothing_to_compare(change: dict[str, Any], why: str) -> None:
    before = build_baseline({"a": (5, 5), "b": (0, 5)})
    now = replace(before, arms=(replace(before.arms[0], **change),))
    if why == "graders":
        now = replace(now, graded_by="0.2")
    found = compare(now, before)
    assert found.pair is None
    assert {left.why for left in found.not_comparable} == {why}
    assert len(found.not_comparable) == 2


def test_prompt_model_and_arm_may_differ_and_are_named() -> None:
    before = build_baseline({"a": (5, 5), "b": (0, 5)})
    arm = replace(before.arms[0], model="other", prompt="p2", repeats=3)
    found = compare(replace(before, arms=(arm,)), before)
    assert found.changes == (
        "the prompt was changed", "model: m then, other now", "repeats: 5 then, 3 now",
    )  # fmt: skip
    print_then, print_now = (replace(before.arms[0], fingerprints=(name,)) for name in ("fp1", "fp2"))
    found = compare(replace(before, arms=(print_now,)), replace(before, arms=(print_then,)))
    assert "system_fingerprint" in found.changes[0]
    few_shot = replace(before.arms[0], arm="few_shot", kind="few_shot")
    both = replace(before, arms=(*before.arms, few_shot))
    assert [pair.arm for pair in compare_baselines(both, before)] == ["as_is"]
    gated = replace(both, gates=(GateSpec(name="no_regression", arm="few_shot"),))
    assert [(p.arm, p.against_arm) for p in compare_baselines(gated, before)] == [
        ("as_is", "as_is"), ("few_shot", "as_is"),
    ]  # fmt: skip
    (chosen,) = compare_baselines(both, both, [ArmChoice("few_shot", "candidate", "as_is")])
    assert chosen.changes == ("arm: as_is then, few_shot now",)


def test_patterns_are_new_gone_or_proven_to_have_grown() -> None:
    cases = [f"c{n:02d}" for n in range(60)]
    before = {c: outcome(5, 5) for c in cases}
    now = dict(before)
    before["c00"] = outcome(0, 5, "label:out_of_taxonomy:x")
    before["c01"], now["c01"] = outcome(4, 5, "value:text"), outcome(3, 5, "value:text")
    before["c02"] = outcome(4, 5, "schema:required:/a")
    for case in cases[2:42]:
        now[case] = outcome(0, 5, "schema:required:/a")
    now["c50"] = outcome(4, 5, "empty:blank")
    bases = [build_baseline(dict.fromkeys(cases, (5, 5))) for _ in range(2)]
    arms = [build_arm(outcomes, has_form=True) for outcomes in (now, before)]
    found = compare(*(replace(base, arms=(arm,)) for base, arm in zip(bases, arms, strict=True)))
    told = {(drift.signature, drift.way, drift.is_proven) for drift in found.patterns}
    assert told == {
        ("schema:required:/a", "grown", True),
        ("empty:blank", "new", False),
        ("label:out_of_taxonomy:x", "gone", False),
    }, "one trial more of five is no growth"
    assert found.form is not None
    forms = ("schema:required:/a", "empty:blank")
    malformed = [sum(now[c].failures.get(name, 0) for name in forms) / 5 for c in cases]
    earlier = [before[c].failures.get("schema:required:/a", 0) / 5 for c in cases]
    differences = [a - b for a, b in zip(malformed, earlier, strict=True)]
    assert (found.form.difference, found.form.lower, found.form.upper) == pytest.approx(by_hand(differences))
    assert (found.form.before, found.form.now) == pytest.approx((fmean(earlier), fmean(malformed)))


def test_a_thousand_signatures_are_bounded_and_counted() -> None:
    cases = [f"c{n:04d}" for n in range(1000)]
    before = build_baseline(dict.fromkeys(cases, (1, 1)))
    outcomes = {case: outcome(0, 1, f"label:out_of_taxonomy:{case}") for case in cases}
    found = compare(replace(before, arms=(build_arm(outcomes),)), before)
    assert len(found.patterns) + found.patterns_left_out == 1000
    assert len(found.patterns) <= 30
    assert len([flip for flip in found.flips if flip.way == "broken"]) == 100
    assert found.pair is not None
    assert len(found.pair.broken) == 1000


def test_collapse_leaves_out_cases_with_too_few_trials_and_says_so() -> None:
    before, now = build_baseline({"a": (5, 5), "b": (4, 4)}), build_baseline({"a": (0, 5), "b": (0, 5)})
    pair = compare(now, before).pair
    assert pair is not None
    assert (pair.collapsed, pair.unassessed) == (("a",), 1)
    pair = compare(build_baseline({"a": (0, 3)}), build_baseline({"a": (3, 3)})).pair
    assert pair is not None
    assert (pair.collapsed, pair.unassessed) == (None, 1)


ids = st.sampled_from("abcdef")


@given(st.dictionaries(ids, ids, max_size=6), st.dictionaries(ids, ids, max_size=6))
def test_matching_pairs_equal_cases_once_and_accounts_for_every_other(
    now: dict[str, str], before: dict[str, str]
) -> None:
    """Keys are ids, values what is asked."""
    runs = [
        replace(base, cases={name: replace(base.cases[name], hash=asked) for name, asked in run.items()})
        for run in (now, before)
        for base in (build_baseline(dict.fromkeys(run, (1, 1))),)
    ]
    same, rest = match_cases(*runs)
    assert all(now[own] == before[other] for own, other in same.items())
    assert max(Counter(same.values()).values(), default=1) == 1
    assert all(same.get(name) == name for name in now if before.get(name) == now[name])
    told = Counter(left.case for left in rest)
    assert {name for name in now if name not in same} == {left.case for left in rest if left.why != "gone"}
    assert max(told.values(), default=1) == 1


def test_saved_counts_give_the_rates_of_a_summary() -> None:
    summary = summarise_baseline(build_baseline({"a": (5, 5), "b": (0, 5), "c": (3, 5)}))
    arm = summary.arm("as_is")
    assert arm is not None
    assert arm.accuracy is not None
    assert (arm.accuracy.value, arm.accuracy.hits, arm.accuracy.graded) == (pytest.approx(8 / 15), 8, 15)
    assert arm.format_failures is None


@pytest.mark.parametrize(
    ("accuracy", "icc", "published"), [(0.85, 0.5, 0.011), (0.7, 0.5, 0.019), (0.5, 0.1, 0.064)]
)
def test_collapse_rings_as_seldom_between_equal_runs_as_the_document_says(
    accuracy: float, icc: float, published: float
) -> None:
    """100 cases x 5, each with its own chance from a beta distribution: exactly, and simulated."""
    strength = (1 - icc) / icc
    a, b = accuracy * strength, (1 - accuracy) * strength
    single = exp(lgamma(a + 5) + lgamma(b + 5) - lgamma(a + b + 10) - lgamma(a) - lgamma(b) + lgamma(a + b))
    exact = 1 - (1 - single) ** 100
    assert exact == pytest.approx(published, abs=0.0006)
    rng, runs, alarms = random.Random(17), 1500, 0
    for _ in range(runs):
        chances = [rng.betavariate(a, b) for _ in range(100)]
        pairs = [
            tuple(CaseTally(case="c", graded=5, passed=sum(rng.random() < p for _ in range(5))) for _ in "ab")
            for p in chances
        ]
        alarms += bool(find_collapsed(pairs))
    assert abs(alarms / runs - exact) < 4 * sqrt(exact / runs)

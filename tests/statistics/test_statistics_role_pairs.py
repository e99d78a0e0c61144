"""The candidate against base and teacher: differences, flips, collapse, tags, ratios."""

from __future__ import annotations

import random
from dataclasses import replace
from math import sqrt
from operator import mul
from statistics import fmean

import pytest
from scipy.stats import binomtest, ttest_1samp
from scipy.stats import t as student
from statistics_world import arm, make_plan, passed

from pytest_ftgate.model.comparison import RolePair
from pytest_ftgate.model.evalset import Case
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.run import RunFacts
from pytest_ftgate.statistics.ratios import solve_fieller
from pytest_ftgate.statistics.summarise import summarise

ROLES = ("candidate", "base")


def compare(
    scores: dict[str, tuple[int, int]], repeats: int, cases: tuple[Case, ...]
) -> tuple[RolePair, ...]:
    """`scores`: case → passes of candidate and base."""
    records: list[Record] = []
    for case, both in scores.items():
        for role, passes in zip(ROLES, both, strict=True):
            for repeat in range(1, repeats + 1):
                record = passed(case, "as_is", repeat, role)
                missed = {"outcome": "failed", "signature": "value:text"}
                records.append(record if repeat <= passes else replace(record, **missed))
    plan = make_plan(cases, (arm("as_is"),), repeats=repeats, roles=ROLES)
    return summarise(plan, records, RunFacts()).role_pairs


def test_the_difference_is_paired_by_case_and_agrees_with_the_formula_by_hand() -> None:
    rng = random.Random(3)
    scores = {f"c{n}": (rng.randint(0, 5), rng.randint(0, 5)) for n in range(40)}
    (pair,) = compare(scores, 5, tuple(Case(id=case) for case in scores))
    differences = [(own - other) / 5 for own, other in scores.values()]
    mean, count = fmean(differences), len(differences)
    # Bonett & Price (2012) carried over to case means: +1 and -1 as pseudo-cases, in the variance only.
    error = sqrt((sum((d - mean) ** 2 for d in differences) + 2) / ((count + 1) * (count + 2)))
    margin = student.ppf(0.95, count - 1) * error
    assert (pair.arm, pair.against, pair.cases) == ("as_is", "base", 40)
    assert pair.difference == pytest.approx(mean)
    assert (pair.lower, pair.upper) == pytest.approx((mean - margin, mean + margin))
    fixed = {case for case, (own, other) in scores.items() if own >= 3 > other}
    broken = {case for case, (own, other) in scores.items() if other >= 3 > own}
    assert (set(pair.fixed), set(pair.broken)) == (fixed, broken)
    assert pair.agreement == pytest.approx(1 - len(fixed | broken) / 40)
    gone = {case for case, both in scores.items() if both == (0, 5)}
    assert set(pair.collapsed or ()) == gone


def test_a_collapse_is_not_assessed_on_fewer_than_five_draws() -> None:
    cases = (Case(id="a"), Case(id="b"))
    assert compare({"a": (0, 4), "b": (4, 4)}, 4, cases)[0].collapsed is None
    assert compare({"a": (0, 5), "b": (5, 5)}, 5, cases)[0].collapsed == ("a",)


def test_tags_with_enough_cases_are_compared_by_themselves() -> None:
    cases = tuple(Case(id=f"c{n}", tags=("eu",) if n < 6 else ("rare",) if n < 9 else ()) for n in range(20))
    scores = {case.id: (0 if "eu" in case.tags else 2, 2) for case in cases}
    (pair,) = compare(scores, 2, cases)
    assert set(pair.tags) == {"eu"}
    assert (pair.tags["eu"].cases, pair.tags["eu"].difference) == (6, -1.0)


def test_cost_and_latency_are_told_as_ratios_where_both_are_known() -> None:
    cases = (Case(id="a"),)
    records = [
        passed("a", "as_is", 1, "candidate", cost_usd=0.01, latency_s=0.5),
        passed("a", "as_is", 1, "base", cost_usd=0.10, latency_s=2.0),
    ]
    plan = make_plan(cases, (arm("as_is"),), repeats=1, roles=ROLES)
    (pair,) = summarise(plan, records, RunFacts()).role_pairs
    assert (pair.cost_ratio, pair.latency_ratio) == pytest.approx((0.1, 0.25))
    bare = [passed("a", "as_is", 1, role) for role in ROLES]
    (pair,) = summarise(plan, bare, RunFacts()).role_pairs
    assert (pair.cost_ratio, pair.latency_ratio) == (None, None)


def test_what_a_right_answer_costs_and_accuracies_by_tag() -> None:
    cases = tuple(Case(id=f"c{n}", tags=("eu",) if n < 8 else ()) for n in range(10))
    records = [
        replace(
            passed(case.id, "as_is", 1, role, cost_usd=cost, latency_s=seconds),
            **({} if number < right else {"outcome": "failed", "signature": "value:text"}),
        )
        for role, cost, seconds, right in (("candidate", 0.01, 0.5, 6), ("base", 0.10, 2.0, 9))
        for number, case in enumerate(cases)
    ]
    plan = make_plan(cases, (arm("as_is"),), repeats=1, roles=ROLES)
    (pair,) = summarise(plan, records, RunFacts()).role_pairs
    assert (pair.own_accuracy, pair.other_accuracy) == pytest.approx((0.6, 0.9))
    # USD a right answer: 0.01 / 0.6 against 0.10 / 0.9
    assert pair.cost_per_right_ratio == pytest.approx((0.01 / 0.6) / (0.10 / 0.9))
    assert pair.latency_p95_ratio == pytest.approx(0.25)
    tag = pair.tags["eu"]
    assert (tag.own_accuracy, tag.other_accuracy, tag.cases) == pytest.approx((6 / 8, 1.0, 8))
    # 7 of 10 agree; one trial a case, so the interval is Clopper and Pearson's.
    exact = binomtest(7, 10).proportion_ci()
    assert pair.agreement == pytest.approx(0.7)
    assert (pair.agreement_low, pair.agreement_high) == pytest.approx((exact.low, exact.high))


def test_a_student_that_is_never_right_has_no_price_of_a_right_answer() -> None:
    cases = (Case(id="a"), Case(id="b"))
    records = [passed(case.id, "as_is", 1, "base", cost_usd=0.1) for case in cases]
    records += [
        replace(passed(case.id, "as_is", 1, cost_usd=0.01), outcome="failed", signature="value:text")
        for case in cases
    ]
    plan = make_plan(cases, (arm("as_is"),), repeats=1, roles=ROLES)
    (pair,) = summarise(plan, records, RunFacts()).role_pairs
    assert pair.cost_ratio == pytest.approx(0.1)
    assert pair.cost_per_right_ratio is None


def test_the_ratio_of_costs_has_fieller_s_interval() -> None:
    """Held against the definition: each end is a ratio that a paired t-test just does not reject."""
    rng = random.Random(4)
    costs = [(rng.uniform(0.5, 1.5), rng.uniform(5, 15)) for _ in range(30)]
    cases = tuple(Case(id=f"c{n}") for n in range(30))
    records = [
        passed(case.id, "as_is", 1, role, cost_usd=usd)
        for case, both in zip(cases, costs, strict=True)
        for role, usd in zip(ROLES, both, strict=True)
    ]
    plan = make_plan(cases, (arm("as_is"),), repeats=1, roles=ROLES)
    (pair,) = summarise(plan, records, RunFacts()).role_pairs
    assert pair.cost_ratio == pytest.approx(sum(own for own, _ in costs) / sum(other for _, other in costs))
    assert pair.cost_ratio_low is not None
    assert pair.cost_ratio_high is not None
    assert pair.cost_ratio_low < pair.cost_ratio < pair.cost_ratio_high
    for end in (pair.cost_ratio_low, pair.cost_ratio_high):
        assert ttest_1samp([own - end * other for own, other in costs], 0).pvalue == pytest.approx(0.05)


def test_the_interval_of_a_ratio_covers_the_truth() -> None:
    rng = random.Random(8)
    missed = 0
    for _ in range(1000):
        pairs = [(rng.expovariate(1), rng.gauss(8, 2)) for _ in range(60)]
        means = fmean(own for own, _ in pairs), fmean(other for _, other in pairs)
        (a, b), n = means, len(pairs)
        sums = [
            fmean(f(x - a, y - b) for x, y in pairs) for f in (lambda x, _: x * x, mul, lambda _, y: y * y)
        ]
        found = solve_fieller(means, [value / (n - 1) for value in sums], quantile=student.ppf(0.975, n - 1))
        assert found is not None
        missed += not found[0] <= 1 / 8 <= found[1]
    # 5 % promised; costs as skewed as these cost a little.
    assert missed <= 75


def test_a_ratio_to_what_may_be_nothing_has_no_bounds() -> None:
    assert solve_fieller((1.0, 0.1), (0.01, 0.0, 0.01), quantile=2.0) is None


def test_nothing_is_compared_where_a_role_has_no_judged_answer() -> None:
    plan = make_plan((Case(id="a"),), (arm("as_is"),), repeats=1, roles=ROLES)
    assert summarise(plan, [passed("a", "as_is", 1)], RunFacts()).role_pairs == ()


@pytest.mark.parametrize(("accuracy", "repeats"), [(0.85, 5), (0.97, 3), (0.6, 1)])
def test_a_model_against_itself_is_seldom_called_worse(accuracy: float, repeats: int) -> None:
    rng = random.Random(11)
    cases = tuple(Case(id=f"c{n}") for n in range(60))
    runs, alarms = 200, 0
    for _ in range(runs):
        skill = {case.id: rng.betavariate(accuracy * 2, (1 - accuracy) * 2) for case in cases}
        scores = {
            case: (
                sum(rng.random() < p for _ in range(repeats)),
                sum(rng.random() < p for _ in range(repeats)),
            )
            for case, p in skill.items()
        }
        alarms += compare(scores, repeats, cases)[0].upper < 0
    # 5 % promised; 200 runs at .05 give more than 19 with probability .003.
    assert alarms <= 19

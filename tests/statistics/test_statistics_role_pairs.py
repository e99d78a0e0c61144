"""The candidate against base and teacher: differences, flips, collapse, tags, ratios."""

from __future__ import annotations

import random
from dataclasses import replace
from math import sqrt
from statistics import fmean

import pytest
from scipy.stats import t as student
from statistics_world import arm, make_plan, passed

from pytest_ftgate.model.comparison import RolePair
from pytest_ftgate.model.evalset import Case
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.run import RunFacts
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

"""What is said to be closest to flipping does flip the verdict, and nothing closer does."""

from __future__ import annotations

import pytest
from decision_world import build_registries, worlds
from flip_world import World, make_worlds, turn
from hypothesis import given, settings

from pytest_ftgate.decision.conditions import (
    BY_HAND,
    compare,
    evaluate,
    join,
    list_leaves,
    list_turns,
    measure_cost,
    measure_distance,
)
from pytest_ftgate.decision.flips import choose_step
from pytest_ftgate.decision.questions import decide
from pytest_ftgate.model.verdict import Condition, Verdict


def judge(world: World) -> Verdict:
    evalset, summary = world
    return decide(evalset, summary, strict=False, evidence=None, registries=build_registries()).verdict


def list_facts(verdict: Verdict) -> dict[str, Condition]:
    return {leaf.name: leaf for step in verdict.steps for leaf in list_leaves(step.condition)}


@settings(max_examples=150, deadline=None)
@given(world=make_worlds())
def test_turning_the_named_conditions_changes_the_verdict_as_told(world):
    verdict = judge(world)
    facts = list_facts(verdict)
    assert verdict.flips
    for flip in verdict.flips:
        turned = world
        for name in flip.conditions:
            turned = turn(turned, name, holds=facts[name].holds)
        after = judge(turned)
        assert after.decision != verdict.decision, flip
        # How an arm that was not run comes out, or a pattern that was not assessed, is known only then.
        if not any(name.startswith(("ran:", "assessed", "repeats")) for name in flip.conditions):
            assert after.decision == flip.decision, flip


@settings(max_examples=100, deadline=None)
@given(world=make_worlds())
def test_no_single_condition_that_is_closer_changes_the_verdict(world):
    verdict = judge(world)
    facts = list_facts(verdict)
    costs = [measure_cost(facts[name]) for name in verdict.flips[0].conditions]
    assert None not in costs
    nearest = max(cost for cost in costs if cost is not None)
    for leaf in facts.values():
        cost = measure_cost(leaf)
        if cost is not None and cost < nearest - 1e-9:
            place = choose_step(verdict.steps, frozenset({leaf.name}))
            now = "inconclusive" if place is None else verdict.steps[place].decision
            assert now == verdict.decision, leaf


@settings(max_examples=100, deadline=None)
@given(world=make_worlds())
def test_leaves_of_one_name_are_one_fact(world):
    verdict = judge(world)
    seen: dict[str, Condition] = {}
    for step in verdict.steps:
        for leaf in list_leaves(step.condition):
            assert seen.setdefault(leaf.name, leaf) == leaf
            assert leaf.text.isascii()


@pytest.mark.parametrize("name", list(worlds()))
def test_every_verdict_is_its_first_step_that_holds_and_says_what_it_hangs_on(name):
    verdict = judge(worlds()[name])
    place = choose_step(verdict.steps)
    assert verdict.decision == ("inconclusive" if place is None else verdict.steps[place].decision)
    assert verdict.closest_condition
    assert verdict.flips[0].text in verdict.closest_condition
    assert f"otherwise: {verdict.flips[0].decision}" in verdict.closest_condition


def test_distance_is_in_standard_errors():
    assert measure_distance(0.05, 0.05) == 0
    assert measure_distance(0.5, 0.05) == pytest.approx(1.6449, abs=1e-4)
    assert measure_distance(0.001, 0.05) == pytest.approx(3.0902 - 1.6449, abs=1e-4)
    assert measure_distance(0.0, 0.05) == pytest.approx(8 - 1.6449, abs=1e-4)
    assert measure_distance(1.0, 0.05) == pytest.approx(8 + 1.6449, abs=1e-4)


def leaf(name: str, holds: bool, distance: float | None = None, remedy: str = "") -> Condition:
    return Condition(name=name, text=name, holds=holds, distance=distance, remedy=remedy)


def test_rules_over_parts_and_what_turns_them():
    near, far, fixed = leaf("near", True, 1.0), leaf("far", True, 2.0), leaf("fixed", True)
    both = join("all", "both", "", (near, far, fixed))
    assert both.holds
    assert list_turns(both, False, frozenset()) == [(1.0, {"near"}), (2.0, {"far"})]
    either = join("any", "either", "", (near, far))
    assert list_turns(either, False, frozenset()) == [(2.0, {"near", "far"})]
    assert list_turns(join("any", "held", "", (near, fixed)), False, frozenset()) == []
    neither = join("none", "neither", "", (near, far))
    assert not neither.holds
    assert list_turns(neither, True, frozenset()) == [(2.0, {"near", "far"})]
    assert evaluate(neither, frozenset({"near", "far"}))
    assert list_turns(neither, False, frozenset()) == [(0.0, frozenset())]
    # Nothing to choose from: an empty `any` cannot be made to hold.
    assert list_turns(join("any", "none there", "", ()), True, frozenset()) == []


def test_what_a_person_can_mend_stands_between_chance_near_and_far():
    assert measure_cost(leaf("run it", False, remedy="run it")) == BY_HAND
    assert measure_cost(leaf("as it is", False)) is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"value": 0.789, "limit": 0.8, "relation": ">=", "unit": "share"}, "x: 78.9 % < 80 %"),
        ({"value": 0.7999, "limit": 0.8, "relation": ">=", "unit": "share"}, "x: 79.99 % < 80 %"),
        ({"value": 0.2, "limit": 0.04, "relation": "<=", "unit": "p"}, "x: p 0.2 > 0.04"),
        (
            {"value": 1234, "limit": 10_000, "relation": "<", "unit": "count", "holds": True},
            "x: 1,234 < 10,000",
        ),
        ({}, "x"),
    ],
)
def test_a_condition_in_words(changes, told):
    arguments = {"value": None, "relation": ">=", "limit": 0.8, "holds": False, **changes}
    assert compare("x", "x", **arguments).text == told

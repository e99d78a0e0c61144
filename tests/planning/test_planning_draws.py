"""Several draws of few-shot examples: dealt without overlap, each an arm of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planning_builders import EXAMPLES, make_arm, make_evalset, make_registries, make_settings, plan, said

from pytest_ftgate.errors import EvalsetError
from pytest_ftgate.model.evalset import ArmSpec, Evalset, name_draw
from pytest_ftgate.model.trial import Draw, Plan
from pytest_ftgate.planning.draws import deal_hand
from pytest_ftgate.planning.faults import find_faults
from pytest_ftgate.planning.plan import build_plan

POOL = tuple({"input": f"solved {number}", "expected": "refund"} for number in range(12))


def drawn(count: int, name: str = "few_shot", **options: Any) -> list[ArmSpec]:
    """The arms that the loader makes of one with `draws`."""
    options = {"examples": POOL, "k": 4, "draws": count, **options}
    base = make_arm(name, kind="few_shot", **options)
    return [replace(base, name=name_draw(name, draw), draw=draw) for draw in range(1, count + 1)]


def shots_of(made: Plan, arm: str) -> list[str]:
    return [text for role, text in said(made, arm) if role == "user"][:-1]


def statuses(made: Plan) -> dict[str, str]:
    return {arm.name: arm.status for arm in made.arms}


@given(pool=st.integers(1, 40), count=st.integers(1, 12), draws=st.integers(1, 12), seed=st.text(max_size=4))
def test_hands_are_dealt_like_cards(pool: int, count: int, draws: int, seed: str) -> None:
    hands = [deal_hand(pool, count, draw=draw, seed=seed) for draw in range(1, draws + 1)]
    size = min(count, pool)
    assert all(len(set(hand)) == len(hand) == size for hand in hands)
    assert all(0 <= place < pool for hand in hands for place in hand)
    apart = pool // size
    seen = [place for hand in hands[:apart] for place in hand]
    assert len(set(seen)) == len(seen), "no example twice while the pool lasts"


def test_more_draws_leave_those_before_them_as_they_are() -> None:
    three, four = plan(make_evalset(*drawn(3))), plan(make_evalset(*drawn(4)))
    for draw in (1, 2, 3):
        name = name_draw("few_shot", draw)
        assert said(three, name) == said(four, name)
    assert len({tuple(shots_of(four, name_draw("few_shot", draw))) for draw in range(1, 5)}) == 4


def test_every_draw_is_an_arm_that_counts_in_m() -> None:
    made = plan(make_evalset(*drawn(3)))
    assert statuses(made) == dict.fromkeys(["as_is", "few_shot[1]", "few_shot[2]", "few_shot[3]"], "run")
    assert made.multiplicity == 4
    draws = {arm.name: arm.draw for arm in made.arms}
    assert draws["as_is"] is None
    for number in (1, 2, 3):
        draw = draws[name_draw("few_shot", number)]
        assert draw is not None
        assert (draw.number, draw.count) == (number, 3)
        shown = [POOL[place - 1]["input"] for place in draw.shots]
        assert [
            text.removeprefix("Text: ") for text in shots_of(made, name_draw("few_shot", number))
        ] == shown
    places = [place for draw in draws.values() if draw for place in draw.shots]
    assert sorted(places) == list(range(1, 13))


def test_the_seed_moves_the_draws() -> None:
    def hands(evalset: Evalset) -> list[Draw | None]:
        return [arm.draw for arm in plan(evalset).arms]

    assert hands(make_evalset(*drawn(2))) == hands(make_evalset(*drawn(2)))
    assert hands(make_evalset(*drawn(2))) != hands(make_evalset(*drawn(2, seed=1)))
    base = make_evalset(*drawn(2))
    assert hands(base) != hands(replace(base, decision=replace(base.decision, seed=1)))


def test_the_name_as_written_selects_all_draws() -> None:
    evalset = make_evalset(*drawn(2), make_arm("reask"))
    assert statuses(plan(evalset, arms=("few_shot",))) == {
        "as_is": "run", "few_shot[1]": "run", "few_shot[2]": "run", "reask": "not_run",
    }  # fmt: skip
    assert statuses(plan(evalset, arms=("few_shot[2]",))) == {
        "as_is": "run", "few_shot[1]": "not_run", "few_shot[2]": "run", "reask": "not_run",
    }  # fmt: skip
    with pytest.raises(EvalsetError, match=r"few_shot\[3\].*Did you mean"):
        plan(evalset, arms=("few_shot[3]",))


def test_the_name_as_written_waives_all_draws() -> None:
    made = plan(make_evalset(*drawn(2), waive={"few_shot": "no examples yet"}))
    assert statuses(made) == {"as_is": "run", "few_shot[1]": "waived", "few_shot[2]": "waived"}
    assert {arm.reason for arm in made.arms if arm.status == "waived"} == {"no examples yet"}
    one = plan(make_evalset(*drawn(2), waive={"few_shot[1]": "too long"}))
    assert statuses(one) == {"as_is": "run", "few_shot[2]": "run", "few_shot[1]": "waived"}


def test_an_arm_borrows_from_one_draw_by_name() -> None:
    arms = drawn(2)
    made = plan(make_evalset(*arms, make_arm("reask", of="few_shot[2]")))
    assert said(made, "reask") == said(made, "few_shot[2]")
    with pytest.raises(EvalsetError, match=r"several draws; choose one of few_shot\[1\], few_shot\[2\]"):
        plan(make_evalset(*arms, make_arm("repair", of="few_shot")))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"select": "fixed"}, "needs `select: random`; fixed takes the same examples every time"),
        ({"select": "nearest"}, "needs `select: random`; nearest chooses anew for every case"),
        ({"examples": POOL[:1]}, "1 example cannot give 2 different draws of 1"),
        ({"examples": ()}, "needs `examples`"),
        ({"examples": ({"input": "where is my money", "expected": "refund"}, *POOL)}, "shots are also cases"),
        ({"examples": ({"input": "x"}, *POOL)}, "has no `expected`"),
    ],
)
def test_what_cannot_be_drawn_is_told_once(options: dict[str, Any], said: str) -> None:
    with pytest.raises(EvalsetError) as caught:
        plan(make_evalset(*drawn(2, **options)))
    (problem,) = caught.value.problems
    assert said in problem[1]
    assert "few_shot[" not in problem[1]


def test_draws_that_share_examples_are_noted() -> None:
    def notes(*arms: ArmSpec) -> list[str]:
        made = build_plan(make_evalset(*arms), make_settings(), make_registries())
        return [finding.what for finding in find_faults(made) if finding.severity == "note"]

    assert notes(*drawn(3)) == []
    assert notes(*drawn(4)) == ["the 4 draws of arm 'few_shot' share examples: its pool has 12"]
    assert notes(make_arm("few_shot", examples=EXAMPLES)) == []


def test_one_draw_is_a_plain_arm_with_a_random_set() -> None:
    made = plan(make_evalset(make_arm("few_shot", examples=POOL, k=4, draws=1)))
    assert statuses(made) == {"as_is": "run", "few_shot": "run"}
    assert shots_of(made, "few_shot") == shots_of(plan(make_evalset(*drawn(2))), "few_shot[1]")
    assert made.arms[1].draw is None

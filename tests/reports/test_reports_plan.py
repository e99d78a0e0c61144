"""The plan of a run as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ftgate.model.estimate import Decidability, Estimate, Need, add_needs
from pytest_ftgate.reports.plan_table import describe_decidability, render_plan


def need(arm: str = "as_is", **more: object) -> Need:
    fields: dict[str, object] = {"role": "candidate", "model": "v/m", "trials": 10, "calls": (10, 10)}
    return Need(arm=arm, **{**fields, **more})  # type: ignore[arg-type]


def decidable(below: float | None, above: float | None, repeats: int = 5) -> Decidability:
    return Decidability(
        cases=50, repeats=repeats, bar=0.8, below=below, above=above, power=0.8, icc=0.5, alpha=0.05
    )


_ranges = st.tuples(st.floats(0, 1e12), st.floats(0, 1e12))


@given(
    arm=st.text(max_size=200),
    path=st.text(max_size=200),
    calls=_ranges,
    tokens=_ranges,
    cost=st.none() | _ranges,
    time=_ranges,
    width=st.integers(40, 80),
)
def test_no_line_is_too_wide_or_unsafe(
    arm: str, path: str, calls: object, tokens: object, cost: object, time: object, width: int
) -> None:
    one = need(arm, calls=calls, prompt_tokens=tokens, cost_usd=cost, duration_s=time)
    made = Estimate(path=path, needs=(one, need()), decidability=decidable(0.5, None), notes=("n" * 90,))
    lines = render_plan([made, made], broken=["b" * 200], near=["n"], width=width)
    assert max(map(len, lines)) <= width
    assert all(line.isprintable() and line.isascii() for line in lines)


def test_one_arm_has_no_sum_and_two_have() -> None:
    one = render_plan([Estimate(path="p", needs=(need(),))], broken=(), near=())
    two = render_plan([Estimate(path="p", needs=(need(), need("few_shot")))], broken=(), near=())
    assert not [line for line in one if line.startswith("  all")]
    assert [line.split()[:3] for line in two if line.startswith("  all")] == [["all", "20", "20"]]


def test_an_unknown_price_makes_the_sum_unknown() -> None:
    assert add_needs((need(cost_usd=(1.0, 2.0)), need(cost_usd=None))).cost_usd is None
    # Nothing is asked of it, so that its price does not matter.
    free = need(cost_usd=None, calls=(0, 0))
    assert add_needs((need(cost_usd=(1.0, 2.0)), free)).cost_usd == (1.0, 2.0)


@pytest.mark.parametrize(
    ("below", "above", "said"),
    [
        (0.7, 0.9, "an accuracy between 70 % and 90 % cannot be told from the bar of 80 %"),
        (None, None, "no accuracy can be told from the bar"),
        (0.5, None, "no accuracy can be proven to reach the bar of 80 %; one of 50 % or less"),
        (None, 0.9, "no accuracy can be proven below the bar of 80 %; one of 90 % or more"),
    ],
)
def test_what_is_decidable_is_said_with_its_assumptions(
    below: float | None, above: float | None, said: str
) -> None:
    text = describe_decidability(decidable(below, above))
    assert said in text
    assert "power 80 %, alpha 0.05, correlation 0.5 between repeats" in text
    assert "correlation" not in describe_decidability(decidable(below, above, repeats=1))


def test_caps_are_said() -> None:
    lines = render_plan([Estimate(path="p", needs=(need(),))], broken=["x"], near=["y"])
    assert lines[-2:] == ["warning: y", "CAP BROKEN: x"]

"""The plan: every figure recomputed from the reference figures and the summary."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decision_world import LOW, build_evalset, build_registries, justified

from pytest_ftgate.decision.economics import WEEKS_PER_MONTH, read_figures
from pytest_ftgate.decision.questions import decide
from pytest_ftgate.model.evalset import ArmSpec


def plan_of(summary=None, arms=None, **economics):
    evalset = build_evalset(economics=economics, **({"arms": arms} if arms else {}))
    summary = summary or justified()
    verdict = decide(evalset, summary, strict=False, evidence=None, registries=build_registries()).verdict
    return verdict.plan


@pytest.mark.parametrize(
    ("method", "params_b", "vram_high", "gpus"),
    [("lora", 70, 140, 2), ("qlora", 70, 40, 1), ("full", 32, 256, 4), ("lora", 8, 16, 1)],
)
def test_memory_by_method_and_size(method, params_b, vram_high, gpus):
    plan = plan_of(fine_tune={"method": method, "params_b": params_b})
    assert plan["vram_gb"][1] == pytest.approx(vram_high, rel=0.01)
    assert plan["gpus"] == gpus


def test_training_price_is_the_reference_at_its_own_size():
    plan = plan_of(fine_tune={"method": "lora", "params_b": 7})
    assert (plan["training_usd"], plan["hours"]) == ([15, 30], 4)
    full = plan_of(fine_tune={"method": "full", "params_b": 32})
    assert (full["training_usd"], full["hours"]) == ([300, 600], None)


def test_break_even_from_measured_cost_and_stated_volume():
    plan = plan_of(calls_per_month=300_000, fine_tune={"params_b": 7})
    today = 300_000 * 0.41 / 1000
    tokens = 66_000 / 600
    cheap, dear = (300_000 * tokens * price / 1e6 for price in (0.02, 0.5))
    assert plan["monthly_usd"] == pytest.approx(today, rel=0.01)
    assert plan["tuned_monthly_usd"] == pytest.approx([cheap, dear], rel=0.01)
    weeks = [(50 + 15) / (today - cheap) * WEEKS_PER_MONTH, (500 + 30) / (today - dear) * WEEKS_PER_MONTH]
    assert plan["break_even_weeks"] == pytest.approx(weeks, rel=0.01)


def test_the_seed_example_of_three_weeks():
    """500 USD a month against 100 USD of tuning, serving included: about 3 weeks."""
    arm = replace(LOW[0], cost_usd_per_1k_cases=5.0, prompt_tokens=0, completion_tokens=0)
    plan = plan_of(
        replace(justified(), arms=(arm, *LOW[1:])),
        calls_per_month=100_000,
        fine_tune={"params_b": 7, "setup_usd": 70, "training_usd": 30, "serving_usd_per_month": 355},
    )
    assert plan["monthly_usd"] == 500
    assert plan["break_even_weeks"] == pytest.approx([3, 3], rel=0.01)


def test_no_break_even_where_nothing_is_saved():
    plan = plan_of(calls_per_month=10, fine_tune={"serving_usd_per_month": 1000})
    assert plan["break_even_weeks"] is None
    open_end = plan_of(calls_per_month=300_000, fine_tune={"serving_usd_per_m_tokens": [0.02, 50]})
    assert open_end["break_even_weeks"][1] is None


@pytest.mark.parametrize("missing", ["calls", "cost", "tokens"])
def test_without_a_figure_no_break_even_is_made_up(missing):
    change = {"cost": {"cost_usd_per_1k_cases": None}, "tokens": {"prompt_tokens": None}}.get(missing, {})
    arms = tuple(replace(arm, **change) for arm in LOW)
    economics = {} if missing == "calls" else {"calls_per_month": 1000}
    assert plan_of(replace(justified(), arms=arms), **economics)["break_even_weeks"] is None


def test_every_figure_can_be_overridden():
    own = {
        "method": "qlora",
        "params_b": 3,
        "vram_gb": 11,
        "training_usd": [1, 2],
        "hours": 9,
        "setup_usd": 5,
        "examples_wanted": 777,
    }
    plan = plan_of(fine_tune=own)
    assert (plan["vram_gb"], plan["training_usd"], plan["setup_usd"]) == ([11, 11], [1, 2], [5, 5])
    assert (plan["hours"], plan["examples"]["wanted"], plan["method"]) == (9, 777, "qlora")


def test_without_a_size_memory_and_training_are_left_open():
    plan = plan_of()
    assert (plan["vram_gb"], plan["gpus"], plan["training_usd"], plan["hours"]) == (None, None, None, None)


def test_token_overhead_and_examples_at_hand():
    arms = (
        ArmSpec(name="as_is", kind="as_is"),
        ArmSpec(name="few_shot", kind="few_shot", options={"examples": ({}, {}, {})}),
    )
    plan = plan_of(arms=arms)
    assert plan["token_overhead"]["context"] == pytest.approx((300_000 - 60_000) / 600)
    assert plan["examples"] == {"at_hand": 3, "judging_cases": 120, "wanted": [50, None]}


def test_figures_say_where_they_come_from():
    assert "not measurements" in read_figures()["source"]
    assert "May 2026" in read_figures()["source"]
    assert plan_of()["source"] == read_figures()["source"]

"""What each arm that was run costs a call and a month, from what was measured and the stated volume."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_ftgate.decision.break_even import (
    bound_monthly_saving,
    divide_range,
    find_weeks,
    make_estimate,
)
from pytest_ftgate.decision.figures import Figures, read_number, read_references
from pytest_ftgate.decision.methods import price_method
from pytest_ftgate.decision.situation import Situation
from pytest_ftgate.decision.targets import find_shipped, find_volume, list_targets
from pytest_ftgate.decision.wording import format_count, to_ascii
from pytest_ftgate.model.economics import ArmPrice, Economics, Estimate, Switch
from pytest_ftgate.model.evalset import AS_IS
from pytest_ftgate.model.spending import CallSpending
from pytest_ftgate.model.summary import ArmSummary
from pytest_ftgate.model.verdict import Verdict

TEACHER = "teacher"


def build_economics(situation: Situation, verdict: Verdict) -> Economics | None:
    """None where the run is not whole, or where nothing is stated and no plan asks for prices."""
    summary, stated = situation.summary, situation.evalset.economics
    if summary.partial or verdict.decision == "incomplete" or not (stated or verdict.plan):
        return None
    calls = find_volume(situation)
    figures = Figures(stated)
    if verdict.decision == "use_rag":
        figures.take("rag.setup_usd", read_references()["rag"]["setup_usd"])
    shipped = find_shipped(situation, verdict)
    run = [arm for arm in summary.arms if arm.status == "run" and arm.spending is not None]
    switch = _price_switch(situation, figures, calls)
    return Economics(
        calls_per_month=calls,
        volume=None if calls is None else stated.get("volume") or "measured",
        arms=tuple(_price_arm(arm, summary.arm(AS_IS, arm.role), calls) for arm in run),
        targets=list_targets(situation, shipped) if shipped else (),
        switch=switch,
        figures=figures.used,
        unknown=tuple(_list_unknown(situation, run, calls)),
    )


def _price_arm(arm: ArmSummary, as_is: ArmSummary | None, calls: float | None) -> ArmPrice:
    own, base = arm.spending, as_is.spending if as_is else None
    tokens, base_tokens = _sum_tokens(own), _sum_tokens(base)
    usd = _estimate(own, 1)
    month = _estimate(own, calls) if calls else None
    base_month = _estimate(base, calls) if calls else None
    accuracy = arm.accuracy.value if arm.accuracy else None
    return ArmPrice(
        arm=arm.arm,
        role=arm.role,
        tokens=tokens,
        tokens_over_as_is=None if tokens is None or base_tokens is None else tokens - base_tokens,
        usd_per_call=usd,
        usd_per_correct=usd.value / accuracy if usd and accuracy else None,
        usd_per_month=month,
        usd_per_month_over_as_is=month.value - base_month.value if month and base_month else None,
    )


def _estimate(spending: CallSpending | None, calls: float) -> Estimate | None:
    if spending is None or spending.usd is None:
        return None
    return make_estimate(spending.usd, spending.usd_error, spending.t, times=calls)


def _sum_tokens(spending: CallSpending | None) -> float | None:
    if spending is None or spending.prompt_tokens is None:
        return None
    return spending.prompt_tokens + (spending.completion_tokens or 0.0)


def _price_switch(situation: Situation, figures: Figures, calls: float | None) -> Switch | None:
    """From teacher to student, both measured (STATISTICS 6.3); None without a teacher that was priced."""
    teacher = situation.summary.arm(AS_IS, TEACHER)
    gap = teacher.spending.over_candidate if teacher and teacher.spending else None
    if gap is None:
        return None
    params_b = read_number(figures.read("fine_tune.params_b")) or None
    upfront = price_method(figures, figures.method, params_b, "distill", None).upfront_usd
    saving = make_estimate(gap.value, gap.error, gap.t)
    ends = saving.ends
    monthly = bound_monthly_saving(ends, calls, (0.0, 0.0)) if calls and ends else None
    weeks, payback = find_weeks(upfront, monthly)
    return Switch(
        method=figures.method,
        params_b=params_b,
        cases=gap.cases,
        clusters=gap.clusters,
        t=gap.t,
        error=gap.error,
        saving_usd_per_call=saving,
        upfront_usd=upfront,
        calls=divide_range(upfront, ends),
        weeks=weeks,
        payback=payback,
    )


def _list_unknown(situation: Situation, run: list[ArmSummary], calls: float | None) -> Iterator[str]:
    if calls is None:
        yield "spend a month: state economics.calls_per_month"
    unpriced = [arm for arm in run if arm.spending and arm.spending.usd is None]
    for role in dict.fromkeys(arm.role for arm in unpriced):
        models = situation.evalset.models
        name = to_ascii(models[role].model) if role in models else role
        low, high = read_references()["serving_usd_per_m_tokens"]["prompting"]
        yield (
            f"what {name} costs: no price is known for it; state models.{role}.price (the page's figure for "
            f"prompting is ${low:g}-{high:g} per million tokens)"
        )
    unmetered = [arm.arm for arm in run if arm.spending and arm.spending.prompt_tokens is None]
    if unmetered:
        yield f"tokens of {format_count(len(unmetered), 'arm')}: no answer said its usage"

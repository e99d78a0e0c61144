"""The plan: what tuning or distilling would take, when it pays, and what the tuned model may lose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pytest_ftgate.decision.break_even import (
    HOURS_PER_MONTH,
    Serving,
    bound_monthly_saving,
    bound_saving,
    divide_range,
    estimate_today,
    find_weeks,
    price_tuned,
    spread_upfront,
)
from pytest_ftgate.decision.figures import Figures, read_number, read_references
from pytest_ftgate.decision.methods import Purpose, price_methods, read_training, take_gpu_price
from pytest_ftgate.decision.situation import Situation
from pytest_ftgate.decision.targets import find_shipped, find_volume, wants_distilling
from pytest_ftgate.decision.tuned_model import compare_latency, count_examples, list_losses
from pytest_ftgate.model.economics import Latency, Method, Range, RentedGpu, TuningPlan, Volume
from pytest_ftgate.model.evalset import AS_IS
from pytest_ftgate.model.spending import Moments
from pytest_ftgate.model.summary import ArmSummary
from pytest_ftgate.model.verdict import Verdict

FACTORS = (0.1, 0.5, 1, 2, 10)
"""Of the stated volume, for the table of volumes."""

ROUND_VOLUMES = (10_000, 100_000, 1_000_000)
"""Calls a month, where no volume is stated."""

MONTHS_OF_A_YEAR = 12


def add_plan(situation: Situation, verdict: Verdict) -> Verdict:
    """The verdict with `distill` where a target is missed, and with the plan where tuning comes up."""
    if wants_distilling(situation, verdict):
        verdict = replace(verdict, also=("distill",))
    if verdict.decision == "fine_tune_justified" or "distill" in verdict.also:
        verdict = replace(verdict, plan=build_plan(situation, verdict))
    return verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class _Payoff:
    """What one call saves, and what serving costs a month whatever the volume."""

    beside: Moments | None
    tuned: Range | None
    saving: Range | None
    fixed: Range
    calls: float | None

    @property
    def today(self) -> Range | None:
        return None if self.beside is None else (self.beside.usd, self.beside.usd)

    def at(self, calls: float) -> Range | None:
        return None if self.saving is None else bound_monthly_saving(self.saving, calls, self.fixed)


def build_plan(situation: Situation, verdict: Verdict) -> TuningPlan:
    """What tuning (or distilling) would take. None stands for what is not stated or not measured.

    The tuned model is taken to be asked with the prompt of `as_is`. docs/economics.md has every formula.
    """
    purpose: Purpose = "distill" if "distill" in verdict.also else "fine_tune"
    figures = Figures(situation.evalset.economics)
    arm = find_shipped(situation, verdict)
    params_b = read_number(figures.read("fine_tune.params_b")) or None
    payoff = _find_payoff(situation, figures, arm)
    monthly = payoff.at(payoff.calls) if payoff.calls else None
    methods = price_methods(figures, params_b, purpose, monthly)
    chosen = next(method for method in methods if method.is_chosen)
    latency = compare_latency(situation, figures, arm)
    return TuningPlan(
        purpose=purpose,
        method=chosen.method,
        params_b=params_b,
        arm=arm.arm if arm else AS_IS,
        calls_per_month=payoff.calls,
        beside=payoff.beside,
        tuned_usd_per_call=payoff.tuned,
        saving_usd_per_call=payoff.saving,
        cheaper_by=divide_range(payoff.today, payoff.tuned),
        break_even_weeks=chosen.break_even_weeks,
        payback=chosen.payback,
        least_calls_per_month=divide_range(payoff.fixed, payoff.saving),
        calls_to_pay_in_a_year=divide_range(
            spread_upfront(chosen.upfront_usd, payoff.fixed, MONTHS_OF_A_YEAR), payoff.saving
        ),
        methods=methods,
        volumes=_vary_volume(payoff, chosen),
        rented_gpu=_price_rent(figures, payoff),
        latency=latency,
        examples=count_examples(situation, figures, arm, purpose),
        losses=list_losses(situation, chosen),
        figures=figures.used,
        assumptions=tuple(_list_assumptions(chosen)),
        unknown=tuple(_list_unknown(payoff, chosen, latency)),
        source=read_references()["source"],
        date=read_references()["date"],
    )


def _find_payoff(situation: Situation, figures: Figures, arm: ArmSummary | None) -> _Payoff:
    prices = figures.take_serving()
    monthly = [
        figures.take(f"fine_tune.{name}", 0.0, "assumed") or (0.0, 0.0)
        for name in ("serving_usd_per_month", "upkeep_usd_per_month")
    ]
    fixed = (sum(low for low, _ in monthly), sum(high for _, high in monthly))
    serving = Serving(input_usd_per_m=prices[0], output_usd_per_m=prices[1])
    beside = arm.spending.beside_as_is if arm and arm.spending else None
    return _Payoff(
        beside=beside,
        tuned=price_tuned(beside, serving) if beside else None,
        saving=bound_saving(beside, serving) if beside else None,
        fixed=fixed,
        calls=find_volume(situation),
    )


def _price_rent(figures: Figures, payoff: _Payoff) -> RentedGpu:
    price = take_gpu_price(figures)
    rent = (HOURS_PER_MONTH * price[0], HOURS_PER_MONTH * price[1])
    today = estimate_today(payoff.beside).ends if payoff.beside else None
    return RentedGpu(usd_per_month=rent, least_calls_per_month=divide_range(rent, today))


def _vary_volume(payoff: _Payoff, method: Method) -> tuple[Volume, ...]:
    calls = payoff.calls
    volumes = (
        [(factor * calls, factor == 1) for factor in FACTORS]
        if calls
        else [(v, False) for v in ROUND_VOLUMES]
    )
    return tuple(_price_volume(payoff, method, volume, is_stated=stated) for volume, stated in volumes)


def _price_volume(payoff: _Payoff, method: Method, calls: float, *, is_stated: bool) -> Volume:
    monthly = payoff.at(calls)
    weeks, payback = find_weeks(method.upfront_usd, monthly)
    tuned = payoff.tuned
    return Volume(
        calls_per_month=calls,
        is_stated=is_stated,
        usd_per_month=calls * payoff.beside.usd if payoff.beside else None,
        tuned_usd_per_month=(
            (calls * tuned[0] + payoff.fixed[0], calls * tuned[1] + payoff.fixed[1]) if tuned else None
        ),
        saving_usd_per_month=monthly,
        break_even_weeks=weeks,
        payback=payback,
    )


def _list_assumptions(method: Method) -> Iterator[str]:
    yield "the cases stand for the calls of production"
    yield "the tuned model is asked like as_is, and answers at the same length"
    yield "training grows in proportion to the model's size"
    lent_by = read_training(method.method).lent_by
    if lent_by is not None:
        label = read_references()["methods"][lent_by]["label"]
        yield f"the page has no training of {method.label}: that of {label} is taken"
    yield "set-up and training are both paid; evaluating, repeating and upkeep only where stated"


def _list_unknown(payoff: _Payoff, method: Method, latency: Latency) -> Iterator[str]:
    if payoff.calls is None:
        yield "break-even: state economics.calls_per_month"
    if payoff.beside is None:
        yield "what tuning would save: the cost or the tokens of a call are not known"
    elif payoff.saving is None:
        yield "what tuning would save: one cluster of cases gives no interval"
    if method.vram_gb is None or method.training_usd is None:
        yield "memory and training cost: state economics.fine_tune.params_b"
    if method.setup_usd is None:
        yield f"set-up of a {method.label}: the page gives none; state economics.fine_tune.setup_usd"
    if latency.tuned_from is None:
        yield (
            "latency of the tuned model: give the small model as models.base and run it, or state "
            "economics.fine_tune.latency_p95_s"
        )

"""When costs spent once come back by cheaper calls: arithmetic alone (docs/economics.md)."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from pytest_ftgate.model.economics import Estimate, OpenRange, Payback, Range
from pytest_ftgate.model.spending import Moments

WEEKS_PER_MONTH = 365.25 / 12 / 7
HOURS_PER_MONTH = 24 * 365.25 / 12
NEVER = 1e12
_MILLION = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """Price of a tuned model, USD per million prompt tokens and per million completion tokens."""

    input_usd_per_m: Range
    output_usd_per_m: Range


def make_estimate(value: float, error: float | None, t: float | None, *, times: float = 1.0) -> Estimate:
    """The mean with its 95 % t-interval, all multiplied by `times` (>= 0)."""
    if error is None or t is None:
        return Estimate(value=times * value, low=None, high=None)
    return Estimate(value=times * value, low=times * (value - t * error), high=times * (value + t * error))


def estimate_today(beside: Moments, *, times: float = 1.0) -> Estimate:
    """Cost of a call of today."""
    error = None if beside.usd_usd is None else sqrt(max(0.0, beside.usd_usd))
    return make_estimate(beside.usd, error, beside.t, times=times)


def price_tuned(beside: Moments, serving: Serving) -> Range:
    """Cost of a call of the tuned model, which is asked like `as_is`, at the ends of its price."""
    low, high = (
        (beside.prompt_tokens * serving.input_usd_per_m[end] + beside.completion_tokens * output) / _MILLION
        for end, output in enumerate(serving.output_usd_per_m)
    )
    return low, high


def bound_saving(beside: Moments, serving: Serving) -> Range | None:
    """What a call saves: lower bound at the dear end of serving, upper bound at its cheap end.

    A t-interval on the difference paired by case (STATISTICS 6.3): the covariances of cost and tokens give
    the standard error for any price. None with fewer than two clusters.
    """
    cheap, dear = price_tuned(beside, serving)
    errors = [
        _find_error(beside, serving.input_usd_per_m[end], serving.output_usd_per_m[end]) for end in (0, 1)
    ]
    if errors[0] is None or errors[1] is None or beside.t is None:
        return None
    return beside.usd - dear - beside.t * errors[1], beside.usd - cheap + beside.t * errors[0]


def _find_error(beside: Moments, input_usd: float, output_usd: float) -> float | None:
    """Standard error of cost - (prompt tokens x input + completion tokens x output) / 10^6."""
    if (
        beside.usd_usd is None
        or beside.usd_prompt is None
        or beside.usd_completion is None
        or beside.prompt_prompt is None
        or beside.prompt_completion is None
        or beside.completion_completion is None
    ):
        return None
    a, b = -input_usd / _MILLION, -output_usd / _MILLION
    variance = (
        beside.usd_usd
        + a * a * beside.prompt_prompt
        + b * b * beside.completion_completion
        + 2 * (a * beside.usd_prompt + b * beside.usd_completion + a * b * beside.prompt_completion)
    )
    return sqrt(max(0.0, variance))


def bound_monthly_saving(saving_usd_per_call: Range, calls: float, fixed_usd: Range) -> Range:
    """USD a month: the worst and the best of both."""
    low, high = saving_usd_per_call
    return calls * low - fixed_usd[1], calls * high - fixed_usd[0]


def find_weeks(upfront_usd: Range | None, monthly_usd: Range | None) -> tuple[OpenRange | None, Payback]:
    """Weeks = cost spent once / saving a month x weeks a month, at both ends."""
    if upfront_usd is None or monthly_usd is None:
        return None, "unknown"
    months = divide_range(upfront_usd, monthly_usd)
    if months is None:
        return None, "none"
    soonest, latest = months
    if latest is None:
        return (soonest * WEEKS_PER_MONTH, None), "not_shown"
    return (soonest * WEEKS_PER_MONTH, latest * WEEKS_PER_MONTH), "shown"


def divide_range(cost: Range | None, gain: Range | None) -> OpenRange | None:
    """cost / gain from best to worst: how many gains pay the cost. None where none do, or one is unknown.

    An end that is never reached (its gain is 0 or less, or it takes more than `NEVER` gains) is None.
    """
    if cost is None or gain is None:
        return None
    least, most = _divide(cost[0], gain[1]), _divide(cost[1], gain[0])
    return None if least is None else (least, most)


def _divide(cost: float, gain: float) -> float | None:
    return cost / gain if gain > 0 and cost <= NEVER * gain else None


def spread_upfront(upfront_usd: Range | None, fixed_usd: Range, months: float) -> Range | None:
    """USD a month that pay what serving costs a month, and within so many months the costs spent once."""
    if upfront_usd is None:
        return None
    return upfront_usd[0] / months + fixed_usd[0], upfront_usd[1] / months + fixed_usd[1]

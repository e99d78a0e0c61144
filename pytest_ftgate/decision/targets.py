"""Stated limits on price and latency, held against the arm that would ship."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_ftgate.decision.break_even import make_estimate
from pytest_ftgate.decision.figures import read_number
from pytest_ftgate.decision.situation import Situation
from pytest_ftgate.model.economics import Estimate, Target
from pytest_ftgate.model.evalset import AS_IS, CANDIDATE
from pytest_ftgate.model.summary import ArmSummary
from pytest_ftgate.model.verdict import Verdict

ALLOWED_LATE = {"p50_s": 0.5, "p95_s": 0.05}
"""The share of answers that may take longer than a limit on that quantile."""

FORECAST = "forecast"


def find_shipped(situation: Situation, verdict: Verdict) -> ArmSummary | None:
    """The arm that would ship without tuning: the recommended one, else `as_is`."""
    return situation.summary.arm(verdict.recommended_arm or AS_IS)


def find_volume(situation: Situation) -> float | None:
    """Calls a month, as stated; None where nothing (or 0) is."""
    return read_number(situation.evalset.economics.get("calls_per_month")) or None


def list_targets(situation: Situation, arm: ArmSummary) -> tuple[Target, ...]:
    """Limits of the gates `latency` and `cost`, and the budget a month, for one arm of the candidate.

    A limit on `as_is` holds for what would ship in its place.
    """
    found = {target.name: target for target in _list_all(situation, arm)}
    # The tightest of several limits on one thing: they come loosest first.
    return tuple(found.values())


def wants_distilling(situation: Situation, verdict: Verdict) -> bool:
    """Whether the bar is met, but a target is proven missed at a stated volume that is no forecast."""
    arm = find_shipped(situation, verdict)
    if verdict.decision not in ("bar_met", "improve_prompt") or arm is None:
        return False
    if find_volume(situation) is None or situation.evalset.economics.get("volume") == FORECAST:
        return False
    return any(target.is_proven for target in list_targets(situation, arm))


def _list_all(situation: Situation, arm: ArmSummary) -> Iterator[Target]:
    limits = [
        (name, float(limit))
        for gate in situation.evalset.gates
        if gate.name in ("latency", "cost") and gate.role == CANDIDATE and gate.arm in (AS_IS, arm.arm)
        for name, limit in gate.options.items()
    ]
    for name, limit in sorted(limits, key=lambda pair: -pair[1]):
        if name in ALLOWED_LATE:
            yield _hold_latency(arm, name, limit)
        elif name == "usd_per_1k_cases":
            yield _hold_money(arm, name, limit, _price(arm, 1000))
    budget, calls = (
        read_number(situation.evalset.economics.get("budget_usd_per_month")),
        find_volume(situation),
    )
    if budget is not None and calls is not None:
        yield _hold_money(arm, "usd_per_month", budget, _price(arm, calls))


def _price(arm: ArmSummary, calls: float) -> Estimate | None:
    spending = arm.spending
    if spending is None or spending.usd is None:
        return None
    return make_estimate(spending.usd, spending.usd_error, spending.t, times=calls)


def _hold_money(arm: ArmSummary, name: str, limit: float, price: Estimate | None) -> Target:
    low = price.low if price else None
    return Target(
        name=name,  # type: ignore[arg-type]
        arm=arm.arm,
        limit=limit,
        value=price.value if price else None,
        bound=low,
        bound_limit=limit,
        is_missed=price.value > limit if price else None,
        is_proven=low is not None and low > limit,
    )


def _hold_latency(arm: ArmSummary, name: str, limit: float) -> Target:
    """A quantile lies above a limit where more answers than it allows take longer; that is a rate."""
    value = {"p50_s": arm.latency_p50_s, "p95_s": arm.latency_p95_s}[name]
    late = (
        next((late.share for late in arm.spending.late if late.limit_s == limit), None)
        if arm.spending
        else None
    )
    bound = late.lower if late else None
    return Target(
        name=name,  # type: ignore[arg-type]
        arm=arm.arm,
        limit=limit,
        value=value,
        bound=bound,
        bound_limit=ALLOWED_LATE[name],
        is_missed=None if value is None else value > limit,
        is_proven=value is not None and value > limit and bound is not None and bound > ALLOWED_LATE[name],
    )

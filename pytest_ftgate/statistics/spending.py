"""What a run paid, and how many of its calls nobody knows the price of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import fsum

from pytest_ftgate.model.record import Record
from pytest_ftgate.model.run import FollowUps
from pytest_ftgate.model.trial import Plan


def sum_spent(plan: Plan, records: Sequence[Record]) -> float | None:
    """What this run paid, judges and embedders included: answers from a store, and the answers judged
    again, cost nothing.

    None where no price is known.
    """
    derived = {(item.arm, item.role) for item in plan.items if any(trial.source_arm for trial in item.trials)}
    spent = [
        0.0
        if (record.key.arm, record.key.role) in derived and record.cost_usd is not None
        else record.spent_usd
        for record in records
    ]
    costs = [usd for usd in spent if usd is not None]
    costs += [record.serving_cost_usd for record in records if record.serving_cost_usd is not None]
    return fsum(costs) if costs else None


def sum_serving(records: Sequence[Record]) -> float | None:
    """What this run paid for the replies that graders asked for; None where none have a known price."""
    costs = [record.serving_cost_usd for record in records if record.serving_cost_usd is not None]
    return fsum(costs) if costs else None


def measure_follow_ups(records: Sequence[Record]) -> dict[tuple[str, str], FollowUps]:
    """(arm, role) → what asking again took, of arms that did.

    The first turn is the answer of the arm that is asked the same; what a trial cost beyond that is what its
    further turns did.
    """
    if all(record.turns <= 1 for record in records):
        return {}
    again: defaultdict[tuple[str, str], list[Record]] = defaultdict(list)
    firsts: dict[tuple[str, ...], float | None] = {}
    for record in records:
        key = record.key
        if record.turns > 1:
            again[key.arm, key.role].append(record)
        else:
            firsts.setdefault(_name_draw(record), record.cost_usd)
    found = {}
    for name, asked in again.items():
        extra = [_subtract(record.cost_usd, firsts.get(_name_draw(record))) for record in asked]
        known = [usd for usd in extra if usd is not None]
        found[name] = FollowUps(
            trials=len(asked),
            calls=sum(record.turns - 1 for record in asked),
            cost_usd=fsum(known) if len(known) == len(asked) else None,
        )
    return found


def _name_draw(record: Record) -> tuple[str, ...]:
    return record.key.case, record.key.role, str(record.key.repeat), record.request_hash


def _subtract(whole: float | None, part: float | None) -> float | None:
    return None if whole is None or part is None else max(0.0, whole - part)


def count_unpriced(records: Sequence[Record]) -> int:
    """Calls of this run that were answered at no known price: what was paid is more than the sum says."""
    own = sum(
        record.attempts
        for record in records
        if not record.cached and record.spent_usd is None and (record.output is not None or record.tool_calls)
    )
    serving = sum(record.serving_attempts for record in records if record.serving_cost_usd is None)
    return own + serving

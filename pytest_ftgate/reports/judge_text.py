"""What a report says in a line about the judges of an evalset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_ftgate.reports.numbers import format_accuracy, format_count, format_interval, format_money


def describe_judges(judges: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """'judge llm-rubric: votes agree 93.1 % [90.2 .. 95.4] over 200 trials', a line a judge."""
    return [
        f"judge {name}: votes agree {format_accuracy(judge)} [{format_interval(judge)}] over "
        f"{format_count(judge['trials'], 'trial')}"
        for name, judge in judges.items()
    ]


def describe_spending(entry: Mapping[str, Any]) -> str:
    """'Spent $0.83 (2,950 calls)', 'Spent at least …' or 'Cost unknown (…)'; nothing where none was sent."""
    calls, cost, unpriced = entry["requests_sent"], entry["cost_usd"], entry.get("unpriced_calls", 0)
    if not calls:
        return ""
    if not cost and (cost is None or unpriced):
        return f"Cost unknown ({format_count(calls, 'call')})."
    at_least, among = ("at least ", f", {unpriced:,} of them of unknown price") if unpriced else ("", "")
    return (
        f"Spent {at_least}{format_money(cost)} ({format_count(calls, 'call')}{among})"
        f"{describe_serving_cost(entry)}."
    )


def describe_serving_cost(entry: Mapping[str, Any]) -> str:
    """', of it $0.02 for judges and embedders'; nothing where none was paid."""
    cost = entry["serving_cost_usd"]
    return f", of it {format_money(cost)} for judges and embedders" if cost else ""

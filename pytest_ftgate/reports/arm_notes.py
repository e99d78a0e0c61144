"""What the reports say of single arms beneath their table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_ftgate.reports.look_text import describe_stops
from pytest_ftgate.reports.numbers import format_count, format_money
from pytest_ftgate.reports.split_text import describe_split
from pytest_ftgate.reports.tables import name_arm


def describe_arms(entry: Mapping[str, Any]) -> Iterator[str]:
    """One text for each thing to know; raw texts of vendors and models may be in them."""
    yield from describe_split(entry)
    yield from describe_stops(entry)
    for arm in entry["arms"]:
        if arm.get("follow_ups") and arm["status"] == "run":
            yield _describe_follow_ups(arm, arm["follow_ups"])
        if arm.get("probe") and arm["schema_enforced"] != "enforced":
            yield f"{name_arm(arm)}: schema {arm['schema_enforced'] or 'not judged'}; {arm['probe']}"


def _describe_follow_ups(arm: Mapping[str, Any], follow_ups: Mapping[str, Any]) -> str:
    cost = f", {format_money(follow_ups['cost_usd'])}" if follow_ups["cost_usd"] is not None else ""
    return (
        f"{name_arm(arm)}: {format_count(follow_ups['trials'], 'trial')} asked again "
        f"({format_count(follow_ups['calls'], 'further call')}{cost})"
    )

"""What the reports say of arms that were stopped before all their cases were in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_ftgate.reports.numbers import format_count
from pytest_ftgate.reports.tables import name_arm


def describe_stops(entry: Mapping[str, Any]) -> Iterator[str]:
    """One text for each arm that was stopped."""
    for arm in entry["arms"]:
        looks = arm.get("looks")
        if arm["status"] == "run" and looks and looks["look"] < looks["looks"]:
            yield _describe_stop(arm, looks, entry["cases"]["total"])


def _describe_stop(arm: Mapping[str, Any], looks: Mapping[str, Any], total: int) -> str:
    beyond = len(looks["beyond"])
    cases = total - looks["cases_left_out"] - beyond
    more = f" {format_count(beyond, 'further case')} ran all the same, not counted." if beyond else ""
    return (
        f"{name_arm(arm)}: stopped after {cases:,} of {format_count(total, 'case')} "
        f"(look {looks['look']} of {looks['looks']}), proven at the bar; "
        f"{format_count(looks['trials_left_out'], 'trial')} saved. "
        f"Its interval is adjusted for the looks.{more}"
    )

"""What the reports say of an evalset with `split: dev`: what judges, and what dev chose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_ftgate.reports.numbers import format_count, format_percent
from pytest_ftgate.reports.tables import name_arm


def describe_size(entry: Mapping[str, Any]) -> str:
    """'120 cases x 5 repeats', with how many of the cases are dev."""
    split = entry.get("split")
    dev = f" ({split['dev']:,} dev)" if split else ""
    cases = format_count(entry["cases"]["total"], "case")
    return f"{cases}{dev} x {format_count(entry['repeats'], 'repeat')}"


def describe_split(entry: Mapping[str, Any]) -> Iterator[str]:
    """Which cases the rates are of, and each arm's accuracy on dev; nothing where all cases judge."""
    # Reports of the first version lack the key.
    split = entry.get("split")
    if not split:
        return
    dev = format_count(split["dev"], "case")
    if split["shown"] == "dev":
        yield f"split: only dev was selected, so all rates are of its {dev}; none of them judges."
        return
    judging = format_count(split["holdout"], "case")
    yield f"split: {dev} of dev compare the arms and judge none; all rates are of the {judging} of holdout."
    told = [_describe_arm(arm) for arm in entry["arms"] if arm.get("dev_accuracy") is not None]
    if told:
        yield f"split: on dev {', '.join(told)}."


def _describe_arm(arm: Mapping[str, Any]) -> str:
    chosen = " (chosen)" if arm["chosen"] else ""
    return f"{name_arm(arm)} {format_percent(arm['dev_accuracy']['value'])}{chosen}"

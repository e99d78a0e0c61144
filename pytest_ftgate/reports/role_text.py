"""The candidate beside base and teacher, in words: whether it may replace it, the difference, the flips."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_ftgate.reports.numbers import format_count
from pytest_ftgate.reports.role_tables import name_candidate

NAMES_SHOWN = 8
_RATIOS = (
    ("cost", "cost_ratio"),
    ("cost of a right answer", "cost_per_right_ratio"),
    ("median latency", "latency_ratio"),
    ("95th percentile of latency", "latency_p95_ratio"),
)


def describe_roles(entry: Mapping[str, Any]) -> list[str]:
    """What gate `parity` says, then a paragraph for each role compared with. Older reports have none."""
    verdicts = [
        f"parity: {gate['reason']}"
        for gate in entry["gates"]
        if gate["name"] == "parity" and gate["value"] is not None
    ]
    return [*verdicts, *(line for pair in entry.get("roles", ()) for line in _describe_pair(pair))]


def _describe_pair(pair: Mapping[str, Any]) -> Iterator[str]:
    own, against = name_candidate(pair["against"]), pair["against"]
    found = [
        f"{say_difference(pair)} on {format_count(pair['cases'], 'case')}",
        f"they agree on {100 * pair['agreement']:.0f} %{_say_interval(pair, 'agreement', 100, '.0f')}",
    ]
    flips = ", ".join(f"{len(pair[way])} {way}{_list(pair[way])}" for way in ("fixed", "broken"))
    yield f"{own} against {against}: {'; '.join(found)}. {flips}."
    ratios = [
        f"{name} {pair[key]:.2g}x{_say_interval(pair, key, 1, '.2g')}"
        for name, key in _RATIOS
        # Reports of before they were told leave some out.
        if pair.get(key) is not None
    ]
    if ratios:
        yield f"{own} / {against}: {', '.join(ratios)}."
    if pair["collapsed"]:
        yield f"always passed by {against}, never by the {own}{_list(pair['collapsed'])}"


def _say_interval(pair: Mapping[str, Any], key: str, scale: float, form: str) -> str:
    """The 95 % interval in parentheses, where the report has one."""
    low, high = pair.get(f"{key}_low"), pair.get(f"{key}_high")
    if low is None or high is None:
        return ""
    return f" ({scale * low:{form}} .. {scale * high:{form}})"


def say_difference(found: Mapping[str, Any]) -> str:
    """The difference of two accuracies in points, with its one-sided bounds."""
    return (
        f"{100 * found['difference']:+.1f} points "
        f"({100 * found['lower']:+.1f} .. {100 * found['upper']:+.1f}, one-sided 95 % each)"
    )


def _list(cases: list[str]) -> str:
    if not cases:
        return ""
    more = f" and {len(cases) - NAMES_SHOWN:,} more" if len(cases) > NAMES_SHOWN else ""
    return f" ({', '.join(cases[:NAMES_SHOWN])}{more})"

"""The candidate beside base and teacher, in words: the sentence, the flips, the tags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_ftgate.reports.numbers import format_count

NAMES_SHOWN = 8


def describe_roles(entry: Mapping[str, Any], *, with_tags: bool = False) -> list[str]:
    """A paragraph for each role compared with. Older reports have none."""
    return [line for pair in entry.get("roles", ()) for line in _describe_pair(pair, with_tags)]


def _describe_pair(pair: Mapping[str, Any], with_tags: bool) -> Iterator[str]:
    ratios = [
        f"{name} {pair[key]:.2g} x"
        for name, key in (("cost", "cost_ratio"), ("latency", "latency_ratio"))
        if pair[key] is not None
    ]
    found = [
        f"{say_difference(pair)} on {format_count(pair['cases'], 'case')}",
        f"they agree on {100 * pair['agreement']:.0f} %",
        *ratios,
    ]
    flips = ", ".join(f"{len(pair[way])} {way}{_list(pair[way])}" for way in ("fixed", "broken"))
    yield f"candidate against {pair['against']}: {'; '.join(found)}. {flips}."
    if pair["collapsed"]:
        yield f"always passed by {pair['against']}, never by the candidate{_list(pair['collapsed'])}"
    if with_tags:
        for tag, found in sorted(pair["tags"].items(), key=lambda entry: entry[1]["difference"]):
            yield f"tag {tag}: {say_difference(found)} on {format_count(found['cases'], 'case')}"


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

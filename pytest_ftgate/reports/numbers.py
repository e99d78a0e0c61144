"""Numbers of a report as people read them: percent, intervals, money, seconds, counts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Rate = Mapping[str, Any]


def format_percent(share: float | None, decimals: int = 1) -> str:
    """0.612 → '61.2 %'; 0.6 → '60 %'; None → '-'."""
    if share is None:
        return "-"
    text = f"{100 * share:.{decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{'0' if text == '-0' else text} %"


def format_accuracy(rate: Rate | None) -> str:
    """'61.2 %', always with one decimal, so that a column lines up."""
    value = rate["value"] if rate else None
    return "-" if value is None else f"{100 * value:.1f} %"


def format_interval(rate: Rate | None) -> str:
    """'53.9 .. 68.1': the two-sided 95 % interval in percent."""
    if not rate or rate["low"] is None or rate["high"] is None:
        return "-"
    return f"{100 * rate['low']:.1f} .. {100 * rate['high']:.1f}"


def format_failure_rate(rate: Rate | None) -> str:
    """'3.1 %'; with no failure seen '0 % <5.8', its one-sided upper bound: zero is never just zero."""
    if not rate or rate["value"] is None:
        return "-"
    upper = rate.get("upper") if rate.get("upper") is not None else rate["high"]
    if rate["value"] == 0 and upper is not None:
        return f"0 % <{100 * upper:.1f}"
    return f"{100 * rate['value']:.1f} %"


def format_money(usd: float | None) -> str:
    """'$0.83', '$1,250', '$0.0004'; None → 'unknown'."""
    if usd is None:
        return "unknown"
    if usd >= 1000:
        return f"${usd:,.0f}"
    if usd >= 0.01 or usd == 0:
        return f"${usd:.2f}"
    return f"${usd:.2g}"


def format_price(usd: float | None) -> str:
    """USD per 1,000 cases for a table: '0.41', '-' where unknown."""
    if usd is None:
        return "-"
    return f"{usd:.2f}" if usd >= 0.005 or usd == 0 else f"{usd:.1g}"


def format_seconds(seconds: float | None) -> str:
    """'1.2s', '0.05s', '-' where unmeasured."""
    if seconds is None:
        return "-"
    return f"{seconds:.1f}s" if seconds >= 0.1 else f"{seconds:.2g}s"


def format_count(number: int, noun: str, plural: str | None = None) -> str:
    """'1 case', '1,200 cases'."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def format_range(pair: Any, *, money: bool = False, unit: str = "") -> str:
    """'$15-30', '12-16 GB', '12 GB' where both ends agree, '12 GB or more' where the upper is open."""
    low, high = pair[0], pair[1]
    sign = "$" if money else ""
    if high is None:
        return f"{sign}{_plain(low)}{unit} or more"
    if low == high:
        return f"{sign}{_plain(low)}{unit}"
    return f"{sign}{_plain(low)}-{_plain(high)}{unit}"


def _plain(number: float) -> str:
    return f"{number:,.0f}" if number >= 9.5 else f"{number:.2g}"


def format_odds(p: float | None) -> str | None:
    """The sentence on the verdict's error rate; None where none is claimed or it says nothing."""
    if p is None or not 0 <= p < 0.5:
        return None
    runs = math.floor(1 / p + 1e-9) if p > 1e-4 else 10_000
    return f"If this verdict were wrong, evidence this strong would turn up in at most 1 of {runs:,} runs."

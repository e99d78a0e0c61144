"""The tables about money, as rows of text: what arms cost, the ways of tuning, and what the volume changes.

Each row maps a column's title to its cell; the first column is a name. The terminal and Markdown draw them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_ftgate.reports.numbers import format_money, format_percent, format_range

Row = Mapping[str, str]
LEFT = frozenset(("arm", "method", "calls a month"))
"""Columns that are not aligned to the right."""

LONG_WEEKS = 520
"""Ten years: beyond it the number of weeks says nothing more."""

METHODS_NOTE = (
    "* = planned. Weeks until the costs spent once are back, at the stated volume. Memory, GPUs, training, "
    "set-up and what is kept of a full fine-tune are a published page's figures, not measurements."
)
_PAYBACK = {"none": "never", "unknown": "-"}


def name_prices(economics: Mapping[str, Any]) -> str:
    """The title of the table of arms."""
    if economics["calls_per_month"] is None:
        return "What 1,000 calls cost (no volume stated)"
    kind = " (a forecast)" if economics["volume"] == "forecast" else ""
    return f"What {economics['calls_per_month']:,.0f} calls a month cost{kind}"


def list_arm_rows(economics: Mapping[str, Any]) -> list[Row]:
    """An arm a row: a month's money where the volume is stated, else that of 1,000 calls."""
    is_monthly = economics["calls_per_month"] is not None
    unit, times = ("$/month", 1) if is_monthly else ("$/1k calls", 1000)
    rows: list[Row] = []
    for arm in economics["arms"]:
        usd, correct = arm["usd_per_month" if is_monthly else "usd_per_call"], arm["usd_per_correct"]
        rows.append(
            {
                "arm": arm["arm"] if arm["role"] == "candidate" else f"{arm['arm']} [{arm['role']}]",
                "tokens": "-" if arm["tokens"] is None else f"{arm['tokens']:,.0f}",
                "+ tokens": _format_surplus(arm["tokens_over_as_is"], arm),
                unit: "-" if usd is None else _format_usd(times * usd["value"]),
                "95 % interval": _format_interval(usd, times),
                "+ $/month": _format_surplus(arm["usd_per_month_over_as_is"], arm),
                "$/1k correct": "-" if correct is None else _format_usd(1000 * correct),
            }
        )  # fmt: skip
    return rows


def list_method_rows(plan: Mapping[str, Any]) -> list[Row]:
    """A way of tuning a row; the one that is planned is marked."""
    return [
        {
            "method": f"{method['label']}{' *' if method['is_chosen'] else ''}",
            "VRAM": _format_cell(method["vram_gb"], unit=" GB"),
            "GPUs": "-" if method["gpus"] is None else f"{method['gpus']:,}",
            "train": _format_cell(method["training_usd"], money=True),
            "hours": _format_cell(method["hours"]),
            "set-up": _format_cell(method["setup_usd"], money=True),
            "of full": _format_kept(method["quality_of_full"]),
            "weeks": format_weeks(method),
        }
        for method in plan["methods"]
    ]


def list_volume_rows(plan: Mapping[str, Any]) -> list[Row]:
    """A volume a row; the stated one is marked."""
    return [
        {
            "calls a month": f"{volume['calls_per_month']:,.0f}{' *' if volume['is_stated'] else ''}",
            "today": "-" if volume["usd_per_month"] is None else f"${_format_usd(volume['usd_per_month'])}",
            "tuned": _format_cell(volume["tuned_usd_per_month"], money=True),
            "weeks": format_weeks(volume),
        }
        for volume in plan["volumes"]
    ]


def format_weeks(priced: Mapping[str, Any]) -> str:
    """'2.1-4.3', '2.1 or more' where the dear end never pays, 'never', '-' where unknown."""
    weeks = priced["break_even_weeks"]
    if weeks is None:
        return _PAYBACK.get(priced["payback"], "-")
    low, high = weeks
    if low > LONG_WEEKS:
        return f"over {LONG_WEEKS}"
    if high is not None and high > LONG_WEEKS:
        return f"{format_range((low, low))} to over {LONG_WEEKS}"
    return format_range(weeks)


def _format_cell(pair: Sequence[float | None] | None, *, money: bool = False, unit: str = "") -> str:
    return "-" if pair is None else format_range(pair, money=money, unit=unit)


def _format_kept(pair: Sequence[float] | None) -> str:
    if pair is None:
        return "-"
    low, high = pair
    return format_percent(low) if low == high else f"{100 * low:.0f}-{format_percent(high)}"


def _format_surplus(value: float | None, arm: Mapping[str, Any]) -> str:
    if value is None or arm["arm"] == "as_is":
        return "-"
    size = f"{value:+,.0f}" if abs(value) >= 9.5 or value == 0 else f"{value:+.2g}"
    return "0" if size in ("+0", "-0") else size


def _format_interval(usd: Mapping[str, Any] | None, times: float) -> str:
    if usd is None or usd["low"] is None:
        return "-"
    return f"{_format_usd(times * max(0.0, usd['low']))} .. {_format_usd(times * usd['high'])}"


def _format_usd(usd: float) -> str:
    return f"{usd:,.0f}" if usd >= 99.5 else format_money(usd).removeprefix("$")

"""The terminal's blocks about money: what arms cost, and the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_ftgate.reports.plan_text import describe_economics, describe_plan
from pytest_ftgate.reports.price_tables import (
    LEFT,
    METHODS_NOTE,
    Row,
    list_arm_rows,
    list_method_rows,
    list_volume_rows,
    name_prices,
)
from pytest_ftgate.reports.tables import fit_table, wrap_text

_ARM_DROPS = ("$/1k correct", "+ $/month", "95 % interval", "+ tokens")
_METHOD_DROPS = ("hours", "of full", "train", "set-up")


def render_prices(economics: Mapping[str, Any] | None, width: int) -> list[str]:
    """What the arms cost; nothing where no `economics:` is stated."""
    if not economics:
        return []
    table = _draw(list_arm_rows(economics), width, _ARM_DROPS)
    title = wrap_text(name_prices(economics), width) if table else []
    return [*title, *table, *_wrap(describe_economics(economics), width)]


def render_plan(plan: Mapping[str, Any] | None, width: int, verbosity: int) -> list[str]:
    """What tuning or distilling would take; nothing without a plan. `verbosity` 1: assumptions too."""
    if not plan:
        return []
    methods = _draw(list_method_rows(plan), width, _METHOD_DROPS)
    volumes = _draw(list_volume_rows(plan), width, ("tuned",))
    blocks = [
        _wrap(describe_plan(plan, is_brief=verbosity < 1), width),
        [*methods, *wrap_text(METHODS_NOTE, width)],
        volumes,
    ]
    return [line for block in blocks for line in (*block, "")][:-1]


def _draw(rows: Sequence[Row], width: int, drops: Sequence[str]) -> list[str]:
    if not rows:
        return []
    return fit_table(rows, set(rows[0]) - LEFT, width, drop_order=drops)


def _wrap(sentences: Sequence[str], width: int) -> list[str]:
    return [line for text in sentences for line in wrap_text(text, width, "  " if text[:2] == "- " else "")]

"""The tables of the terminal section. Every table fits the width it is given."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pytest_ftgate.reports.confusion import Confusion, Matrix, build_matrix, list_confusions
from pytest_ftgate.reports.hostile_text import cut_text, show_text
from pytest_ftgate.reports.numbers import (
    format_accuracy,
    format_failure_rate,
    format_interval,
    format_price,
    format_seconds,
)

MIN_NAME = 8
_DROP_ORDER = ("question", "$/1k", "p95", "format fails")
_QUESTIONS = {1: "1 prompt", 2: "2 context"}


@cache
def _tabulate() -> Any:
    # Not needed before a table is shown: pytest without --ftgate never gets here.
    from tabulate import tabulate

    return tabulate


def name_arm(arm: Mapping[str, Any]) -> str:
    """The arm's name, with its role where that is not the candidate."""
    name = show_text(str(arm["arm"]))
    return name if arm["role"] == "candidate" else f"{name} [{show_text(str(arm['role']))}]"


def render_arms(arms: Sequence[Mapping[str, Any]], width: int) -> list[str]:
    """The arms that were run, one a row."""
    rows = [_arm_row(arm) for arm in arms if arm["status"] == "run"]
    if not rows:
        return []
    right = {"accuracy", "95 % interval", "format fails", "$/1k", "p95"}
    return fit_table(rows, right, width, drop_order=_DROP_ORDER)


def fit_table(
    rows: Sequence[Mapping[str, str]], right: set[str], width: int, *, drop_order: Sequence[str] = ()
) -> list[str]:
    """A table of at most `width` columns: names in the first column are cut, then whole columns dropped.

    `right`: columns aligned to the right. A column of nothing but '-' (not measured) is left out.
    """
    columns = [name for name in rows[0] if any(row[name] != "-" for row in rows)]
    for dropped in (None, *drop_order):
        columns = [column for column in columns if column != dropped]
        lines = _fit_names(rows, columns, right, width)
        if lines is not None:
            return lines
    return [cut_text(line, width) for line in _table(rows, columns, right)]


def _arm_row(arm: Mapping[str, Any]) -> dict[str, str]:
    enforced = arm.get("schema_enforced")
    fails = format_failure_rate(arm["format_failures"])
    return {
        "arm": name_arm(arm),
        "question": _QUESTIONS.get(arm["question"], str(arm["question"])),
        "accuracy": format_accuracy(arm["accuracy"]),
        "95 % interval": format_interval(arm["accuracy"]),
        "format fails": f"{fails} {enforced}" if enforced else fails,
        "$/1k": format_price(arm["cost_usd_per_1k_cases"]),
        "p95": format_seconds(arm["latency_p95_s"]),
    }


def _fit_names(
    rows: Sequence[Mapping[str, str]], columns: list[str], right: set[str], width: int
) -> list[str] | None:
    """The table with names cut as far as needed; None where not even that makes it fit."""
    lines = _table(rows, columns, right)
    name = columns[0]
    longest = max(len(row[name]) for row in rows)
    excess = max(map(len, lines)) - width
    if excess <= 0:
        return lines
    if longest - excess < MIN_NAME:
        return None
    return _table([{**row, name: cut_text(row[name], longest - excess)} for row in rows], columns, right)


def _table(rows: Sequence[Mapping[str, str]], columns: Sequence[str], right: set[str]) -> list[str]:
    """The head is a row of its own: tabulate widens every headed column by two, too much for 80."""
    cells = [list(columns), *([row[column] for column in columns] for row in rows)]
    text = _tabulate()(
        cells,
        tablefmt="plain",
        disable_numparse=True,
        preserve_whitespace=False,
        colalign=["right" if column in right else "left" for column in columns],
    )
    lines = [line.rstrip() for line in text.splitlines()]
    rule = "  ".join("-" * max(map(len, column)) for column in zip(*cells, strict=True))
    return [lines[0], rule, *lines[1:]]


def render_rows(rows: Sequence[Mapping[str, str]], right: set[str], width: int) -> list[str]:
    """A table of these rows under the names of their columns; `right`: columns aligned to the right."""
    return [cut_text(line, width) for line in _table(rows, list(rows[0]), right)]


def render_rates(
    title: str, rates: Mapping[str, Mapping[str, Any]], width: int, limit: int = 20
) -> list[str]:
    """A table of named accuracies (tags, fields), worst first."""
    known = rank_rates(rates)
    rows = [
        {
            title: cut_text(show_text(name), max(MIN_NAME, width - 45)),
            "passed": format_accuracy(rate),
            "95 % interval": format_interval(rate),
            "judged": f"{rate['graded']:,}",
        }
        for name, rate in known[:limit]
    ]
    if not rows:
        return []
    lines = _table(rows, list(rows[0]), {"passed", "95 % interval", "judged"})
    return _note_rest(lines, len(known) - limit, width)


def rank_rates(rates: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """The names that were judged at all, worst first."""
    known = [(name, rate) for name, rate in rates.items() if rate["value"] is not None]
    return sorted(known, key=lambda item: (item[1]["value"], item[0]))


def render_confusion(confusion: Confusion, width: int, limit: int = 15) -> list[str]:
    """The confusion matrix where it fits; else the confusions, most frequent first."""
    matrix = build_matrix(confusion)
    lines = _render_matrix(matrix, width) if matrix is not None else None
    if lines is not None:
        return lines
    pairs = list_confusions(confusion)
    room = max(MIN_NAME, (width - 14) // 2)
    rows = [
        {
            "expected": cut_text(show_text(expected), room),
            "got": cut_text(show_text(got), room),
            "trials": f"{count:,}",
        }
        for count, expected, got in pairs[:limit]
    ]
    if not rows:
        return []
    return _note_rest(_table(rows, list(rows[0]), {"trials"}), len(pairs) - limit, width)


def _render_matrix(matrix: Matrix, width: int) -> list[str] | None:
    """A row for each expected label, a numbered column for each label; None where it is too wide.

    Labels that are never expected follow as a legend.
    """
    names = [f"{number} {show_text(label)}" for number, label in enumerate(matrix.labels, start=1)]
    head = r"expected \ got"
    rows = [
        {head: name, **{column: f"{count or '.'}" for column, count in zip(matrix.columns, row, strict=True)}}
        for name, row in zip(names, matrix.rows, strict=False)
    ]
    columns, right = [head, *matrix.columns], set(matrix.columns)
    room = width - max(map(len, _table([{**row, head: ""} for row in rows], columns, right))) + len(head)
    if room < len(head):
        return None
    lines = _table([{**row, head: cut_text(row[head], room)} for row in rows], columns, right)
    return [*lines, *(cut_text(name, width) for name in names[len(rows) :])]


def wrap_text(text: str, room: int, hanging: str = "") -> list[str]:
    """Wrapped at blanks, but never between a number and its `%` or inside an interval."""
    glued = show_text(text).replace(" %", "\0%").replace(" .. ", "\0..\0")
    lines = textwrap.wrap(glued, room, subsequent_indent=hanging, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines] or [""]


def _note_rest(lines: list[str], rest: int, width: int) -> list[str]:
    if rest > 0:
        lines = [*lines, f"... and {rest:,} more"]
    return [cut_text(line, width) for line in lines]

"""The plan of a run as text: what it would take, and what it could decide. Plain ASCII, no line too wide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict

from pytest_ftgate.model.estimate import Decidability, Estimate, Need, Range, add_needs
from pytest_ftgate.reports.finding_text import render_findings
from pytest_ftgate.reports.hostile_text import cut_text, show_text
from pytest_ftgate.reports.numbers import format_count, format_money, format_percent
from pytest_ftgate.reports.tables import wrap_text

RULE = (
    "Prompts are taken at 4 characters a token; answers are as long as the stored ones (else as the expected "
    "output) at the low end, max_tokens at the high end. Prices are list prices; retries are left out."
)
"""How the numbers are made, said once below them."""

_HEAD = ("arm", "trials", "calls", "tokens in", "tokens out", "price", "time")
_MIN_NAME = 8
_LEAST_USD = 0.001
_SHOWN_FINDINGS = 10


def render_plan(
    estimates: Sequence[Estimate], *, broken: Sequence[str], near: Sequence[str], width: int = 80
) -> list[str]:
    """The lines of all estimates, their sum, and the caps.

    `broken`: caps that the planned calls break; `near`: caps that they may reach.
    """
    lines: list[str] = []
    for estimate in estimates:
        lines += [
            cut_text(show_text(estimate.path), width),
            *_indent(_render_estimate(estimate, width - 2)),
            "",
        ]
    if len(estimates) > 1:
        total = add_needs(tuple(need for estimate in estimates for need in estimate.needs))
        lines += wrap_text(f"All {len(estimates)} evalsets: {_describe(total)}.", width)
    lines += wrap_text(RULE, width)
    lines += [line for text in near for line in wrap_text(f"warning: {text}", width, "  ")]
    lines += [line for text in broken for line in wrap_text(f"CAP BROKEN: {text}", width, "  ")]
    return lines


def _indent(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" if line else line for line in lines]


def _render_estimate(estimate: Estimate, width: int) -> list[str]:
    total = add_needs(estimate.needs)
    summed = estimate.needs if len(estimate.needs) == 1 else (*estimate.needs, total)
    rows = [_row(need) for need in summed]
    lines = _render_table(rows, width)
    texts = []
    if total.stored:
        texts.append(f"{format_count(total.stored, 'trial')} of {total.trials:,} need no call: {_STORED}.")
    if estimate.shortest is not None:
        texts.append(
            f"If {estimate.shortest.arm} is proven at the bar, arms that no gate reads are not asked: "
            f"{_describe(estimate.shortest)}."
        )
    if estimate.decidability is not None:
        texts.append(describe_decidability(estimate.decidability))
    texts += [f"note: {note}" for note in estimate.notes]
    grave = [asdict(finding) for finding in estimate.findings if finding.severity != "note"]
    return [
        *lines,
        *(line for text in texts for line in wrap_text(text, width)),
        *render_findings(grave, width, shown=_SHOWN_FINDINGS),
    ]


_STORED = "the response store answers them, or they read another trial's answer"


def describe_decidability(found: Decidability) -> str:
    """Which accuracies cannot be told from the bar, with the assumptions."""
    size = f"{format_count(found.cases, 'case')} x {format_count(found.repeats, 'repeat')}"
    bar, below, above = (format_percent(share) for share in (found.bar, found.below, found.above))
    if found.below is None and found.above is None:
        what = f"no accuracy can be told from the bar of {bar}"
    elif found.above is None:
        what = (
            f"no accuracy can be proven to reach the bar of {bar}; one of {below} or less is proven below it"
        )
    elif found.below is None:
        what = (
            f"no accuracy can be proven below the bar of {bar}; one of {above} or more is proven to reach it"
        )
    else:
        what = f"an accuracy between {below} and {above} cannot be told from the bar of {bar}"
    shared = f", correlation {found.icc:g} between repeats of a case" if found.repeats > 1 else ""
    return f"With {size}, {what} (power {format_percent(found.power)}, alpha {found.alpha:g}{shared})."


def _describe(need: Need) -> str:
    calls = _span(need.calls, _count)
    return f"{calls} calls, {_money(need.cost_usd)}, {_span(need.duration_s, _time)}"


def _row(need: Need) -> tuple[str, ...]:
    name = show_text(need.arm)
    if need.role not in ("", "candidate"):
        name = f"{name} [{need.role}]".lstrip()
    return (
        name,
        _count(need.trials) if need.arm else "-",
        _span(need.calls, _count),
        _span(need.prompt_tokens, _compact),
        _span(need.completion_tokens, _compact),
        _money(need.cost_usd),
        _span(need.duration_s, _time),
    )


def _render_table(rows: Sequence[tuple[str, ...]], width: int) -> list[str]:
    table = [_HEAD, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(_HEAD))]
    # Two blanks stand between columns; the name gives way.
    widths[0] = max(_MIN_NAME, min(widths[0], width - sum(widths[1:]) - 2 * (len(widths) - 1)))
    lines = [_line([cut_text(row[0], widths[0]), *row[1:]], widths) for row in table]
    rule = "  ".join("-" * size for size in widths)
    return [cut_text(line, width) for line in (lines[0], rule, *lines[1:])]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = cells
    padded = [
        first.ljust(widths[0]),
        *(cell.rjust(size) for cell, size in zip(rest, widths[1:], strict=True)),
    ]
    return "  ".join(padded).rstrip()


def _span(pair: Range, write: Callable[[float], str]) -> str:
    low, high = write(pair[0]), write(pair[1])
    return low if low == high else f"{low}-{high}"


def _money(pair: Range | None) -> str:
    if pair is None:
        return "unknown"
    low, high = (format_money(usd) if usd == 0 or usd >= _LEAST_USD else f"<${_LEAST_USD}" for usd in pair)
    return low if low == high else f"{low}-{high.removeprefix('$')}"


def _count(number: float) -> str:
    return f"{round(number):,}"


def _compact(number: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            scaled = number / size
            return f"{scaled:.0f}{unit}" if scaled >= 99.5 else f"{scaled:.2g}{unit}"
    return f"{number:.0f}"


def _time(seconds: float) -> str:
    if seconds < 1:
        return "0s" if seconds == 0 else "<1s"
    if seconds < 100:
        return f"{seconds:.0f}s"
    return f"{seconds / 60:.0f}m" if seconds < 100 * 60 else f"{seconds / 3600:.1f}h"

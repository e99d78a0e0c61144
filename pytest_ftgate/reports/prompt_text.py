"""Prompts compared: what each gained, and what was changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_ftgate.reports.markdown_text import escape_text, fence_text
from pytest_ftgate.reports.numbers import format_accuracy, format_count
from pytest_ftgate.reports.tables import wrap_text

_TERMINAL_LINES = 40
_MARKDOWN_CHARS = 6_000


def render_prompts(entry: Mapping[str, Any], room: int) -> list[str]:
    """The lines for a terminal, made to be shown by `finish_line`."""
    lines: list[str] = []
    for prompt in entry.get("prompts", ()):
        lines += wrap_text(_describe(entry, prompt), room, "  ")
        shown = prompt["diff"].split("\n") if prompt["diff"] else []
        lines += [f"  {line}" for line in shown[:_TERMINAL_LINES]]
        rest = len(shown) - _TERMINAL_LINES + prompt["lines_left_out"]
        if rest > 0:
            lines.append(f"  ... and {format_count(rest, 'more line')}")
    return lines


def describe_prompt_blocks(entry: Mapping[str, Any]) -> Iterator[str]:
    """The blocks for Markdown."""
    prompts = entry.get("prompts", ())
    if prompts:
        yield "### Prompts compared"
    for prompt in prompts:
        sentence = escape_text(_describe(entry, prompt))
        if not prompt["diff"]:
            yield sentence
            continue
        rest = prompt["lines_left_out"]
        more = f"\n... and {format_count(rest, 'more line')}" if rest else ""
        yield f"{sentence}\n\n{fence_text(prompt['diff'] + more, 'diff', chars=_MARKDOWN_CHARS)}"


def _describe(entry: Mapping[str, Any], prompt: Mapping[str, Any]) -> str:
    changed = (
        f"{format_count(prompt['added'], 'line')} added, {prompt['removed']:,} taken out"
        if prompt["diff"]
        else "the same text"
    )
    return f"{prompt['arm']} against {prompt['against']}: {_compare(entry, prompt)}{changed}"


def _compare(entry: Mapping[str, Any], prompt: Mapping[str, Any]) -> str:
    """'68.0 % against 61.2 %, +6.8 points (-1.0 .. +14.6); ', of the arm or of each of its draws."""
    accuracies = {arm["arm"]: arm["accuracy"] for arm in entry["arms"] if arm["role"] == "candidate"}
    pairs = [
        pair
        for pair in entry["comparisons"]
        if pair["against"] == prompt["against"]
        and pair["role"] == "candidate"
        and pair["arm"].partition("[")[0] == prompt["arm"]
    ]
    told = []
    for pair in pairs:
        points = [f"{100 * pair[name]:+.1f}" for name in ("difference", "low", "high")]
        own, other = (format_accuracy(accuracies.get(pair[name])) for name in ("arm", "against"))
        draw = pair["arm"].removeprefix(prompt["arm"])
        told.append(
            f"{draw + ' ' if draw else ''}{own} against {other}, "
            f"{points[0]} points ({points[1]} .. {points[2]}); "
        )
    return "".join(told)

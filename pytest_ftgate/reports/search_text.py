"""What the reports say of the pattern search as a whole: its control, its ceiling, its further repeats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_ftgate.reports.hostile_text import show_text
from pytest_ftgate.reports.numbers import format_count, format_percent


def describe_search(entry: Mapping[str, Any]) -> list[str]:
    """Sentences on what curing the patterns could give, and on the negative control."""
    share = entry["confirmed_share"]
    sentences = []
    # Reports of the first version lack these keys.
    ceiling, control = share.get("ceiling"), entry.get("pattern_control")
    if ceiling is not None:
        sentences.append(
            f"If every trial that shows a pattern passed, {show_text(share['best_arm'] or '')} would have "
            f"{format_percent(ceiling)}."
        )
    if control is not None:
        failed = "" if control["holds"] else ": more than chance explains, the search proves nothing here"
        sentences.append(
            f"Negative control: the same search finds a pattern in {control['found']:,} of "
            f"{control['shuffles']:,} shuffles of the grades ({format_count(control['names'], 'signature')} "
            f"handed out at random){failed}."
        )
    return sentences


def describe_further(entry: Mapping[str, Any]) -> str:
    """That cases were asked again; '' where none was."""
    count = entry.get("further_trials", 0)
    if not count:
        return ""
    noun = (
        "further repeat of cases that failed was"
        if count == 1
        else "further repeats of cases that failed were"
    )
    return f"{count:,} {noun} asked, for recurrence alone: counted in no rate."

"""A run beside its baseline, in words and as a table of flips: for the terminal and for `compare`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_ftgate.model.comparison import INCOMPARABLE
from pytest_ftgate.reports.hostile_text import quote_ends, quote_text, show_text
from pytest_ftgate.reports.numbers import format_count, format_percent
from pytest_ftgate.reports.role_text import say_difference
from pytest_ftgate.reports.tables import wrap_text

FLIPS_SHOWN, FLIPS_SHOWN_MORE = 5, 50
PATTERNS_SHOWN, PATTERNS_SHOWN_MORE = 5, 30
NAMES_SHOWN, NAMES_SHOWN_MORE = 8, 500
WAYS = ("broken", "fixed")
COST_CHANGE = 0.02
"""Of less nothing is said."""


def render_baseline(
    entry: Mapping[str, Any], room: int, *, verbosity: int = 0, unicode: bool = False
) -> list[str]:
    """The lines of an evalset's comparison with its baseline; none where none was named."""
    found = entry.get("baseline")
    if not found:
        return []
    if not found["found"]:
        return wrap_text(str(found["why"]), room)
    if not found["pairs"]:
        return wrap_text(f"baseline {found['name']}: no arm and role was judged in both runs", room)
    lines: list[str] = []
    for pair in list_pairs(entry, whole=verbosity >= 1):
        lines += _render_pair(pair, found["name"], room, verbosity, unicode)
    return lines


def list_pairs(entry: Mapping[str, Any], *, whole: bool) -> list[Mapping[str, Any]]:
    """The comparisons to show: those that a gate reads or that ship (`as_is`), or all of them."""
    gated = {(gate["arm"], gate["role"]) for gate in entry["gates"] if gate["name"] != "complete"}
    gated.add(("as_is", "candidate"))
    pairs: list[Mapping[str, Any]] = list(entry["baseline"]["pairs"])
    return [pair for pair in pairs if whole or (pair["arm"], pair["role"]) in gated] or pairs[:1]


def _render_pair(
    pair: Mapping[str, Any], name: str, room: int, verbosity: int, unicode: bool
) -> Iterator[str]:
    yield from wrap_text(describe_pair(pair, name), room)
    shown = FLIPS_SHOWN_MORE if verbosity >= 1 else FLIPS_SHOWN
    for way in WAYS:
        yield from _render_flips(pair, way, shown, room, unicode)
    for text in (
        *describe_drift(pair, PATTERNS_SHOWN_MORE if verbosity >= 1 else PATTERNS_SHOWN),
        *describe_left_out(pair, whole=verbosity >= 1),
        *describe_changes(pair),
    ):
        yield from wrap_text(text, room, "  ")


def describe_pair(pair: Mapping[str, Any], name: str) -> str:
    """The sentence: difference, interval, accuracies and flips."""
    subject = "" if (pair["arm"], pair["role"]) == ("as_is", "candidate") else f"{name_subject(pair)} "
    held = pair["pair"]
    if held is None:
        return f"{subject}against baseline {name}: no case can be compared."
    flips = ", ".join(f"{len(held[way]):,} {way}" for way in reversed(WAYS))
    return (
        f"{subject}against baseline {name}: {say_difference(held)} on {format_count(held['cases'], 'case')}, "
        f"{format_percent(held['other_accuracy'])} then, {format_percent(held['own_accuracy'])} now. {flips}."
    )


def name_subject(pair: Mapping[str, Any]) -> str:
    """'few_shot', 'few_shot (base)': the arm, and the role where it is not the candidate."""
    role = "" if pair["role"] == "candidate" else f" ({pair['role']})"
    return f"{pair['arm']}{role}"


def list_flips(pair: Mapping[str, Any], way: str, shown: int) -> tuple[Sequence[Mapping[str, Any]], int]:
    """The first flips of a way, and how many more there are."""
    if pair["pair"] is None:
        return [], 0
    told = [flip for flip in pair["flips"] if flip["way"] == way][:shown]
    return told, len(pair["pair"][way]) - len(told)


def say_counts(flip: Mapping[str, Any]) -> str:
    """'5/5 -> 0/5': passed of judged trials, then and now."""
    return f"{flip['passed_before']}/{flip['graded_before']} -> {flip['passed_now']}/{flip['graded_now']}"


def _render_flips(pair: Mapping[str, Any], way: str, shown: int, room: int, unicode: bool) -> Iterator[str]:
    flips, rest = list_flips(pair, way, shown)
    for flip in flips:
        head = f"{way:<6}  {show_text(flip['case'])}  {say_counts(flip)}"
        left = room - len(head) - 2
        asked = f"  {quote_text(flip['input'], left, unicode=unicode)}" if flip["input"] and left > 12 else ""
        yield f"{head}{asked}"
        signature = f"  {show_text(flip['signature'])}" if flip["signature"] else ""
        for word, other in (("then", flip["before"]), ("now", flip["now"])):
            is_failing = (way == "broken") == (word == "now")
            why = signature if is_failing and len(signature) < room // 2 else ""
            text = quote_ends(other, room - 10 - len(why), unicode=unicode)
            yield f"    {word:<4}  {text}{why}"
    if rest > 0:
        yield f"... and {rest:,} more {way}"


def describe_drift(pair: Mapping[str, Any], shown: int) -> list[str]:
    """Lines for the cost, for the format failures, and for each pattern that is new, gone or grown."""
    lines = []
    ratio = pair["pair"]["cost_ratio"] if pair["pair"] else None
    if ratio is not None and abs(ratio - 1) >= COST_CHANGE:
        lines.append(f"cost of a call: {ratio:.2g}x what it was")
    form = pair["form"]
    if form is not None and form["before"] != form["now"]:
        low, high = 100 * form["lower"], 100 * form["upper"]
        lines.append(
            f"format failures: {format_percent(form['before'])} then, {format_percent(form['now'])} now "
            f"({100 * form['difference']:+.1f} points, {low:+.1f} .. {high:+.1f})"
        )
    patterns = pair["patterns"]
    lines += [_describe_pattern(drift) for drift in patterns[:shown]]
    rest = (
        len(patterns) - shown + pair["patterns_left_out"]
        if len(patterns) > shown
        else pair["patterns_left_out"]
    )
    if rest > 0:
        lines.append(f"... and {rest:,} more signatures that are new or gone")
    return lines


def _describe_pattern(drift: Mapping[str, Any]) -> str:
    proof = "" if drift["is_proven"] else ", not proven"
    signature = show_text(drift["signature"])
    if drift["way"] == "new":
        seen = f"{format_count(drift['trials_now'], 'trial')} of {format_count(drift['cases_now'], 'case')}"
        return f"new pattern {signature}: {seen}{proof}"
    before = (
        f"{format_count(drift['trials_before'], 'trial')} of {format_count(drift['cases_before'], 'case')}"
    )
    if drift["way"] == "gone":
        return f"pattern gone {signature}: {before} then{proof}"
    now = f"{drift['trials_now']:,} of {format_count(drift['cases_now'], 'case')}"
    return f"pattern grown {signature}: {before} then, {now} now"


def describe_left_out(pair: Mapping[str, Any], *, whole: bool) -> list[str]:
    """One line for each reason why cases cannot be compared, with their names."""
    named: dict[str, list[str]] = {}
    for left in pair["not_comparable"]:
        named.setdefault(left["why"], []).append(show_text(left["case"]))
    shown = NAMES_SHOWN_MORE if whole else NAMES_SHOWN
    return [
        f"not compared, {INCOMPARABLE.get(why, why)}: {format_count(len(cases), 'case')} "
        f"({_join(cases, shown)})"
        for why, cases in named.items()
    ]


def _join(cases: Sequence[str], shown: int) -> str:
    rest = f" and {len(cases) - shown:,} more" if len(cases) > shown else ""
    return f"{', '.join(cases[:shown])}{rest}"


def describe_changes(pair: Mapping[str, Any]) -> list[str]:
    """What else is not as it was, in one line."""
    against = "" if pair["arm"] == pair["against_arm"] else " (it had no such arm)"
    return [f"since the baseline: {'; '.join(pair['changes'])}{against}"] if pair["changes"] else []

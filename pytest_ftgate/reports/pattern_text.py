"""The patterns of the terminal section: what fails, how often, an example, and what to try."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_ftgate.reports.hostile_text import cut_text, measure_width, quote_ends, quote_text, show_text
from pytest_ftgate.reports.numbers import format_count, format_percent
from pytest_ftgate.reports.tables import wrap_text

Pattern = Mapping[str, Any]

_TOP_PATTERNS, _MORE_PATTERNS = 3, 12
_MIN_QUOTE, _MIN_INPUT = 8, 14
_MAX_TAGS = 3
_MAX_PARTS = 3
_MAX_REASON = 140
_MAX_NAME = 48
_ANECDOTE = 3
"""Cases without which a signature is no pattern: little is said of it."""
_SHOWS_END = frozenset(("format", "call", "style", "empty"))
"""Kinds of which the end of the output may be what is wrong."""


def list_shown(patterns: Sequence[Pattern]) -> list[Pattern]:
    """The patterns that are not told by another one."""
    return [pattern for pattern in patterns if not pattern.get("told_by")]


def render_patterns(patterns: Sequence[Pattern], room: int, verbosity: int, unicode: bool) -> list[str]:
    """The confirmed patterns; without any, or from verbosity 1 on, the other signatures as well."""
    shown = list_shown(patterns)
    limit = _MORE_PATTERNS if verbosity >= 1 else _TOP_PATTERNS
    confirmed = [p for p in shown if p["reproducible"]]
    others = [p for p in shown if not p["reproducible"]]
    lines: list[str] = []
    said: set[str] = set()
    if confirmed:
        lines += ["patterns that survive every arm"]
        for p in confirmed[:limit]:
            lines += _render_pattern(p, room, verbosity, unicode, said)
    if others and (verbosity >= 1 or not confirmed):
        lines += ["", *_title_others(others, room)] if lines else _title_others(others, room)
        for p in others[:limit]:
            lines += _render_pattern(p, room, verbosity, unicode, said)
    hidden = len(shown) - min(limit, len(confirmed))
    hidden -= min(limit, len(others)) if others and (verbosity >= 1 or not confirmed) else 0
    if lines and hidden > 0:
        lines.append(f"... and {format_count(hidden, 'more signature')}{'' if verbosity >= 1 else ' (-v)'}")
    return lines


def _title_others(others: Sequence[Pattern], room: int) -> list[str]:
    if all(p["reproducible"] is None for p in others):
        return wrap_text("failures by signature (recurrence not assessed)", room)
    return wrap_text("failures by signature (no proof that they survive every arm)", room)


def _render_pattern(
    pattern: Pattern, room: int, verbosity: int, unicode: bool, said: set[str]
) -> Iterator[str]:
    """The lines of one pattern. A hint is given once: `said` are those that stand above."""
    signature, facts = show_text(pattern["signature"]), _describe_rate(pattern)
    if len(signature) + len(facts) + 2 <= room:
        yield f"{signature}  {facts}"
    else:
        yield cut_text(signature, room)
        yield cut_text(f"    {facts}", room)
    is_long = verbosity >= 1 and pattern["cases"] >= _ANECDOTE
    for number, example in enumerate(pattern["examples"][: 2 if is_long else 1]):
        yield _render_example(example, room, unicode, shows_end=pattern["kind"] in _SHOWS_END)
        if is_long and number == 0 and example.get("reason"):
            yield from _indent(f"graded: {cut_text(show_text(example['reason'][:300]), _MAX_REASON)}", room)
    texts = [describe_parts(pattern)]
    if is_long:
        texts += [*describe_recurrence(pattern), describe_tags(pattern)]
    texts.append(name_hint(pattern, said))
    if is_long and pattern["why_not"]:
        doubt = "" if pattern["reproducible"] is None else "not confirmed: "
        texts.append(f"{doubt}{pattern['why_not']}")
    for text in texts:
        if text:
            yield from _indent(text, room)


def name_hint(pattern: Pattern, said: set[str]) -> str:
    """'hint: …', where it is not among those `said` above; it is added to them."""
    hint = pattern["hint"]
    if not hint or hint in said:
        return ""
    said.add(hint)
    return f"hint: {hint}"


def _indent(text: str, room: int) -> Iterator[str]:
    return (f"    {line}" for line in wrap_text(text, room - 4, "  "))


def _describe_rate(pattern: Pattern) -> str:
    rate, where = pattern["rate"], ""
    worst = max(pattern["by_arm"], key=lambda under: under["rate"]["value"] or 0, default=None)
    if not pattern["reproducible"] and worst is not None and len(pattern["by_arm"]) > 1:
        # What an arm cures is told where it hurts, not under the arm that cured it.
        rate, where = worst["rate"], f" under {worst['arm']}"
    interval = "" if rate["low"] is None else f" [{100 * rate['low']:.0f}..{100 * rate['high']:.0f}]"
    percent, cases = format_percent(rate["value"], 0), format_count(pattern["cases"], "case")
    form = f"  {pattern['form']}" if pattern["form"] else ""
    return f"{percent} of trials{where}{interval}  {cases}{form}"


def describe_parts(pattern: Pattern) -> str:
    """'made of: charge 40 %, fee 12 %, 5 more': the parts of a wider pattern, by share of its trials."""
    parts, trials = pattern.get("parts", ()), pattern["trials"]
    if not parts or not trials:
        return ""
    shown = []
    for part in parts[:_MAX_PARTS]:
        name = show_text(_name_part(part["signature"], pattern["signature"]), unicode=True)
        shown.append(f"{cut_text(name, _MAX_NAME)} {format_percent(part['trials'] / trials, 0)}")
    rest = pattern["part_count"] - len(shown)
    return f"made of: {', '.join([*shown, *([f'{rest:,} more'] if rest > 0 else [])])}"


def _name_part(part: str, wide: str) -> str:
    """What the part says beyond the wider signature."""
    before, star, after = wide.partition("*")
    if not star:
        return part.removeprefix(f"{wide}:").removeprefix("confusion:")
    return part.removeprefix(before).removesuffix(after)


def describe_recurrence(pattern: Pattern) -> list[str]:
    """Sentences on the share of all failures, on further repeats of a case, and on each arm."""
    facts = []
    if pattern["share"] is not None:
        low, high = pattern["share_low"], pattern["share_high"]
        interval = "" if low is None or high is None else f" [{100 * low:.0f}..{100 * high:.0f}]"
        facts.append(f"{format_percent(pattern['share'], 0)} of the failures{interval}")
    expected = pattern.get("rate_expected")
    if expected is not None and expected["value"] is not None:
        facts.append(f"{format_percent(expected['value'], 0)} of the trials that expect this label")
    if pattern["recurrence"] is not None:
        facts.append(f"recurs in {format_percent(pattern['recurrence'], 0)} of a hit case's other repeats")
    arms = [
        f"{show_text(under['arm'])} {format_percent(under['rate']['value'], 0)}"
        for under in pattern["by_arm"]
    ]
    return ["; ".join(facts), f"by arm: {', '.join(arms)}" if len(arms) > 1 else ""]


def describe_tags(pattern: Pattern) -> str:
    """'more often with tag eu: 14 of 30 cases, 3 of 90 without (p 0.002)', at most three tags."""
    texts = []
    for tag in pattern.get("tags", ())[:_MAX_TAGS]:
        name, cases = (
            cut_text(show_text(tag["tag"], unicode=True), _MAX_NAME),
            format_count(tag["cases"], "case"),
        )
        without = f"{tag['all_hits'] - tag['hits']:,} of {tag['all_cases'] - tag['cases']:,} without"
        texts.append(f"{name}: {tag['hits']:,} of {cases}, {without} ({_format_p(tag['p_holm'])})")
    return f"more often with tag {'; '.join(texts)}" if texts else ""


def _format_p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p {p:.2g}"


def _render_example(example: Mapping[str, Any], room: int, unicode: bool, *, shows_end: bool) -> str:
    """`tk-017  expected "refund"  got "charge"  "I was billed after ..."`, within the room."""
    name = cut_text(show_text(example["case"]), 24)
    texts = [("expected ", example["expected"]), ("got ", example["output"]), ("", example["input"])]
    parts = [(label, text) for label, text in texts if text is not None or label == "got "]
    left = room - 4 - len(name) - sum(2 + len(label) for label, _ in parts)
    wanted = [measure_width(quote_text(text, room, unicode=unicode)) for _, text in parts]
    # What is left for the input may be too little to tell anything.
    if len(parts) > 1 and not parts[-1][0] and left - sum(wanted[:-1]) < min(_MIN_INPUT, wanted[-1]):
        parts, wanted = parts[:-1], wanted[:-1]
        left += 2
    rooms = _share_room(wanted, left)
    shown = []
    for (label, text), size in zip(parts, rooms, strict=True):
        quote = quote_ends if shows_end and label == "got " else quote_text
        shown.append(f"{label}{quote(text, size, unicode=unicode)}")
    return "    " + "  ".join([name, *shown])


def _share_room(wanted: Sequence[int], room: int) -> list[int]:
    """Columns for each text: what it wants, or an even share of what the shorter ones leave."""
    sizes = [0] * len(wanted)
    for rank, index in enumerate(sorted(range(len(wanted)), key=lambda index: wanted[index])):
        sizes[index] = max(_MIN_QUOTE, min(wanted[index], room // (len(wanted) - rank)))
        room -= sizes[index]
    return sizes

"""The terminal section of an evalset: verdict, evidence, price, next command. Plain ASCII by default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_ftgate.reports.arm_notes import describe_arms
from pytest_ftgate.reports.baseline_text import render_baseline
from pytest_ftgate.reports.finding_text import render_findings
from pytest_ftgate.reports.hostile_text import cut_text, defuse_commands, show_text
from pytest_ftgate.reports.judge_text import describe_judges, describe_spending
from pytest_ftgate.reports.numbers import format_count, format_odds
from pytest_ftgate.reports.pattern_text import render_patterns
from pytest_ftgate.reports.prompt_text import render_prompts
from pytest_ftgate.reports.retrieval_text import describe_searches
from pytest_ftgate.reports.role_tables import render_role_tags
from pytest_ftgate.reports.role_text import describe_roles
from pytest_ftgate.reports.search_text import describe_further, describe_search
from pytest_ftgate.reports.split_text import describe_size
from pytest_ftgate.reports.tables import name_arm, render_arms, render_confusion, render_rates, wrap_text
from pytest_ftgate.reports.terminal_prices import render_plan, render_prices

TITLES = {
    "not_asked": "NOT ASKED",
    "incomplete": "INCOMPLETE",
    "not_ready": "NOT READY",
    "bar_met": "BAR MET",
    "fix_call": "FIX THE CALL",
    "improve_prompt": "IMPROVE THE PROMPT",
    "add_context": "ADD CONTEXT",
    "use_rag": "USE RAG",
    "fine_tune_justified": "FINE-TUNE JUSTIFIED",
    "partial_pattern": "PARTIAL PATTERN",
    "no_pattern": "NO PATTERN",
    "inconclusive": "INCONCLUSIVE",
}
INDENT = "  "
MIN_WIDTH = 40
_TO_DO = frozenset(("incomplete", "not_ready", "fix_call", "improve_prompt", "add_context", "use_rag"))
_TOP_FINDINGS, _MORE_FINDINGS = 5, 50


def render_evalset(
    entry: Mapping[str, Any], *, width: int = 80, verbosity: int = 0, unicode: bool = False
) -> list[str]:
    """The lines of one evalset of a report, none wider than `width` columns (at least 40).

    `verbosity` below 0: the sentence and the gates; 1 or more: more patterns, confusion, tags, fields and
    what the arms' own prompts change. `unicode`: show printable characters beyond ASCII in raw texts
    instead of their escapes.
    """
    width = max(MIN_WIDTH, width)
    room = width - len(INDENT)
    lines = [*_render_title(entry, width, verbosity), "", *wrap_text(_describe_verdict(entry), room)]
    if verbosity < 0:
        lines += ["", *(line for gate in entry["gates"] for line in describe_gate(gate, room))]
    else:
        for block in _blocks(entry, room, verbosity, unicode):
            if block:
                lines += ["", *block]
    return [finish_line(line, width, first=index == 0, unicode=unicode) for index, line in enumerate(lines)]


def _blocks(entry: Mapping[str, Any], room: int, verbosity: int, unicode: bool) -> Iterator[list[str]]:
    notes = [line for text in describe_arms(entry) for line in wrap_text(text, room, "    ")]
    yield [*render_arms(entry["arms"], room), *notes, *_describe_absent_arms(entry["arms"], room)]
    yield [line for text in describe_searches(entry) for line in wrap_text(text, room, "    ")]
    yield [line for text in describe_roles(entry) for line in wrap_text(text, room)]
    yield render_baseline(entry, room, verbosity=verbosity, unicode=unicode)
    yield render_patterns(entry["patterns"], room, verbosity, unicode)
    if further := describe_further(entry):
        yield wrap_text(further, room)
    if verbosity >= 1:
        yield from (render_role_tags(pair, room) for pair in entry.get("roles", ()))
        yield [line for text in describe_search(entry) for line in wrap_text(text, room)]
        yield render_confusion(entry["confusion"], room)
        yield render_rates("tag", entry["tags"], room)
        yield render_rates("field", entry["fields"], room)
        yield render_prompts(entry, room)
        yield [line for text in describe_judges(entry["judges"]) for line in wrap_text(text, room)]
    yield render_findings(entry["findings"], room, shown=_MORE_FINDINGS if verbosity >= 1 else _TOP_FINDINGS)
    yield wrap_text(said, room) if (said := _describe_odds_and_spending(entry)) else []
    yield render_prices(entry.get("economics"), room)
    yield render_plan(entry["verdict"]["plan"], room, verbosity)
    yield _render_close(entry, room)


def finish_line(line: str, width: int, *, first: bool, unicode: bool) -> str:
    """The last guard of every line: visible, harmless, within the width."""
    line = show_text(line if first or not line else INDENT + line, unicode=unicode)
    return cut_text(defuse_commands(line), width).rstrip()


def _render_title(entry: Mapping[str, Any], width: int, verbosity: int) -> list[str]:
    models = entry["models"] or {role: [model] for role, model in entry["requested_models"].items()}
    who = ", ".join(f"{role} {'/'.join(names)}" for role, names in models.items() if names)
    size = describe_size(entry)
    line = "   ".join(part for part in (entry["path"], who, size) if part)
    if len(line) <= width:
        lines = [line]
    else:
        lines = [entry["path"], "   ".join(part for part in (who, size) if part)]
    if not entry["tied_to_prompt"] and verbosity >= 0:
        lines.append("answers not tied to this prompt: recorded without the hash of their request")
    return lines


def _describe_verdict(entry: Mapping[str, Any]) -> str:
    verdict = entry["verdict"]
    decision, reason = verdict["decision"], verdict["reason"]
    title = TITLES.get(decision, show_text(str(decision)).upper())
    also = f" (also: {', '.join(verdict['also'])})" if verdict["also"] else ""
    # Lower case after the colon, unless the sentence opens with a name.
    if reason[:1].isupper() and reason[1:2].islower():
        reason = reason[0].lower() + reason[1:]
    return f"{title}{also}: {reason}"


def describe_gate(gate: Mapping[str, Any], room: int) -> list[str]:
    """One gate with the whole of its reason, wrapped."""
    text = f"{str(gate['outcome']).upper()} gate {gate['name']}{_name_subject(gate)}: {gate['reason']}"
    return wrap_text(text, room, INDENT)


def _name_subject(gate: Mapping[str, Any]) -> str:
    """' [few_shot teacher]' where the gate judges another arm or role than the usual."""
    usual = (gate["arm"], gate["role"]) == ("as_is", "candidate")
    return "" if usual else f" [{gate['arm']} {gate['role']}]"


def _describe_absent_arms(arms: Sequence[Mapping[str, Any]], room: int) -> list[str]:
    words = {"not_run": "not run", "skipped": "skipped", "waived": "waived"}
    lines = []
    for arm in arms:
        if arm["status"] in words:
            why = f": {arm['reason']}" if arm["reason"] else ""
            lines += wrap_text(f"{words[arm['status']]}: {name_arm(arm)}{why}", room, "    ")
    same = [arm for arm in arms if arm["status"] == "run" and arm["identical_repeats"]]
    if same:
        dropped = sum(arm["repeats_dropped"] for arm in same)
        left_out = f"{format_count(dropped, 'further trial')} left out, " if dropped else ""
        lines += wrap_text(
            f"Repeats of {', '.join(name_arm(arm) for arm in same)} are identical: they buy no evidence; "
            f"{left_out}recurrence across repeats not assessed.",
            room,
        )
    return lines


def _render_close(entry: Mapping[str, Any], room: int) -> list[str]:
    verdict = entry["verdict"]
    texts = []
    # What a faulty evalset needs stands beside each fault already.
    if verdict["changes"] and not any(finding["blocks"] for finding in entry["findings"]):
        texts.append(f"{name_changes(verdict)}: {'; '.join(verdict['changes'])}.")
    if verdict["next_command"]:
        texts.append(f"Next: {verdict['next_command']}")
    return [line for text in texts for line in wrap_text(text, room)]


def name_changes(verdict: Mapping[str, Any]) -> str:
    """What the list of changes is: a thing to do, or what the verdict hangs on."""
    return "What to do" if verdict["decision"] in _TO_DO else "What would change this"


def _describe_odds_and_spending(entry: Mapping[str, Any]) -> str:
    odds = format_odds(entry["verdict"]["p"])
    return " ".join(part for part in (odds, describe_spending(entry)) if part)

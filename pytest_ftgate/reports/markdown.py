"""The report as Markdown: for a step summary, a pull-request comment, or a decision paper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_ftgate.reports.arm_notes import describe_arms
from pytest_ftgate.reports.baseline_markdown import list_baseline_blocks
from pytest_ftgate.reports.capability_markdown import list_card_blocks
from pytest_ftgate.reports.confusion import build_matrix, list_confusions
from pytest_ftgate.reports.judge_text import describe_judges, describe_spending
from pytest_ftgate.reports.markdown_fit import Block, fit_blocks, rank_blocks
from pytest_ftgate.reports.markdown_prices import list_plan_blocks, list_price_blocks
from pytest_ftgate.reports.markdown_text import build_table, escape_code, escape_text, fence_text
from pytest_ftgate.reports.markdown_verdicts import list_verdicts, name_verdict, tell_unevaluated
from pytest_ftgate.reports.numbers import (
    format_accuracy,
    format_count,
    format_failure_rate,
    format_interval,
    format_odds,
    format_percent,
    format_price,
    format_seconds,
)
from pytest_ftgate.reports.pattern_text import (
    describe_parts,
    describe_recurrence,
    describe_tags,
    list_shown,
    name_hint,
)
from pytest_ftgate.reports.prompt_text import describe_prompt_blocks
from pytest_ftgate.reports.retrieval_text import describe_searches
from pytest_ftgate.reports.role_tables import list_role_tables
from pytest_ftgate.reports.role_text import describe_roles
from pytest_ftgate.reports.search_text import describe_further, describe_search
from pytest_ftgate.reports.split_text import describe_size
from pytest_ftgate.reports.tables import rank_rates
from pytest_ftgate.reports.terminal import name_changes

MAX_BYTES = 65_000
"""GitHub refuses comments of 65,536 characters or more."""

_MAX_PATTERNS = 8
_MAX_CONFUSIONS, _MAX_RATES, _MAX_NAME = 15, 20, 80


def render_report(report: Mapping[str, Any], *, max_bytes: int = MAX_BYTES) -> str:
    """The report as GitHub-flavoured Markdown of at most `max_bytes` bytes of UTF-8.

    Where it is too long, whole blocks are left out, verdicts last, with a note. Raw texts can't leave their
    block, name users, make links, or start a workflow command.
    """
    return fit_blocks(list(_blocks(report)), max_bytes)


def _blocks(report: Mapping[str, Any]) -> Iterator[Block]:
    yield Block(0, "# ftgate: is fine-tuning justified?")
    yield from rank_blocks(0, [list_verdicts(report["evalsets"])])
    yield from rank_blocks(1, list_card_blocks(report.get("capability")))
    for entry in report["evalsets"]:
        yield from rank_blocks(0, _verdict_blocks(entry))
        yield from rank_blocks(1, _result_blocks(entry))
        yield from rank_blocks(2, _pattern_blocks(entry["patterns"]))
        yield from rank_blocks(3, _detail_blocks(entry))
        yield from rank_blocks(2, _closing_blocks(entry))
    yield from rank_blocks(2, _header_blocks(report["header"]))


def _verdict_blocks(entry: Mapping[str, Any]) -> Iterator[str]:
    verdict = entry["verdict"]
    yield f"## {escape_text(entry['path'])}"
    also = f" (also: {escape_text(', '.join(verdict['also']))})" if verdict["also"] else ""
    yield f"**{name_verdict(entry)}**{also}: {escape_text(verdict['reason'])}"
    yield tell_unevaluated(entry)
    size = describe_size(entry)
    models = ", ".join(f"{role} {'/'.join(names)}" for role, names in entry["models"].items() if names)
    models += "." if models else ""
    tied = "" if entry["tied_to_prompt"] else " Answers are not tied to this prompt."
    yield f"{size}. {escape_text(models)}{tied}".strip()


def _result_blocks(entry: Mapping[str, Any]) -> Iterator[str]:
    yield _arms_table(entry["arms"])
    if notes := [*describe_arms(entry), *describe_roles(entry), *describe_searches(entry)]:
        yield "\n".join(f"- {escape_text(line)}" for line in notes)
    yield from list_role_tables(entry)
    yield _gates_table(entry["gates"])
    yield from list_baseline_blocks(entry)


def _detail_blocks(entry: Mapping[str, Any]) -> Iterator[str]:
    if search := [text for text in (*describe_search(entry), describe_further(entry)) if text]:
        yield "\n".join(f"- {escape_text(text)}" for text in search)
    yield from _breakdown_blocks(entry)
    yield from describe_prompt_blocks(entry)
    if entry["judges"]:
        yield "\n".join(f"- {escape_text(line)}" for line in describe_judges(entry["judges"]))
    yield from _finding_blocks(entry["findings"])


def _arms_table(arms: Sequence[Mapping[str, Any]]) -> str:
    head = ("arm", "question", "accuracy", "95 % interval", "format fails", r"\$/1k cases", "p95")
    rows = []
    for arm in arms:
        name = escape_text(arm["arm"] if arm["role"] == "candidate" else f"{arm['arm']} ({arm['role']})")
        if arm["status"] != "run":
            why = f": {arm['reason']}" if arm["reason"] else ""
            status = escape_text(f"{arm['status'].replace('_', ' ')}{why}")
            rows.append([name, str(arm["question"]), status, "", "", "", ""])
            continue
        fails = format_failure_rate(arm["format_failures"])
        enforced = f" {arm['schema_enforced']}" if arm["schema_enforced"] else ""
        rows.append(
            [
                name,
                str(arm["question"]),
                format_accuracy(arm["accuracy"]),
                format_interval(arm["accuracy"]),
                escape_text(f"{fails}{enforced}"),
                format_price(arm["cost_usd_per_1k_cases"]),
                format_seconds(arm["latency_p95_s"]),
            ]
        )
    return build_table(head, rows)


def _gates_table(gates: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [escape_text(gate["name"]), escape_text(gate["arm"]), gate["outcome"], escape_text(gate["reason"])]
        for gate in gates
    ]
    return build_table(("gate", "arm", "outcome", "why"), rows)


def _pattern_blocks(patterns: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    ranked = sorted(list_shown(patterns), key=lambda pattern: not pattern["reproducible"])
    if not ranked:
        return
    yield "### Failure patterns"
    said: set[str] = set()
    for pattern in ranked[:_MAX_PATTERNS]:
        yield _describe_pattern(pattern, said)
        for example in pattern["examples"][:1]:
            expected = (
                f", expected {escape_code(example['expected'][:120])}"
                if example["expected"] is not None
                else ""
            )
            reason = f" ({escape_text(example['reason'][:300])})" if example.get("reason") else ""
            output = example["output"] if example["output"] is not None else "(no text)"
            yield f"Case {escape_code(example['case'])}{expected}{reason}:\n\n{fence_text(output)}"
    if len(ranked) > _MAX_PATTERNS:
        yield f"... and {format_count(len(ranked) - _MAX_PATTERNS, 'more signature')}"


def _describe_pattern(pattern: Mapping[str, Any], said: set[str]) -> str:
    """One line of facts, and a list of what else is known; no hint that is `said` above."""
    rate = pattern["rate"]
    shown = {True: "reproducible", False: "not shown to be reproducible", None: "recurrence not assessed"}
    facts = [
        f"{format_percent(rate['value'])} of trials ({format_interval(rate)})",
        format_count(pattern["cases"], "case"),
        *([pattern["form"]] if pattern["form"] else []),
        shown[pattern["reproducible"]],
    ]
    texts = [describe_parts(pattern), *describe_recurrence(pattern), describe_tags(pattern)]
    texts.append(name_hint(pattern, said))
    lines = "\n".join(f"- {escape_text(text)}" for text in texts if text)
    head = f"{escape_code(pattern['signature'])}: {', '.join(facts)}"
    return f"{head}\n\n{lines}" if lines else head


def _breakdown_blocks(entry: Mapping[str, Any]) -> Iterator[str]:
    """The confusions, and the rates by tag and by field, worst first."""
    tables = [
        _confusion_table(entry["confusion"]),
        _rates_table("tag", entry["tags"]),
        _rates_table("field", entry["fields"]),
    ]
    if any(tables):
        yield "### Where it fails (arm `as_is`)"
    yield from (table for table in tables if table)


def _confusion_table(confusion: Mapping[str, Mapping[str, int]]) -> str:
    matrix = build_matrix(confusion)
    if matrix is not None:
        names = [
            f"{number}. {escape_text(label[:_MAX_NAME])}"
            for number, label in enumerate(matrix.labels, start=1)
        ]
        rows = [
            [name, *(f"{count or '.'}" for count in row)]
            for name, row in zip(names, matrix.rows, strict=False)
        ]
        legend = names[len(rows) :]
        table = build_table((r"expected \\ got", *matrix.columns), rows)
        return f"{table}\n\n{'; '.join(legend)}" if legend else table
    pairs = list_confusions(confusion)
    if not pairs:
        return ""
    rows = [
        [escape_text(expected[:_MAX_NAME]), escape_text(got[:_MAX_NAME]), f"{count:,}"]
        for count, expected, got in pairs[:_MAX_CONFUSIONS]
    ]
    return _note_rest(build_table(("expected", "got", "trials"), rows), len(pairs) - len(rows))


def _rates_table(title: str, rates: Mapping[str, Mapping[str, Any]]) -> str:
    ranked = rank_rates(rates)
    if not ranked:
        return ""
    rows = [
        [escape_text(name[:_MAX_NAME]), format_accuracy(rate), format_interval(rate), f"{rate['graded']:,}"]
        for name, rate in ranked[:_MAX_RATES]
    ]
    return _note_rest(
        build_table((title, "passed", "95 % interval", "judged"), rows), len(ranked) - len(rows)
    )


def _note_rest(table: str, rest: int) -> str:
    return f"{table}\n\n... and {rest:,} more" if rest > 0 else table


def _finding_blocks(findings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not findings:
        return
    yield "### Findings"
    for finding in findings[:20]:
        cases = f" ({escape_text(', '.join(finding['cases'][:8]))})" if finding["cases"] else ""
        remedy = f" {escape_text(finding['remedy'])}" if finding["remedy"] else ""
        yield f"- {finding['severity']}: {escape_text(finding['what'][:600])}{cases}.{remedy}"


def _closing_blocks(entry: Mapping[str, Any]) -> Iterator[str]:
    verdict = entry["verdict"]
    odds = format_odds(verdict["p"])
    if odds:
        yield odds
    yield from list_price_blocks(entry.get("economics"))
    yield from list_plan_blocks(verdict["plan"])
    if verdict["changes"]:
        yield f"{name_changes(verdict)}: {escape_text('; '.join(verdict['changes']))}."
    if verdict["next_command"]:
        yield f"Next: {escape_code(verdict['next_command'])}"
    if entry["requests_sent"]:
        yield escape_text(describe_spending(entry))


def _header_blocks(header: Mapping[str, Any]) -> Iterator[str]:
    facts = [f"{name}: {header[name]}" for name in ("run", "started_at", "source") if header.get(name)]
    if facts:
        yield f"*{escape_text('; '.join(facts))}*"

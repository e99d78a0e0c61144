"""What GitHub is told: annotations, the step summary, a comment that can be found again, outputs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_ftgate.reports.hostile_text import show_text
from pytest_ftgate.reports.markdown import render_report

MAX_SUMMARY_BYTES = 1024 * 1024
"""GitHub refuses a step summary of more than 1 MiB."""
MAX_COMMENT = 65_536
"""GitHub refuses a comment of more characters; bytes are counted here, which are never fewer."""
MAX_ANNOTATIONS = 10
"""GitHub shows ten annotations of a kind a step."""
MAX_MESSAGE = 1_000
MARK = "<!-- pytest-ftgate comment: {key} -->"
_ORDER = (
    "incomplete", "not_ready", "fine_tune_justified", "partial_pattern", "no_pattern", "use_rag",
    "add_context", "improve_prompt", "fix_call", "inconclusive", "bar_met", "not_asked",
)  # fmt: skip
_NOTHING = (
    "# ftgate: no report\n\nNo evalset was decided: none changed or none was found, or pytest ended before "
    "(see its log). Nothing was evaluated.\n"
)
_TITLES = {"gate": "gate", "must_pass": "must_pass case", "error": "grader error", "problem": "problem"}


def list_annotations(report: Mapping[str, Any]) -> Iterator[str]:
    """A workflow command for each thing that fails the build, at its line of the evalset.

    At most ten, the last of which says how many more there are.
    """
    failures = sorted(report.get("failures", ()), key=lambda failure: failure["sort"] != "must_pass")
    shown = failures if len(failures) <= MAX_ANNOTATIONS else failures[: MAX_ANNOTATIONS - 1]
    for failure in shown:
        place = {"file": failure["file"], "line": failure["line"]} if failure["file"] else {}
        title = f"ftgate: {_TITLES[failure['sort']]} {failure['name']}"
        yield write_command("error", failure["reason"], title=title, **place)
    if len(failures) > len(shown):
        rest = len(failures) - len(shown)
        yield write_command("error", f"{rest:,} more failures; see the summary", title="ftgate")


def write_command(command: str, message: str, **properties: object) -> str:
    """One workflow command. Texts are made visible first, then escaped as GitHub's runner unescapes them."""
    given = [
        f"{name}={_escape_property(show_text(str(value)[:MAX_MESSAGE], unicode=True))}"
        for name, value in properties.items()
        if value is not None
    ]
    head = f"::{command} {','.join(given)}" if given else f"::{command}"
    return f"{head}::{_escape_data(show_text(message[:MAX_MESSAGE], unicode=True))}"


def _escape_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")


def render_summary(report: Mapping[str, Any] | None, used_bytes: int = 0) -> str:
    """The report for the step summary, below what its file may still take; '' where nothing fits."""
    if report is None:
        return _NOTHING
    room = MAX_SUMMARY_BYTES - used_bytes - 2
    return render_report(report, max_bytes=room) if room > 1_000 else ""


def render_comment(report: Mapping[str, Any] | None, key: str, note: str = "") -> str:
    """The report as a comment, below GitHub's limit. Its first line is a mark by which it is found again."""
    head = f"{mark_of(key)}\n"
    tail = f"\n{note}\n" if note else ""
    room = MAX_COMMENT - len((head + tail).encode()) - 1
    body = _NOTHING if report is None else render_report(report, max_bytes=room)
    return f"{head}{body}{tail}"


def mark_of(key: str) -> str:
    """The first line of the comment of this key."""
    return MARK.format(key="".join(char for char in key if char.isalnum() or char in "._-")[:80])


def choose_decision(entries: Sequence[Mapping[str, Any]]) -> str:
    """The verdict of the one evalset; of several the one that asks most of the reader; '' of none."""
    found = [entry["verdict"]["decision"] for entry in entries]
    known = [decision for decision in _ORDER if decision in found]
    return (known or found or [""])[0]


def list_outputs(report: Mapping[str, Any] | None, path: str) -> dict[str, str]:
    """The outputs of a step: `decision`, `decisions` (JSON: evalset → verdict), `report`, `failures`.

    Empty where the run left no report.
    """
    if report is None:
        return {"decision": "", "decisions": "{}", "report": "", "failures": ""}
    entries = report["evalsets"]
    decisions = {entry["name"]: entry["verdict"]["decision"] for entry in entries}
    return {
        "decision": show_text(choose_decision(entries)),
        "decisions": json.dumps(decisions),
        "report": path,
        "failures": str(len(report.get("failures", ()))),
    }

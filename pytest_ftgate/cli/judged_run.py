"""The run that judging again makes: its folder, its reports, and what the terminal shows of it."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pytest_ftgate.baseline_book import BaselineBook, list_required
from pytest_ftgate.baselines import describe_baseline
from pytest_ftgate.capability import settle_suites
from pytest_ftgate.cli.check import PARTS_NOTE
from pytest_ftgate.errors import FtgateError, SettingsError
from pytest_ftgate.failing import FailedItem, list_failures, list_problems
from pytest_ftgate.glue.outcome import judge_item
from pytest_ftgate.model.evalset import AS_IS, CANDIDATE
from pytest_ftgate.origin import KEY, encode_origin, trace_origin
from pytest_ftgate.registry import Registries
from pytest_ftgate.rejudge import Rejudged
from pytest_ftgate.reports.capability_terminal import render_card
from pytest_ftgate.reports.hostile_text import defuse_commands, show_text
from pytest_ftgate.reports.report import build_report
from pytest_ftgate.reports.terminal import render_evalset
from pytest_ftgate.storage.records import write_records
from pytest_ftgate.storage.redaction import Redactor
from pytest_ftgate.storage.run_folder import RunFolder

RECORDS, REPORT = "records.jsonl", "report.json"
WIDTH = 80
TOGETHER = "together"
"""A report's `distribution` where one process saw whole evalsets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRun:
    """The new run: its report, its folder, and the `must_pass` cases and grader errors that fail a build.

    `notes`: what of a run under pytest does not hold here.
    """

    report: Mapping[str, Any]
    folder: Path
    failures: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def is_green(self) -> bool:
        """Whether `pytest --ftgate` would have passed: every gate, every `must_pass` case."""
        gates = [gate for entry in self.report["evalsets"] for gate in entry["gates"]]
        is_incomplete = any(e["verdict"]["decision"] == "incomplete" for e in self.report["evalsets"])
        return not self.failures and not is_incomplete and not any(g["outcome"] == "failed" for g in gates)


def check_reports(reports: Sequence[tuple[str, Path]], registries: Registries) -> None:
    """Refuse an unknown kind of report before anything is judged. Raises SettingsError."""
    for kind, _ in reports:
        if kind not in registries.reporters:
            known = ", ".join(registries.reporters.names())
            raise SettingsError(f"--report: {kind!r} is no kind of report. Known: {known}. ({PARTS_NOTE})")


def write_run(
    directory: Path,
    header: dict[str, Any],
    judged: Sequence[Rejudged],
    reports: Sequence[tuple[str, Path]],
    registries: Registries,
    book: BaselineBook | None = None,
) -> JudgedRun:
    """Write a new run folder under `directory`, and the reports asked for. Raises FtgateError.

    `book` says whether the run is a baseline, too.
    """
    folder = RunFolder.create(directory)
    redactor = Redactor(os.environ)
    entries, card = settle_suites([(each.plan, each.summary, each.judgement) for each in judged])
    run = folder.path.name
    origins = {e.plan.evalset.name: e.origin or trace_origin(run, e.plan, e.summary) for e in judged}
    told = {KEY: {name: encode_origin(origin) for name, origin in origins.items()}}
    required = list_required((each.summary, each.judgement) for each in judged)
    failures = [
        failure
        for each, (plan, _, judgement) in zip(judged, entries, strict=True)
        for failure in list_failures(plan, judgement.gates, _find_failures(each))
    ]
    report = redactor.redact_json(
        build_report({"run": run, **header, **told}, entries, card, [*failures, *list_problems(required)])
    )
    records = folder.path / RECORDS
    write_records(records, [record for each in judged for record in each.records], redact=redactor)
    notes = _keep_baselines(folder.path, judged, registries, book, redactor)
    folder.write_json(REPORT, report)
    folder.mark_latest()
    for kind, path in reports:
        try:
            registries.reporters.get(kind).write(report, records, path)
        except Exception as error:  # noqa: BLE001 - reporters are other people's code
            said = str(error) if isinstance(error, FtgateError) else f"{type(error).__name__}: {error}"
            raise SettingsError(f"--report {kind}={path} was not written: {said}") from None
    told_failures = (*_tell_items(report), *required)
    return JudgedRun(report=report, folder=folder.path, failures=told_failures, notes=notes)


def _keep_baselines(
    folder: Path,
    judged: Sequence[Rejudged],
    registries: Registries,
    book: BaselineBook | None,
    redactor: Redactor,
) -> tuple[str, ...]:
    """Keep what the run is as a baseline; shards are none. Returns what is to be said of it."""
    book = book or BaselineBook(directory=folder.parent.parent, folder=Path.cwd())
    made = [
        describe_baseline(each.plan, each.records, each.summary, registries)
        for each in judged
        if each.plan.shard is None
    ]
    return tuple(book.keep(folder, made, redactor)) if made else ()


def make_header(
    given: Mapping[str, Any],
    judged: Sequence[Rejudged],
    *,
    origin: Mapping[str, Any],
    started: datetime,
    changed: Mapping[str, Any],
) -> dict[str, Any]:
    """A report's header: the settings of the run it came from (`given` is its header), `changed`.

    `origin`: what was done (`source`), and to which runs.
    """
    from pytest_ftgate.glue.output import git_state, versions

    plans = [each.plan.evalset for each in judged]
    models = [each.summary.resolved_models for each in judged]
    return {
        "started_at": started.isoformat(timespec="seconds"),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        **origin,
        "settings": {**given.get("settings", {}), **changed},
        "versions": versions(),
        "git": git_state(str(Path.cwd())),
        "models": {
            evalset.name: {role: list(names) for role, names in found.items()}
            for evalset, found in zip(plans, models, strict=True)
        },
        "evalsets": {evalset.name: evalset.digest for evalset in plans},
        "tied_to_prompt": all(each.summary.tied_to_prompt for each in judged),
        "distribution": given.get("distribution", TOGETHER),
    }


def _tell_items(report: Mapping[str, Any]) -> list[str]:
    """A line for each item that fails the build by itself."""
    paths = {entry["name"]: entry["path"] for entry in report["evalsets"]}
    words = {"must_pass": "FAILED", "error": "ERROR"}
    return [
        f"{words[failure['sort']]} {paths[failure['evalset']]}::{failure['name']} - {failure['reason']}"
        for failure in report["failures"]
        if failure["sort"] in words
    ]


def _find_failures(judged: Rejudged) -> list[FailedItem]:
    """Items that fail a build by themselves: broken `must_pass` cases, crashed graders."""
    cases = {case.id: case for case in judged.plan.evalset.cases}
    gates = [gate for gate in judged.plan.evalset.gates if gate.name != "complete"]
    gated = {(gate.arm, gate.role) for gate in gates} or {(AS_IS, CANDIDATE)}
    found = []
    for item, result in judged.items:
        is_gated = (item.arm, item.role) in gated
        status, reason = judge_item(cases[item.case], result.records, is_gated=is_gated)
        if status in ("failed", "error"):
            found.append(
                FailedItem(arm=item.arm, role=item.role, case=item.case, status=status, reason=reason)
            )
    return found


def show_run(judged: JudgedRun, *, as_json: bool, verbosity: int) -> None:
    """Print the section of each evalset, then what failed, then the gates."""
    for note in judged.notes:
        print(f"note: {show_text(note)}", file=sys.stderr)
    if as_json:
        print(json.dumps(judged.report, indent=2))
        return
    for entry in judged.report["evalsets"]:
        print("\n".join(render_evalset(entry, width=WIDTH, verbosity=verbosity)))
        print()
    if card := render_card(judged.report.get("capability"), width=WIDTH, verbosity=verbosity):
        print("\n".join(card), end="\n\n")
    lines = [*judged.failures, *(line for e in judged.report["evalsets"] for line in _describe_gates(e))]
    for line in lines:
        for part in wrap_line(line):
            print(defuse_commands(part))
    print(f"{show_text(_describe_origin(judged.report['header']))}; no model was called")
    print(f"run folder: {os.path.relpath(judged.folder)}")


def wrap_line(line: str) -> list[str]:
    """Wrapped at blanks only: a name can be copied, and no escape of a hostile text is cut in two."""
    return textwrap.wrap(
        show_text(line), WIDTH, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False
    )


def _describe_origin(header: Mapping[str, Any]) -> str:
    if header["source"] == "merge":
        return f"merged from {len(header['merged_from'])} shards"
    return f"judged again from run {header['judged_from']}"


def _describe_gates(entry: Mapping[str, Any]) -> list[str]:
    names = [gate["name"] for gate in entry["gates"]]
    lines = []
    for gate in entry["gates"]:
        subject = f"[{gate['arm']}-{gate['role']}]" if names.count(gate["name"]) > 1 else ""
        name = f"{entry['path']}::gate::{gate['name']}{subject}"
        lines.append(f"{gate['outcome'].upper()} {name} - {gate['reason']}")
    return lines


def parse_report(text: str) -> tuple[str, Path]:
    """KIND=PATH. Raises SettingsError."""
    kind, equals, path = text.partition("=")
    if not (equals and kind and path):
        raise SettingsError(f"--report: {text!r} is not usable; wanted: KIND=PATH, such as json=report.json")
    return kind, Path(path)

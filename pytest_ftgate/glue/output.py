"""Where a run goes: the run folder, the reports that were asked for, and the terminal."""

from __future__ import annotations

import json
import operator
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pytest_ftgate import __version__
from pytest_ftgate.errors import FtgateError, StorageError
from pytest_ftgate.glue.hooks import call_hook
from pytest_ftgate.glue.session import FtgateSession
from pytest_ftgate.model.build_failure import BuildFailure
from pytest_ftgate.model.capability import CapabilityCard
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.summary import Summary
from pytest_ftgate.model.trial import Plan, TrialKey
from pytest_ftgate.model.verdict import Judgement
from pytest_ftgate.origin import KEY, encode_origin, trace_origin
from pytest_ftgate.pipeline import sort_records
from pytest_ftgate.reports.capability_terminal import render_card
from pytest_ftgate.reports.report import build_report
from pytest_ftgate.reports.terminal import render_evalset
from pytest_ftgate.storage.records import RecordLog, write_records
from pytest_ftgate.storage.run_folder import RunFolder

Entry = tuple[Plan, Summary, Judgement]

FLUSH_EVERY_S = 0.5
"""The answers are safe in the response store; a flush for each record costs more than its judging."""


class RunOutput:
    """Writes as the run goes. What cannot be written is a problem of the session, never a traceback."""

    def __init__(self, state: FtgateSession) -> None:
        self.state = state
        self.report: dict[str, Any] | None = None
        self._folder: RunFolder | None = None
        self._log: RecordLog | None = None
        self._logged: list[TrialKey] = []
        self._started = datetime.now(UTC)

    def log(self, records: Sequence[Record], lines: Sequence[str]) -> None:
        """Append records as they arrive, so that a killed run leaves them readable.

        `lines` are their JSON texts, with no key in them.
        """
        try:
            if self._log is None:
                self._log = RecordLog(
                    self.folder.path / "records.jsonl",
                    flush_every_s=FLUSH_EVERY_S,
                )
            for record, line in zip(records, lines, strict=True):
                self._log.append_line(line)
                self._logged.append(record.key)
        except StorageError as error:
            self.state.add_problem(str(error))

    def close(self) -> None:
        """Let go of the file of records, where the run ended before its verdicts."""
        if self._log is not None:
            self._log.close()

    @property
    def folder(self) -> RunFolder:
        if self._folder is None:
            self._folder = RunFolder.create(Path(self.state.settings.directory))
        return self._folder

    def write(
        self,
        entries: Sequence[Entry],
        records: Mapping[str, Sequence[Record]],
        card: CapabilityCard | None = None,
        failures: Sequence[BuildFailure] = (),
    ) -> dict[str, Any]:
        """records.jsonl in plan order, report.json, every report that was asked for; returns the header."""
        header = self.header(entries)
        self.report = self.state.redactor.redact_json(build_report(header, entries, card, failures))
        ordered = [r for plan, _, _ in entries for r in sort_records(plan, records[plan.evalset.name])]
        if self._log is not None:
            self._log.close()
        path = self.folder.path / "records.jsonl"
        try:
            if self._log is None or not _is_same_order(ordered, self._logged):
                write_records(path, ordered, redact=self.state.redactor)
            self.folder.write_json("report.json", self.report)
            self.folder.mark_latest()
        except StorageError as error:
            self.state.add_problem(str(error))
        for kind, target in self.state.settings.reports:
            try:
                self.state.registries.reporters.get(kind).write(self.report, path, Path(target))
            except Exception as error:  # noqa: BLE001 - reporters are other people's code
                said = str(error) if isinstance(error, FtgateError) else f"{type(error).__name__}: {error}"
                self.state.add_problem(f"--ftgate-report {kind}={target} was not written: {said}")
        return header

    @property
    def is_together(self) -> bool:
        """Whether the ladder could stop early."""
        return self.state.together and self.state.settings.shard is None

    def header(self, entries: Sequence[Entry]) -> dict[str, Any]:
        """Settings in force, versions, revision and models; never a key."""
        settings = self.state.settings
        header: dict[str, Any] = {
            "started_at": self._started.isoformat(timespec="seconds"),
            "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "run": self.folder.path.name,
            "source": "replay" if settings.replay else "live",
            "settings": {
                "arms": settings.arms,
                "repeats": settings.repeats,
                "models": dict(settings.models),
                "concurrency": settings.concurrency,
                "rpm": settings.rpm,
                "tpm": settings.tpm,
                "max_cost_usd": settings.max_cost_usd,
                "max_total_tokens": settings.max_total_tokens,
                "timeout_s": settings.timeout_s,
                "evidence": settings.evidence,
                "ini_evidence": settings.ini_evidence,
                "strict": settings.strict,
                "exhaustive": settings.exhaustive,
                "compare": settings.compare,
                "require_baseline": settings.require_baseline,
                "changed_since": settings.changed_since,
                "refresh": settings.refresh,
                "replay": [Path(path).name for path in settings.replay],
                "allow_outside_files": settings.allow_outside_files,
                "code_unsafe": settings.code_unsafe,
            },
            "transports": self.state.transports,
            "versions": versions(),
            "git": git_state(settings.rootdir),
            "models": {
                p.evalset.name: {r: list(m) for r, m in s.resolved_models.items()} for p, s, _ in entries
            },
            "evalsets": {p.evalset.name: p.evalset.digest for p, _, _ in entries},
            KEY: {
                p.evalset.name: encode_origin(trace_origin(self.folder.path.name, p, s))
                for p, s, _ in entries
            },
            "tied_to_prompt": all(s.tied_to_prompt for _, s, _ in entries),
            "distribution": "together" if self.is_together else "spread: every arm and repeat was run",
        }
        if settings.shard is not None:
            header["shard"] = str(settings.shard)
        return self.complete(header)

    def complete(self, header: dict[str, Any]) -> dict[str, Any]:
        """The header with what plugins add; without it where they fail."""
        given = json.dumps(header)
        try:
            call_hook(self.state.config, "pytest_ftgate_update_header", header=header)
            return json.loads(json.dumps(header))  # type: ignore[no-any-return]
        except FtgateError as error:
            self.state.add_problem(str(error))
        except (TypeError, ValueError) as error:
            self.state.add_problem(
                f"the hook pytest_ftgate_update_header put no JSON into the header: {error}"
            )
        return json.loads(given)  # type: ignore[no-any-return]

    def show(self, terminal: Any, *, has_evalsets: bool) -> None:
        """The section of each evalset."""
        if not has_evalsets:
            if not self.state.config.option.collectonly and not self.state.unchanged:
                terminal.write_line("ftgate: warning: no evalset (*.evalset.yaml) was run", yellow=True)
            return
        if self.report is None:
            return
        verbosity = self.state.config.get_verbosity()
        width = min(80, max(40, terminal._tw.fullwidth))
        terminal.section("ftgate", sep="=")
        for entry in self.report["evalsets"]:
            for line in render_evalset(entry, width=width, verbosity=verbosity):
                terminal.write_line(line)
            terminal.write_line("")
        if card := render_card(self.report["capability"], width=width, verbosity=verbosity):
            for line in (*card, ""):
                terminal.write_line(line)
        for notice in self.state.notices:
            terminal.write_line(f"ftgate: {self.state.redactor.redact(notice)}")
        if verbosity > 0 and self.report["header"].get("transports"):
            terminal.write_line(f"requests went by {'; '.join(self.report['header']['transports'])}")
        if verbosity >= 0:
            shown = os.path.relpath(self.folder.path, self.state.settings.rootdir)
            terminal.write_line(f"run folder: {shown}")


def _is_same_order(records: Sequence[Record], logged: Sequence[TrialKey]) -> bool:
    return len(records) == len(logged) and all(map(operator.is_, (r.key for r in records), logged))


def versions() -> dict[str, str]:
    """Versions of what made the numbers; read from metadata, so nothing heavy is imported."""
    found = {"python": platform.python_version(), "pytest_ftgate": __version__, "platform": sys.platform}
    for package in ("pytest", "litellm", "jsonschema", "jinja2", "bm25s", "json-repair"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def git_state(rootdir: str) -> dict[str, Any] | None:
    """Revision and dirty flag of the checkout, or None outside of one."""
    try:
        revision = _git(rootdir, "rev-parse", "HEAD")
        dirty = bool(_git(rootdir, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return None
    return {"revision": revision, "dirty": dirty}


def _git(rootdir: str, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - fixed arguments, no shell
        ["git", "-C", rootdir, *arguments],  # noqa: S607
        capture_output=True, text=True, timeout=10, check=True,
    )  # fmt: skip
    return done.stdout.strip()

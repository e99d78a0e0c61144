"""Looks, before anything is asked, whether the answers can be read and the results can be kept."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from pytest_ftgate.engine_setup import make_engine
from pytest_ftgate.errors import FtgateError
from pytest_ftgate.glue.output import RunOutput
from pytest_ftgate.glue.session import FtgateSession
from pytest_ftgate.model.finding import UNDECIDABLE_RANGE, Finding
from pytest_ftgate.model.trial import PlannedItem
from pytest_ftgate.precheck import check_plan
from pytest_ftgate.reports.finding_text import render_findings
from pytest_ftgate.reports.hostile_text import show_text

INDENT = "  "
MIN_WIDTH, MAX_WIDTH = 40, 80
SHOWN_FINDINGS = 5


def check_run(state: FtgateSession, output: RunOutput) -> None:
    """Raise pytest.UsageError where recorded responses are unusable or a place cannot be written.

    In the only process this makes the engine that the run will use; under xdist workers make theirs.
    """
    settings = state.settings
    try:
        for kind, path in settings.reports:
            _check_place(f"--ftgate-report {kind}={path}", Path(path))
        if settings.record:
            _check_place(f"--ftgate-record {settings.record}", Path(settings.record))
        _ = output.folder
        if state.is_distributed:
            make_engine(settings, state.registries, list(state.plans.values()), redact=str).close()
        else:
            _ = state.runner
    except FtgateError as error:
        raise pytest.UsageError(str(error)) from None


def show_findings(state: FtgateSession, selected: Mapping[str, Sequence[PlannedItem]]) -> None:
    """Say what is wrong with each evalset before a model is asked; the verdict reads the same findings.

    Of a part of an evalset nothing is said: there is no verdict. With `-q` only what voids the verdict is.
    """
    terminal: Any = state.config.pluginmanager.get_plugin("terminalreporter")
    is_quiet = state.config.get_verbosity() < 0
    for path, items in selected.items():
        plan = state.plans[path]
        if plan.shard is not None or len(items) < len(plan.items):
            continue
        findings = state.findings[path] = check_plan(plan, state.registries)
        told = [f for f in findings if f.blocks or (not is_quiet and _is_told_early(f))]
        if terminal is None or not told:
            continue
        terminal.ensure_newline()
        terminal.write_line(f"ftgate: {show_text(path)}")
        width = min(MAX_WIDTH, max(MIN_WIDTH, terminal._tw.fullwidth))
        for line in render_findings([asdict(f) for f in told], width - len(INDENT), shown=SHOWN_FINDINGS):
            terminal.write_line(f"{INDENT}{line}")


def _is_told_early(finding: Finding) -> bool:
    return finding.severity != "note" or finding.rule == UNDECIDABLE_RANGE


def _check_place(option: str, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise pytest.UsageError(
            f"{option}: its folder cannot be made ({error.strerror or error}); choose another path"
        ) from None
    if path.is_dir():
        raise pytest.UsageError(f"{option}: that is a folder; name a file in it")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise pytest.UsageError(f"{option}: cannot be written (permission denied); choose another path")

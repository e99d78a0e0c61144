"""Looks, before anything is asked, whether the answers can be read and the results can be kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_ftgate.engine_setup import make_engine
from pytest_ftgate.errors import FtgateError
from pytest_ftgate.glue.output import RunOutput
from pytest_ftgate.glue.session import FtgateSession


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

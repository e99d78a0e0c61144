"""Where baselines are: by name under the folder of runs, in a run's own folder, or at any path."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from pytest_ftgate.errors import StorageError
from pytest_ftgate.storage.files import describe_failure
from pytest_ftgate.storage.run_folder import LATEST, RUNS, find_run, list_runs

BASELINES = "baselines"
"""The folder of all baselines, in the folder of runs."""

RUN_BASELINE = "baseline"
"""In the folder of a run: what it is as a baseline, one file an evalset."""

REPORT = "report.json"
MAX_REPORT_BYTES = 512 * 1024 * 1024

WANTED_NAME = "a name of letters, digits, `_`, `.` and `-` (not latest), or a path with a /"
_NAME = re.compile(r"[A-Za-z0-9_][\w.-]{0,99}")


def is_name(text: str) -> bool:
    """Whether a baseline may be called so; `latest` is always the newest run."""
    return text != LATEST and _NAME.fullmatch(text) is not None


def is_path(text: str) -> bool:
    """Whether it is meant as a path: it has a separator, or is a file of JSON."""
    return "/" in text or os.sep in text or text.endswith(".json") or text in (".", "..")


def place_baseline(name: str, directory: Path, folder: Path) -> Path:
    """The folder that a baseline is saved in. `directory`: of runs; relative paths start at `folder`."""
    return (folder / name).absolute() if is_path(name) else directory / BASELINES / name


def find_baseline(name: str, directory: Path, folder: Path) -> Path | None:
    """The folder or file of baselines that is meant by a name, a run's id, `latest`, or a path.

    None where there is nothing. Raises StorageError for a run or report that cannot serve as one.
    """
    if is_path(name):
        return _find_at((folder / name).absolute(), directory)
    if is_name(name) and (directory / BASELINES / name).is_dir():
        return directory / BASELINES / name
    if name == LATEST or any(run.startswith(name) for run in list_runs(directory)):
        try:
            run = find_run(directory, name)
        except StorageError:
            if name == LATEST:
                return None
            raise
        return _find_in_run(run)
    return _find_at((folder / name).absolute(), directory)


def list_baselines(directory: Path) -> list[str]:
    """Names of all saved baselines."""
    home = directory / BASELINES
    return sorted(path.name for path in home.iterdir() if path.is_dir()) if home.is_dir() else []


def _find_at(path: Path, directory: Path) -> Path | None:
    if path.is_dir():
        if (path / REPORT).is_file() or (path / RUN_BASELINE).is_dir():
            return _find_in_run(path.resolve())
        return path if any(path.glob("*.json")) else None
    if not path.is_file():
        return None
    run = _read_run_id(path)
    if run is None:
        return path
    if (path.parent / RUN_BASELINE).is_dir():
        return path.parent / RUN_BASELINE
    home = directory / RUNS / run
    if not (home / RUN_BASELINE).is_dir():
        raise StorageError(
            f"{path} is the report of run {run}, and that run is not under {directory / RUNS}: a report does "
            "not tell what became of each case. Give the run's folder, or name it with --ftgate-dir (--dir)."
        )
    return home / RUN_BASELINE


def _find_in_run(run: Path) -> Path:
    found = run / RUN_BASELINE
    if not found.is_dir():
        raise StorageError(
            f"run {run.name} kept no {RUN_BASELINE}/: it did not end, was a shard, or an older version made "
            "it. `pytest-ftgate judge RUN` makes a run of it that can be compared."
        )
    return found


def _read_run_id(path: Path) -> str | None:
    """The run that a report is of; None where the file is no report."""
    try:
        if path.stat().st_size > MAX_REPORT_BYTES:
            return None
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise describe_failure("read", path, error) from error
    except (ValueError, RecursionError):
        return None  # read_baselines says what is wrong with it
    header = value.get("header") if isinstance(value, dict) and value.get("ftgate") == 1 else None
    run = header.get("run") if isinstance(header, dict) else None
    return Path(str(run)).name if run else None

"""Finds and reads the report of a finished run, and tells how it was decided."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_ftgate.errors import StorageError
from pytest_ftgate.retelling import retell
from pytest_ftgate.storage.run_folder import find_run


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A report whose entries tell how they were decided, and a note for each ('' where none is needed)."""

    report: Mapping[str, Any]
    notes: tuple[str, ...]


def explain_run(run: str, directory: Path) -> Explained:
    """The report of a run, with the decision rebuilt where an older report does not tell it.

    Raises StorageError.
    """
    report = read_report(run, directory)
    try:
        told = [retell(entry) for entry in report["evalsets"]]
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        what = f"{type(error).__name__}: {error}"
        raise StorageError(f"the report of run {run} is not whole ({what}): run again") from error
    return Explained(
        report={**report, "evalsets": [entry for entry, _ in told]}, notes=tuple(note for _, note in told)
    )


def read_report(run: str, directory: Path) -> dict[str, Any]:
    """report.json of a run id (or its start), of `latest`, or at a path. Raises StorageError."""
    given = Path(run)
    path = given if given.suffix == ".json" else find_run(directory, run) / "report.json"
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StorageError(
            f"{path} does not exist: that run did not end. Run pytest --ftgate again."
        ) from None
    except (OSError, ValueError) as error:
        raise StorageError(f"{path} cannot be read: {error}") from error
    if not isinstance(report, dict) or report.get("ftgate") != 1:
        raise StorageError(f"{path} is no report of pytest-ftgate (wanted the key `ftgate: 1`)")
    return report

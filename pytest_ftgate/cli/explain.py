"""Finds and reads the report of a finished run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pytest_ftgate.errors import StorageError


def read_report(run: str, directory: Path) -> dict[str, Any]:
    """report.json of a run id, of `latest`, or of a path. Raises StorageError."""
    given = Path(run)
    path = given if given.suffix == ".json" else directory / "runs" / run / "report.json"
    if not path.is_file():
        pointer = directory / "runs" / run
        # Where links are impossible, `latest` is a file that holds the run's id.
        if pointer.is_file():
            path = directory / "runs" / pointer.read_text(encoding="utf-8").strip() / "report.json"
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        runs = sorted(p.name for p in (directory / "runs").glob("*") if p.is_dir() and p.name != "latest")
        known = f"Runs here: {', '.join(runs[-5:])}." if runs else "No run is stored here."
        raise StorageError(f"no report at {path}. {known} Make one with: pytest --ftgate") from None
    except (OSError, ValueError) as error:
        raise StorageError(f"{path} cannot be read: {error}") from error
    if not isinstance(report, dict) or report.get("ftgate") != 1:
        raise StorageError(f"{path} is no report of pytest-ftgate (wanted the key `ftgate: 1`)")
    return report

"""Finds and reads the report of a finished run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pytest_ftgate.errors import StorageError
from pytest_ftgate.storage.run_folder import find_run


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

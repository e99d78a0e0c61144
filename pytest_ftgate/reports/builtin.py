"""Registration of the built-in reporters: `json`, `markdown`, `records`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pytest_ftgate.model.evalset import Json
from pytest_ftgate.model.protocols import Reporter
from pytest_ftgate.registry import Registry
from pytest_ftgate.reports.json_file import copy_file, render_json, write_file


class JsonReporter:
    """`json=PATH`: report.json at another place."""

    def write(self, report: Mapping[str, Json], records: Path, path: Path) -> None:  # noqa: ARG002
        """Raises StorageError."""
        write_file(path, render_json(report))


class MarkdownReporter:
    """`markdown=PATH`: the report for people, below GitHub's limits."""

    def write(self, report: Mapping[str, Json], records: Path, path: Path) -> None:  # noqa: ARG002
        """Raises StorageError."""
        # Not at the top: few runs write one.
        from pytest_ftgate.reports.markdown import render_report

        write_file(path, render_report(report))


class RecordsReporter:
    """`records=PATH`: a copy of records.jsonl."""

    def write(self, report: Mapping[str, Json], records: Path, path: Path) -> None:  # noqa: ARG002
        """Raises StorageError."""
        copy_file(records, path)


def register(registry: Registry[Reporter]) -> None:
    """Add the built-in reporters. Raises SettingsError where a name is already taken."""
    registry.register("json", JsonReporter())
    registry.register("markdown", MarkdownReporter())
    registry.register("records", RecordsReporter())

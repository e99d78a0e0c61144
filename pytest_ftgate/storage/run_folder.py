"""The run folder: `.ftgate/runs/<id>/`, and `runs/latest`, which names the newest."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pytest_ftgate.errors import StorageError
from pytest_ftgate.model.codec import dump_json
from pytest_ftgate.model.evalset import Json
from pytest_ftgate.storage.files import describe_failure, write_text

LATEST = "latest"
RUNS = "runs"
GITIGNORE = "*\n!baselines/\n!baselines/**\n"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run. `path` exists; its name is the run's id, and ids sort by time."""

    path: Path

    @classmethod
    def create(cls, directory: Path, now: datetime | None = None) -> RunFolder:
        """Make a new run folder under `directory` (the `.ftgate` folder). Raises StorageError."""
        runs = directory / RUNS
        path = runs / make_run_id(now or datetime.now(UTC))
        try:
            path.mkdir(parents=True)
        except OSError as error:
            raise describe_failure("make the folder", path, error) from error
        protect_from_git(directory)
        return cls(path)

    def write_json(self, name: str, value: Json) -> Path:
        """Write a JSON file into the folder, complete or not at all. Raises StorageError."""
        path = self.path / name
        try:
            text = dump_json(value)
        except (ValueError, TypeError) as error:
            raise StorageError(f"cannot write {path}: {error}") from error
        write_text(path, text + "\n")
        return path

    def mark_latest(self) -> None:
        """Point `runs/latest` here: a symbolic link, or a text file where links are impossible."""
        link = self.path.parent / LATEST
        temporary = link.with_name(f".{LATEST}.{secrets.token_hex(4)}")
        try:
            temporary.symlink_to(self.path.name, target_is_directory=True)
            temporary.replace(link)
        except (OSError, NotImplementedError):
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            # A file cannot replace a link to a folder everywhere: the link goes first.
            if link.is_symlink():
                with suppress(OSError):
                    link.unlink()
            write_text(link, self.path.name + "\n")


def make_run_id(now: datetime) -> str:
    """`20261122T093015.123Z-4f2a1c`: UTC to the millisecond, and a random part against collisions."""
    stamp = now.astimezone(UTC)
    return f"{stamp:%Y%m%dT%H%M%S}.{stamp.microsecond // 1000:03d}Z-{secrets.token_hex(3)}"


def protect_from_git(directory: Path) -> None:
    """Keep everything but baselines out of git, unless a `.gitignore` is already there."""
    path = directory / ".gitignore"
    if not path.exists():
        write_text(path, GITIGNORE)


def find_run(directory: Path, name: str = LATEST) -> Path:
    """The folder of a run: by id, by the start of an id, or `latest`. Raises StorageError."""
    runs = directory / RUNS
    if name == LATEST and (runs / LATEST).is_file():
        name = _read_latest(runs / LATEST)
    known = list_runs(directory)
    if name == LATEST:
        target = runs / LATEST
        if target.is_dir():
            return target.resolve()
        found = known[-1:]
    else:
        found = [run for run in known if run == name] or [run for run in known if run.startswith(name)]
    if len(found) == 1:
        return runs / found[0]
    if found:
        raise StorageError(f"{name!r} fits {len(found)} runs under {runs}: {', '.join(found[:5])}")
    shown = ", ".join(known[-5:]) if known else "none; run pytest --ftgate first"
    raise StorageError(f"no run {name!r} under {runs}. The newest there: {shown}.")


def list_runs(directory: Path) -> list[str]:
    """Ids of all runs, oldest first."""
    runs = directory / RUNS
    try:
        return sorted(
            entry.name
            for entry in runs.iterdir()
            if entry.name != LATEST and not entry.name.startswith(".") and entry.is_dir()
        )
    except FileNotFoundError:
        return []
    except OSError as error:
        raise describe_failure("read", runs, error) from error


def _read_latest(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"cannot read {path}: {error}. Delete it and run again.") from error

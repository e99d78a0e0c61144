"""Joins the runs of all shards into the run that one process would have made; calls no model."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from tempfile import gettempdir
from typing import Any, TypeAlias

from pytest_ftgate.baseline_book import BaselineBook
from pytest_ftgate.cli.check import builtin_registries
from pytest_ftgate.cli.judge import (
    JudgeOptions,
    add_prompts_note,
    find_folder,
    load,
    read_run,
    read_shard,
    restore_settings,
)
from pytest_ftgate.cli.judged_run import RECORDS, REPORT, JudgedRun, check_reports, make_header, write_run
from pytest_ftgate.errors import SettingsError, StorageError
from pytest_ftgate.history import describe_entry, name_run
from pytest_ftgate.merging import join_shards
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.settings import Settings, Shard
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.planning.shards import assign_cases
from pytest_ftgate.registry import Registries
from pytest_ftgate.rejudge import Rejudged
from pytest_ftgate.storage.history import FILE, enter_run
from pytest_ftgate.storage.redaction import Redactor
from pytest_ftgate.storage.run_folder import LATEST, RUNS, find_run
from pytest_ftgate.storage.spill import TextSpill
from pytest_ftgate.stored_answers import StoredEvalset

Slim: TypeAlias = Callable[[Record], Record]

SAME_SETTINGS = ("arms", "repeats", "models", "evidence", "ini_evidence", "strict", "exhaustive")
"""Settings in a report's header that all shards of a run must have alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeOptions:
    """What the command line says. `runs`: run folders, ids of runs under `directory`, or artefact folders."""

    runs: tuple[str, ...]
    directory: Path
    out: Path | None = None
    reports: tuple[tuple[str, Path], ...] = ()
    allow_outside_files: bool = False
    baselines: BaselineBook | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardRun:
    """The stored run of one shard: its header, and its evalsets by name."""

    shard: Shard
    folder: Path
    header: Mapping[str, Any]
    evalsets: Mapping[str, StoredEvalset]

    def __str__(self) -> str:
        return f"shard {self.shard} ({self.folder})"


def merge_runs(options: MergeOptions) -> JudgedRun:
    """Join the runs of all shards, decide, and write the whole run.

    Raises FtgateError: folders that hold no shard, shards that do not belong together or that lack one.
    """
    spill = TextSpill(lambda: Path(gettempdir()))
    try:
        return _merge(options, spill.slim)
    finally:
        spill.close()


def _merge(options: MergeOptions, slim: Slim) -> JudgedRun:
    started = datetime.now(UTC)
    shards = _read_shards(options, slim)
    registries = builtin_registries()
    check_reports(options.reports, registries)
    out = options.out or options.directory
    book = options.baselines
    if book is not None:
        book.load()
    judged, planned = [], []
    # Shard 1 gets the first cases of every evalset, so it has them all, in the order of the session.
    for name in dict.fromkeys(name for run in shards for name in run.evalsets):
        plan, settings = _load_plan(name, shards, registries, out, options.allow_outside_files)
        planned.append(plan)
        parts = [run.evalsets[name] for run in shards if name in run.evalsets]
        against = book.find(name) if book else None
        joined = join_shards(plan, parts, settings, registries, against=against)
        judged.append(add_prompts_note(joined, out / FILE))
    _refuse_missing(shards, planned)
    run = write_run(out, _make_header(shards, judged, started), judged, options.reports, registries, book)
    return _enter_history(run, judged, out / FILE)


def _enter_history(run: JudgedRun, judged: Sequence[Rejudged], history: Path) -> JudgedRun:
    """What the shards measured enters the history here; where it cannot be written, that is a note."""
    redact = Redactor(os.environ).redact
    notes: list[str] = []
    try:
        for each in judged:
            made = name_run(run.report["header"])
            entry = describe_entry(made, each.plan, each.summary, each.judgement, each.records)
            note = enter_run(history, entry, redact) if entry is not None else None
            notes += [note] if note else []
    except StorageError as error:
        notes.append(f"the history was not written: {error}")
    return replace(run, notes=(*run.notes, *notes))


# -- the shards, and whether they belong together ----------------------------------------------------


def _read_shards(options: MergeOptions, slim: Slim) -> list[ShardRun]:
    """The shards in their order. Raises FtgateError unless all are parts of one run, each given once."""
    found: dict[str, ShardRun] = {}
    for folder in (folder for run in options.runs for folder in _find_folders(run, options.directory)):
        run = _read_shard_run(folder, slim)
        # Artefacts may hold a folder twice: under its id and as `latest`.
        found.setdefault(str(run.header.get("run", folder)), run)
    shards = sorted(found.values(), key=lambda run: run.shard.index)
    first = shards[0]
    for run in shards[1:]:
        if run.shard.count != first.shard.count:
            raise SettingsError(f"{run} and {first} are parts of different runs: their counts differ")
        _check_alike(first, run)
    for run, other in pairwise(shards):
        if run.shard == other.shard:
            raise SettingsError(
                f"shard {run.shard} is there twice: {run.folder} and {other.folder}. "
                "Name one run of each shard."
            )
    return shards


def _find_folders(run: str, directory: Path) -> list[Path]:
    """The run folders that an argument stands for; an artefact folder may hold several."""
    given = Path(run)
    if not given.is_dir():
        return [find_folder(run, directory)]
    if (given / RECORDS).is_file() or (given / REPORT).is_file():
        return [given.resolve()]
    for home in (given, given / ".ftgate"):
        if (home / RUNS).is_dir():
            return [find_run(home, LATEST)]
    found = sorted(path.parent for path in given.rglob(REPORT) if (path.parent / RECORDS).is_file())
    if not found:
        raise StorageError(f"{given} holds no run: no folder below it has a {REPORT} and a {RECORDS}")
    return found


def _read_shard_run(folder: Path, slim: Slim) -> ShardRun:
    if (folder / REPORT).is_file() and not (folder / RECORDS).is_file():
        raise StorageError(f"{folder} has no {RECORDS}: keep it beside {REPORT} in the artefact")
    header, evalsets = read_run(folder, slim=slim)
    shard = read_shard(header)
    if shard is None:
        raise SettingsError(
            f"{folder} is no run of a shard: run pytest --ftgate --ftgate-shard I/N for each I of N"
        )
    return ShardRun(shard=shard, folder=folder, header=header, evalsets=evalsets)


def _check_alike(first: ShardRun, run: ShardRun) -> None:
    """Raise SettingsError where two shards ran under different rules or of different evalsets."""
    theirs, ours = run.header.get("settings", {}), first.header.get("settings", {})
    for name in SAME_SETTINGS:
        if theirs.get(name) != ours.get(name):
            raise SettingsError(
                f"{run} and {first} do not belong together: their setting {name!r} differs "
                f"({theirs.get(name)!r} and {ours.get(name)!r}). Run all shards with the same options."
            )
    versions = [each.header.get("versions", {}).get("pytest_ftgate") for each in (run, first)]
    if versions[0] != versions[1]:
        raise SettingsError(
            f"{run} and {first} do not belong together: they were run by pytest-ftgate {versions[0]} and "
            f"{versions[1]}"
        )
    for name in run.evalsets.keys() & first.evalsets.keys():
        theirs, ours = run.evalsets[name].entry, first.evalsets[name].entry
        for key in ("path", "settings_hash", "requested_models"):
            if theirs[key] != ours[key]:
                raise SettingsError(
                    f"{run} and {first} do not belong together: {key} of evalset {name!r} differs "
                    f"({theirs[key]!r} and {ours[key]!r})"
                )


def _load_plan(
    name: str, shards: Sequence[ShardRun], registries: Registries, home: Path, allow_outside: bool
) -> tuple[Plan, Settings]:
    """The whole plan of an evalset, by the settings of its shards. Raises FtgateError."""
    run = next(run for run in shards if name in run.evalsets)
    entry = run.evalsets[name].entry
    path = Path(entry["path"])
    if not path.is_file():
        raise SettingsError(
            f"{path}, which {run} was made of, is not in {Path.cwd()}: go to the rootdir of the run"
        )
    options = JudgeOptions(run=str(run.folder), directory=home, allow_outside_files=allow_outside)
    settings = restore_settings(run.header, entry, options, path.resolve(), home)
    settings = replace(settings, shard=None)
    plan = load(path.resolve(), settings, registries)
    for each in shards:
        part = each.evalsets.get(name)
        known = None if part is None else (part.digest, part.entry["settings_hash"])
        if known not in (None, (plan.evalset.digest, plan.settings_hash)):
            raise SettingsError(
                f"{path} is not what {each} was run with: an evalset must not change between its shards and "
                f"their merge. Check out the revision of the run{_name_revision(each.header)}."
            )
    return plan, settings


def _name_revision(header: Mapping[str, Any]) -> str:
    revision = (header.get("git") or {}).get("revision")
    return f" ({str(revision)[:12]})" if revision else ""


def _refuse_missing(shards: Sequence[ShardRun], plans: Iterable[Plan]) -> None:
    """Raise SettingsError where a shard is not there that has cases."""
    count = shards[0].shard.count
    absent = set(range(1, count + 1)) - {run.shard.index for run in shards}
    if absent:
        absent &= {index for plan in plans for index in assign_cases(plan.evalset.cases, count).values()}
    if absent:
        names = ", ".join(f"{index}/{count}" for index in sorted(absent))
        raise SettingsError(f"not all shards are there: the run of {names} is missing. Give its folder too.")


def _make_header(shards: Sequence[ShardRun], judged: Sequence[Rejudged], started: datetime) -> dict[str, Any]:
    origin = {"source": "merge", "merged_from": [run.header.get("run", run.folder.name) for run in shards]}
    return make_header(shards[0].header, judged, origin=origin, started=started, changed={})

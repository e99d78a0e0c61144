"""Judges a stored run again with changed graders, bar or decision settings; calls no model."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pytest_ftgate.baseline_book import BaselineBook
from pytest_ftgate.cli.check import PARTS_NOTE, builtin_registries, find_rootdir
from pytest_ftgate.cli.explain import read_report
from pytest_ftgate.cli.judged_run import (
    RECORDS,
    REPORT,
    TOGETHER,
    JudgedRun,
    check_reports,
    make_header,
    write_run,
)
from pytest_ftgate.errors import EvalsetError, SettingsError, StorageError
from pytest_ftgate.history import note_prompts
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.settings import Settings, Shard
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.origin import read_origin
from pytest_ftgate.registry import Registries
from pytest_ftgate.rejudge import STORED_RUN, Rejudged, plan_with_bar, rejudge
from pytest_ftgate.storage.history import FILE
from pytest_ftgate.storage.records import iterate_records
from pytest_ftgate.storage.run_folder import RUNS, find_run
from pytest_ftgate.stored_answers import StoredEvalset

OUTSIDE_INI = "ftgate_allow_outside_files"
SAFETY = ("allow_outside_files", "code_unsafe")

ENTRY_KEYS = ("name", "path", "arms", "items", "missing", "stop", "requested_models", "repeats")
"""What of an evalset's report is read here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeOptions:
    """What the command line says. None = as the stored run had it; `directory` = where runs are.

    `allow_outside_files` and `code_unsafe` are the inis of these names; no stored run sets them.
    """

    run: str
    directory: Path
    evalsets: tuple[Path, ...] = ()
    bar: float | None = None
    strict: bool | None = None
    evidence: str | None = None
    out: Path | None = None
    reports: tuple[tuple[str, Path], ...] = ()
    replies: tuple[Path, ...] = ()
    allow_outside_files: bool = False
    code_unsafe: bool = False
    baselines: BaselineBook | None = None

    @property
    def changed(self) -> dict[str, Any]:
        """The settings that the command line changes, by their name in a report's header."""
        given = {"bar": self.bar, "evidence": self.evidence, "strict": self.strict}
        # What makes a run less safe holds where the user says so now, never because a file says it did.
        safety = {name: getattr(self, name) for name in SAFETY}
        return {name: value for name, value in given.items() if value is not None} | safety


def judge_run(options: JudgeOptions) -> JudgedRun:
    """Judge a stored run again and write what came of it as a new run.

    Raises FtgateError: no such run, a run that never ended, an evalset that cannot be used.
    """
    started = datetime.now(UTC)
    folder = find_folder(options.run, options.directory)
    header, stored = read_run(folder, options.replies)
    registries = builtin_registries()
    check_reports(options.reports, registries)
    home = folder.parent.parent if folder.parent.name == RUNS else options.directory
    book = options.baselines
    if book is not None:
        book.load()
    judged, notes = [], dict.fromkeys(_list_safety_notes(header, options))
    bar = _choose_bar(header, options)
    if bar is not None and options.bar is None:
        notes[
            f"the bar is {bar:g}, as given when this run was judged before, not the evalset's (--bar X)"
        ] = None
    for path, evalset in _match_evalsets(options, stored, registries):
        settings = restore_settings(header, evalset.entry, options, path, home)
        plan = load(path, settings, registries, bar)
        against = book.find(plan.evalset.name) if book else None
        rejudged = rejudge(plan, evalset, settings, registries, against)
        judged.append(add_prompts_note(rejudged, home / FILE))
        notes.update(dict.fromkeys(_list_conftest_notes(path, Path(settings.rootdir))))
    origin = {"source": "judge", "judged_from": folder.name}
    if "shard" in header:
        origin["shard"] = str(header["shard"])
    new_header = make_header(header, judged, origin=origin, started=started, changed=options.changed)
    run = write_run(options.out or home, new_header, judged, options.reports, registries, book)
    return replace(run, notes=(*run.notes, *notes))


def add_prompts_note(judged: Rejudged, history: Path) -> Rejudged:
    """With the note on prompts tried on the same cases; as it is where the history cannot be read."""
    try:
        notes = note_prompts(judged.plan, judged.records, history)
    except StorageError:
        return judged
    return replace(judged, summary=replace(judged.summary, findings=(*judged.summary.findings, *notes)))


def _choose_bar(header: Mapping[str, Any], options: JudgeOptions) -> float | None:
    """The bar of the command line, else the one that was given when the run was judged before."""
    before = header.get("settings", {}).get("bar")
    is_share = isinstance(before, int | float) and not isinstance(before, bool) and 0 < before <= 1
    return options.bar if options.bar is not None or not is_share else before


def _list_safety_notes(header: Mapping[str, Any], options: JudgeOptions) -> Iterable[str]:
    for name in SAFETY:
        if header.get("settings", {}).get(name) and not getattr(options, name):
            yield f"the run had `ftgate_{name}` on; here it is off unless --{name.replace('_', '-')} is given"


def _list_conftest_notes(path: Path, rootdir: Path) -> Iterable[str]:
    """That hooks are not called, where a conftest.py lies beside the evalset or above it."""
    for folder in path.parents:
        if (folder / "conftest.py").is_file():
            yield f"{os.path.relpath(folder / 'conftest.py')} is not read and no hook called; {PARTS_NOTE}"
        if folder == rootdir:
            return


def find_folder(run: str, directory: Path) -> Path:
    """The folder of a run: by its id, by its path, or by a file in it. Raises StorageError."""
    given = Path(run)
    if given.name in (RECORDS, REPORT) and given.is_file():
        return given.resolve().parent
    if given.is_dir() and (given / RECORDS).is_file():
        return given.resolve()
    return find_run(directory, run)


def read_run(
    folder: Path, replies: Sequence[Path] = (), *, slim: Callable[[Record], Record] = lambda record: record
) -> tuple[Mapping[str, Any], dict[str, StoredEvalset]]:
    """The header and, by name, the evalsets of a stored run.

    `slim` may replace a record by a like one that takes less memory. Raises StorageError.
    """
    if not (folder / REPORT).is_file():
        raise StorageError(
            f"{folder} has no {REPORT}: that run was killed or still goes on, so it is not known what it "
            "planned. Run pytest --ftgate again: what it has paid for is in the response store."
        )
    report = read_report(str(folder / REPORT), folder)
    records: dict[str, list[Record]] = {}
    for record in iterate_records(folder / RECORDS):
        records.setdefault(record.key.evalset, []).append(slim(record))
    try:
        header, entries = report["header"], report["evalsets"]
        lacking = [key for entry in entries for key in ENTRY_KEYS if key not in entry]
        digests = header.get("evalsets", {})
    except (KeyError, TypeError, AttributeError):
        lacking = ["header or evalsets"]
    if lacking:
        raise StorageError(f"{folder / REPORT} is no whole report: {lacking[0]} is not there. Run again.")
    together = str(header.get("distribution", TOGETHER)) == TOGETHER
    return header, {
        entry["name"]: StoredEvalset(
            run=folder.name,
            entry=entry,
            records=records.get(entry["name"], ()),
            origin=read_origin(header, entry, folder.name),
            digest=digests.get(entry["name"]),
            replies=tuple(str(path) for path in replies),
            together=together,
        )
        for entry in entries
    }


def _match_evalsets(
    options: JudgeOptions, stored: Mapping[str, StoredEvalset], registries: Registries
) -> list[tuple[Path, StoredEvalset]]:
    """Each evalset file with what the run has of it: the files given, else those of the run."""
    if not options.evalsets:
        paths = [(Path(evalset.entry["path"]), evalset) for evalset in stored.values()]
        for path, _ in paths:
            if not path.is_file():
                raise SettingsError(
                    f"{path}, which the run was made of, is not in {Path.cwd()}: go to the rootdir of the "
                    "run, or name the evalset with --evalset FILE"
                )
        return [(path.resolve(), evalset) for path, evalset in paths]
    matched: dict[str, tuple[Path, StoredEvalset]] = {}
    for path in options.evalsets:
        if not path.is_file():
            raise SettingsError(f"--evalset {path}: no such file")
        name = _read_name(path.resolve(), registries, allow_outside=options.allow_outside_files)
        if name not in stored:
            known = ", ".join(sorted(stored)) or "none"
            raise SettingsError(f"{path}: the run has no evalset named {name!r}. It has: {known}.")
        if name in matched:
            raise SettingsError(f"{path}: the name {name!r} is also used by {matched[name][0]}")
        matched[name] = path.resolve(), stored[name]
    return list(matched.values())


def _read_name(path: Path, registries: Registries, *, allow_outside: bool) -> str:
    settings = Settings(
        rootdir=_choose_rootdir(path),
        directory="",
        replay=(STORED_RUN,),
        allow_outside_files=allow_outside,
    )
    return load(path, settings, registries).evalset.name


def load(path: Path, settings: Settings, registries: Registries, bar: float | None = None) -> Plan:
    """The plan of an evalset; what only pytest knows is named where a part is unknown. Raises FtgateError."""
    try:
        return plan_with_bar(path, settings, registries, bar)
    except EvalsetError as error:
        if any("unknown" in what for _, what in error.problems):
            raise SettingsError(f"{error}\nnote: {PARTS_NOTE}") from None
        if any(OUTSIDE_INI in what for _, what in error.problems):
            raise SettingsError(f"{error}\nnote: no ini is read here: give --allow-outside-files") from None
        raise


def _choose_rootdir(path: Path) -> str:
    """The working folder where the evalset is below it, as pytest would have it; else its project's."""
    return str(Path.cwd() if path.is_relative_to(Path.cwd()) else find_rootdir(path))


def read_shard(header: Mapping[str, Any]) -> Shard | None:
    """The shard that a run was, by its report's header. Raises StorageError."""
    if header.get("shard") is None:
        return None
    try:
        return Shard.parse(str(header["shard"]))
    except ValueError as error:
        raise StorageError(
            f"the shard {header['shard']!r} of a report is not usable; wanted: {error}"
        ) from None


def restore_settings(
    header: Mapping[str, Any], entry: Mapping[str, Any], options: JudgeOptions, path: Path, home: Path
) -> Settings:
    """The settings of the stored run, with what the command line changes.

    What an evalset may state itself and the run took from an ini goes after the evalset here too.
    """
    given = header.get("settings", {})
    arms = given.get("arms")
    return Settings(
        rootdir=_choose_rootdir(path),
        directory=str(home.absolute()),
        arms=None if arms is None else tuple(arms),
        repeats=given.get("repeats"),
        ini_repeats=entry.get("repeats"),
        models=given.get("models", {}),
        ini_models=entry.get("requested_models", {}),
        evidence=options.evidence or given.get("evidence"),  # type: ignore[arg-type]
        ini_evidence=given.get("ini_evidence"),
        strict=bool(given.get("strict")) if options.strict is None else options.strict,
        shard=read_shard(header),
        replay=(STORED_RUN,),
        allow_outside_files=options.allow_outside_files,
        code_unsafe=options.code_unsafe,
    )

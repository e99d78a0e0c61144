"""Judges a stored run again with changed graders, bar or decision settings; calls no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.registry import Registries
from pytest_ftgate.rejudge import STORED_RUN, plan_with_bar, rejudge
from pytest_ftgate.storage.records import read_records
from pytest_ftgate.storage.run_folder import RUNS, find_run
from pytest_ftgate.stored_answers import StoredEvalset

ENTRY_KEYS = ("name", "path", "arms", "items", "missing", "stop", "requested_models", "repeats")
"""What of an evalset's report is read here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeOptions:
    """What the command line says. None = as the stored run had it; `directory` = where runs are."""

    run: str
    directory: Path
    evalsets: tuple[Path, ...] = ()
    bar: float | None = None
    strict: bool | None = None
    evidence: str | None = None
    out: Path | None = None
    reports: tuple[tuple[str, Path], ...] = ()
    replies: tuple[Path, ...] = ()

    @property
    def changed(self) -> dict[str, Any]:
        """The settings that the command line changes, by their name in a report's header."""
        given = {"bar": self.bar, "evidence": self.evidence, "strict": self.strict}
        return {name: value for name, value in given.items() if value is not None}


def judge_run(options: JudgeOptions) -> JudgedRun:
    """Judge a stored run again and write what came of it as a new run.

    Raises FtgateError: no such run, a run that never ended, an evalset that cannot be used.
    """
    started = datetime.now(UTC)
    folder = _find_folder(options.run, options.directory)
    header, stored = _read_run(folder, options.replies)
    registries = builtin_registries()
    check_reports(options.reports, registries)
    home = folder.parent.parent if folder.parent.name == RUNS else options.directory
    judged = []
    for path, evalset in _match_evalsets(options, stored, registries):
        settings = _restore_settings(header, evalset.entry, options, path, home)
        judged.append(rejudge(_load(path, settings, registries, options.bar), evalset, settings, registries))
    new_header = make_header(
        header, judged, judged_from=folder.name, started=started, changed=options.changed
    )
    return write_run(options.out or home, new_header, judged, options.reports, registries)


def _find_folder(run: str, directory: Path) -> Path:
    given = Path(run)
    if given.name in (RECORDS, REPORT) and given.is_file():
        return given.resolve().parent
    if given.is_dir() and (given / RECORDS).is_file():
        return given.resolve()
    return find_run(directory, run)


def _read_run(folder: Path, replies: Sequence[Path]) -> tuple[Mapping[str, Any], dict[str, StoredEvalset]]:
    """The header and, by name, the evalsets of a stored run."""
    if not (folder / REPORT).is_file():
        raise StorageError(
            f"{folder} has no {REPORT}: that run was killed or still goes on, so it is not known what it "
            "planned. Run pytest --ftgate again: what it has paid for is in the response store."
        )
    report = read_report(str(folder / REPORT), folder)
    records: dict[str, list[Record]] = {}
    for record in read_records(folder / RECORDS):
        records.setdefault(record.key.evalset, []).append(record)
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
        name = _read_name(path.resolve(), registries)
        if name not in stored:
            known = ", ".join(sorted(stored)) or "none"
            raise SettingsError(f"{path}: the run has no evalset named {name!r}. It has: {known}.")
        if name in matched:
            raise SettingsError(f"{path}: the name {name!r} is also used by {matched[name][0]}")
        matched[name] = path.resolve(), stored[name]
    return list(matched.values())


def _read_name(path: Path, registries: Registries) -> str:
    settings = Settings(rootdir=_choose_rootdir(path), directory="", replay=(STORED_RUN,))
    return _load(path, settings, registries).evalset.name


def _load(path: Path, settings: Settings, registries: Registries, bar: float | None = None) -> Plan:
    try:
        return plan_with_bar(path, settings, registries, bar)
    except EvalsetError as error:
        if any("unknown" in what for _, what in error.problems):
            raise SettingsError(f"{error}\nnote: {PARTS_NOTE}") from None
        raise


def _choose_rootdir(path: Path) -> str:
    """The working folder where the evalset is below it, as pytest would have it; else its project's."""
    return str(Path.cwd() if path.is_relative_to(Path.cwd()) else find_rootdir(path))


def _restore_settings(
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
        replay=(STORED_RUN,),
    )

"""An evalset of a stored run written as training data, with the cases that judge held out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pytest_ftgate.cli.check import builtin_registries
from pytest_ftgate.cli.explain import read_report
from pytest_ftgate.cli.judge import ENTRY_KEYS, JudgeOptions, load, restore_settings
from pytest_ftgate.errors import SettingsError, StorageError
from pytest_ftgate.execution.token_counts import count_tokens
from pytest_ftgate.exporting import Exporting, build_training_set
from pytest_ftgate.loading.further_cases import load_further_cases
from pytest_ftgate.model.codec import dump_json
from pytest_ftgate.model.evalset import AS_IS, CANDIDATE, Evalset, Json
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.training import Candidate, TokenCount, TrainingSet
from pytest_ftgate.planning.texts import CHARS_PER_TOKEN
from pytest_ftgate.planning.token_estimates import estimate_conversation
from pytest_ftgate.registry import Registries
from pytest_ftgate.reports.dataset_card import CARD, HELD_OUT, REMOVED, TRAIN, CardFacts, render_card
from pytest_ftgate.reports.report import make_json_safe
from pytest_ftgate.reports.training_files import MIN_ROWS, Format, write_held_out, write_removed, write_rows
from pytest_ftgate.storage.files import write_text
from pytest_ftgate.storage.redaction import Redactor

EXPORTS = "exports"
"""Where exports go under the folder of runs, unless --out says otherwise: out of git's sight."""

_OURS = frozenset((TRAIN, HELD_OUT, REMOVED, CARD))


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What the command line says. `directory` = where runs are; `columns` = case keys to columns of files."""

    run: str
    directory: Path
    form: Format
    evalset: str | None = None
    further: tuple[Path, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    train_share: float | None = None
    out: Path | None = None
    estimate: bool = False
    allow_outside_files: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A finished export: its folder, what is in it, and cautions."""

    folder: Path
    training: TrainingSet
    tokens: TokenCount
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """A stored run, and its evalsets as they are now: the exported one first."""

    run: str
    header: Mapping[str, Any]
    entry: Mapping[str, Any]
    settings: Settings
    evalsets: Sequence[Evalset]


def export_run(options: ExportOptions) -> Exported:
    """Write the training data of an evalset of a run.

    Raises FtgateError: no such run or evalset, one that cannot be used, a folder that holds other files.
    """
    registries = builtin_registries()
    source = _read_source(options, registries)
    evalset, *others = source.evalsets
    training = build_training_set(
        Exporting(
            evalset=evalset,
            others=others,
            further=_read_further(options, registries),
            train_share=options.train_share,
            settings=source.settings,
            registries=registries,
        )
    )
    name = f"{evalset.name}-{options.form}-{source.run}"
    folder = options.out or options.directory / EXPORTS / name
    _check_folder(folder)
    tokens = _count(training, evalset, options)
    notes = tuple(_list_notes(source, training, options))
    _write(folder, options, source, training, tokens, notes)
    return Exported(folder=folder, training=training, tokens=tokens, notes=notes)


def _read_source(options: ExportOptions, registries: Registries) -> _Source:
    report = read_report(options.run, options.directory)
    try:
        header, entries = report["header"], {entry["name"]: entry for entry in report["evalsets"]}
        lacking = [key for entry in entries.values() for key in ENTRY_KEYS if key not in entry]
    except (LookupError, TypeError):
        lacking = ["header or evalsets"]
    if lacking:
        raise StorageError(
            f"the report of run {options.run} is not whole: {lacking[0]} is not there. Run again."
        )
    chosen = _choose_entry(options.evalset, entries)
    ordered = [chosen, *(entry for entry in entries.values() if entry is not chosen)]
    plain = JudgeOptions(
        run=options.run, directory=options.directory, allow_outside_files=options.allow_outside_files
    )
    evalsets, settings = [], []
    for entry in ordered:
        path = _find_file(entry, options.evalset if entry is chosen else None)
        restored = restore_settings(header, entry, plain, path, options.directory)
        settings.append(replace(restored, arms=(AS_IS,), repeats=1, shard=None))
        evalsets.append(load(path, settings[-1], registries).evalset)
    return _Source(
        run=str(header.get("run", options.run)),
        header=header,
        entry=chosen,
        settings=settings[0],
        evalsets=evalsets,
    )


def _choose_entry(wanted: str | None, entries: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """The evalset of that name or file; the only one where none is named. Raises SettingsError."""
    known = ", ".join(sorted(entries)) or "none"
    if wanted is None and len(entries) == 1:
        return next(iter(entries.values()))
    if wanted is None:
        raise SettingsError(f"the run has {len(entries)} evalsets ({known}): name one with --evalset NAME")
    found = entries.get(wanted) or next(
        (entry for entry in entries.values() if Path(entry["path"]).name == Path(wanted).name), None
    )
    if found is None:
        raise SettingsError(f"--evalset {wanted}: the run has no such evalset. It has: {known}.")
    return found


def _find_file(entry: Mapping[str, Any], wanted: str | None) -> Path:
    path = Path(wanted) if wanted is not None and Path(wanted).is_file() else Path(entry["path"])
    if not path.is_file():
        raise SettingsError(
            f"{path}, which the run was made of, is not in {Path.cwd()}: go to the rootdir of the run, or "
            "give the file with --evalset FILE"
        )
    return path.resolve()


def _read_further(options: ExportOptions, registries: Registries) -> list[Candidate]:
    found = []
    for path in options.further:
        if not path.is_file():
            raise SettingsError(f"--from {path}: no such file")
        rows = load_further_cases(path.resolve(), options.columns, Path.cwd(), registries)
        found += [
            Candidate(name=where, source=f"--from {path.name}", case=case, given=given)
            for where, case, given in rows
        ]
    return found


def _check_folder(folder: Path) -> None:
    """Only a folder that is empty, or holds an earlier export, is written to. Raises SettingsError."""
    if folder.exists() and not folder.is_dir():
        raise SettingsError(f"--out {folder}: is a file, not a folder")
    others = (
        sorted(path.name for path in folder.iterdir() if path.name not in _OURS) if folder.exists() else []
    )
    if others:
        raise SettingsError(
            f"--out {folder}: holds other files ({', '.join(others[:3])}): choose another folder"
        )


def _count(training: TrainingSet, evalset: Evalset, options: ExportOptions) -> TokenCount:
    model = evalset.models[CANDIDATE].model
    if options.estimate or not training.rows:
        estimates = tuple(estimate_conversation(row.messages, row.tools) for row in training.rows)
        return TokenCount(by_row=estimates, method=f"estimated at {CHARS_PER_TOKEN} characters a token")
    counts = count_tokens([(row.messages, row.tools) for row in training.rows], model)
    return TokenCount(by_row=tuple(counts), method=f"litellm's counter for {model}")


def _list_notes(source: _Source, training: TrainingSet, options: ExportOptions) -> Iterable[str]:
    """What a reader must know before training."""
    verdict, name = source.entry["verdict"], source.entry["name"]
    if verdict["decision"] != "fine_tune_justified" and "distill" not in verdict["also"]:
        yield f"the verdict of the run is {verdict['decision']}: it does not justify tuning"
    if source.header.get("evalsets", {}).get(name) != source.evalsets[0].digest:
        yield "the evalset was changed since the run: the rows are of the evalset as it is now"
    judging = sum(held.evalset == name for held in training.held_out)
    wanted = source.evalsets[0].decision.min_cases
    if training.spent and judging < wanted:
        yield f"{judging} cases are left to judge, and a diagnosis needs {wanted}"
    least = MIN_ROWS[options.form]
    if len(training.rows) < least:
        yield f"{len(training.rows)} training rows, and {options.form} needs {least} or more: {MORE}"


MORE = "give solved examples with --from FILE, or train on a share of the cases with --train-share X"


def _write(
    folder: Path,
    options: ExportOptions,
    source: _Source,
    training: TrainingSet,
    tokens: TokenCount,
    notes: Sequence[str],
) -> None:
    """Write the files, redacted, each complete or not at all. Raises StorageError."""
    redactor = Redactor(os.environ)
    evalset = source.evalsets[0]

    def lines(values: Iterable[Json]) -> str:
        return "".join(dump_json(redactor.redact_json(make_json_safe(value))) + "\n" for value in values)

    train = lines(write_rows(training.rows, options.form))
    facts = CardFacts(
        evalset=evalset.name,
        path=evalset.path,
        run=source.run,
        decision=source.entry["verdict"]["decision"],
        model=evalset.models[CANDIDATE].model,
        form=options.form,
        files=[*evalset.files, *(os.path.relpath(path) for path in options.further)],
        sha256=hashlib.sha256(train.encode("utf-8")).hexdigest(),
        created=datetime.now(UTC).date().isoformat(),
        notes=notes,
    )
    write_text(folder / TRAIN, train)
    write_text(folder / HELD_OUT, lines([write_held_out(training.held_out, training.spent)]))
    write_text(folder / REMOVED, lines(write_removed(training.removed)))
    write_text(folder / CARD, redactor.redact(render_card(facts, training, tokens)))

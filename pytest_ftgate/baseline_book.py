"""The baselines of a run: which one each evalset is held against, and where the run is kept as one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_ftgate.decision.baseline_rules import REQUIRED
from pytest_ftgate.errors import SettingsError
from pytest_ftgate.model.baseline import Baseline, NamedBaseline
from pytest_ftgate.model.summary import Summary
from pytest_ftgate.model.verdict import Judgement
from pytest_ftgate.storage.baseline_files import read_baselines, write_baselines
from pytest_ftgate.storage.baseline_places import (
    RUN_BASELINE,
    WANTED_NAME,
    find_baseline,
    is_name,
    is_path,
    list_baselines,
    place_baseline,
)
from pytest_ftgate.storage.records import Redacting


@dataclass(slots=True, kw_only=True)
class BaselineBook:
    """`directory`: of runs. `folder`: where relative paths start. `compare` and `save`: a name or a path."""

    directory: Path
    folder: Path
    compare: str | None = None
    save: str | None = None
    is_required: bool = False
    known: Mapping[str, Baseline] = field(default_factory=dict)

    def load(self) -> None:
        """Read the baselines to compare with, before a run: `latest` is the one before it.

        One that is not there is none. Raises StorageError for one that cannot be read.
        """
        if self.compare is not None:
            path = find_baseline(self.compare, self.directory, self.folder)
            self.known = read_baselines(path) if path is not None else {}

    def find(self, evalset: str) -> NamedBaseline | None:
        """What an evalset is held against; None where no baseline was named."""
        if self.compare is None:
            return None
        baseline = self.known.get(evalset)
        return NamedBaseline(
            name=self.compare,
            baseline=baseline,
            why="" if baseline else self._tell_absence(self.compare),
            is_required=self.is_required,
        )

    def _tell_absence(self, name: str) -> str:
        if self.known:
            names = ", ".join(sorted(self.known))
            return f"baseline {name} is of other evalsets only ({names}): not compared"
        others = list_baselines(self.directory)
        there = f" (there are {', '.join(others)})" if others else ""
        remedy = "save one with pytest --ftgate --ftgate-save NAME"
        return f"there is no baseline {name} yet{there}: not compared; {remedy}"

    def keep(self, run: Path, made: Sequence[Baseline], redact: Redacting) -> Iterator[str]:
        """Write what a run is as a baseline into its folder, and where it is to be saved; yields notices.

        What is no whole run is not saved. Raises StorageError.
        """
        write_baselines(run / RUN_BASELINE, made, redact)
        if self.save is None:
            return
        place = place_baseline(self.save, self.directory, self.folder)
        whole = [baseline for baseline in made if not baseline.gaps]
        write_baselines(place, whole, redact)
        for baseline in made:
            if baseline.gaps:
                yield f"{baseline.path} was not saved as {self.save}: {baseline.gaps}"
        if whole:
            names = ", ".join(baseline.evalset for baseline in whole)
            yield f"saved as baseline {self.save}: {names} ({os.path.relpath(place)})"


def make_book(
    directory: Path, folder: Path, compare: str | None, save: str | None, *, is_required: bool
) -> BaselineBook:
    """The book of a command. Raises SettingsError for a name that cannot be one."""
    if save is not None and not (is_name(save) or is_path(save)):
        raise SettingsError(f"--save: {save!r} is not usable; wanted: {WANTED_NAME}")
    if is_required and compare is None:
        raise SettingsError("--require-baseline names no baseline: add --compare NAME")
    return BaselineBook(
        directory=directory.absolute(), folder=folder, compare=compare, save=save, is_required=is_required
    )


def list_required(judged: Iterable[tuple[Summary, Judgement]]) -> Iterator[str]:
    """A problem for each evalset whose required baseline is not there, where no gate fails by that."""
    for summary, judgement in judged:
        absent = summary.baseline
        if absent is None or absent.found or not absent.is_required:
            continue
        if not any(gate.outcome == "failed" and REQUIRED in gate.reason for gate in judgement.gates):
            yield f"{summary.path}: {absent.why}; {REQUIRED}"

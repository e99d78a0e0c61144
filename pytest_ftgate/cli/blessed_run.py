"""A run saved as a baseline, with what it replaces."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pytest_ftgate.cli.compared_runs import read_named
from pytest_ftgate.errors import SettingsError, StorageError
from pytest_ftgate.model.baseline import Baseline
from pytest_ftgate.model.evalset import AS_IS, CANDIDATE
from pytest_ftgate.statistics.baseline_arms import summarise_baseline
from pytest_ftgate.storage.baseline_files import name_file, read_baselines, write_baselines
from pytest_ftgate.storage.baseline_places import WANTED_NAME, is_name, is_path, place_baseline
from pytest_ftgate.storage.redaction import Redactor


def bless_run(run: str, name: str, *, directory: Path, evalsets: tuple[str, ...] = ()) -> dict[str, Any]:
    """Save the evalsets of a run under a name: those saved with their accuracy now and before, those refused.

    Raises FtgateError: no such run, no such evalset in it, a name that cannot be one.
    """
    if not (is_name(name) or is_path(name)):
        raise SettingsError(f"{name!r} is not usable; wanted: {WANTED_NAME}")
    made = read_named(run, directory)
    unknown = sorted(set(evalsets) - made.keys())
    if unknown:
        raise SettingsError(f"{run} has no evalset {unknown[0]!r}; it has: {', '.join(sorted(made))}")
    chosen = [baseline for each, baseline in made.items() if not evalsets or each in evalsets]
    place = place_baseline(name, directory, Path.cwd())
    whole = [baseline for baseline in chosen if not baseline.gaps]
    before = {baseline.evalset: _read_earlier(place, baseline.evalset) for baseline in whole}
    write_baselines(place, whole, Redactor(os.environ))
    return {
        "name": name,
        "saved": [
            {
                "evalset": baseline.evalset,
                "path": str(place / name_file(baseline.evalset)),
                "cases": len(baseline.cases),
                "accuracy": _measure(baseline),
                "was": _measure(before[baseline.evalset]),
            }
            for baseline in whole
        ],
        "refused": {baseline.evalset: baseline.gaps for baseline in chosen if baseline.gaps},
    }


def _read_earlier(place: Path, evalset: str) -> Baseline | None:
    """The baseline that is replaced; None where there is none, or none that can be read."""
    try:
        return read_baselines(place / name_file(evalset)).get(evalset)
    except StorageError:
        return None


def _measure(baseline: Baseline | None) -> float | None:
    """Accuracy of what ships."""
    arm = summarise_baseline(baseline).arm(AS_IS, CANDIDATE) if baseline else None
    return arm.accuracy.value if arm and arm.accuracy else None

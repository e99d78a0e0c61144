"""What the history answers: a metric of each arm over its runs, what changed between them, and drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from pytest_ftgate.errors import StorageError
from pytest_ftgate.history_metrics import check_metric, measure
from pytest_ftgate.model.evalset import AS_IS, CANDIDATE, Json
from pytest_ftgate.model.history import StoredArm
from pytest_ftgate.statistics.drift import MIN_BASELINE, MIN_RUNS, Drift, follow_drift
from pytest_ftgate.storage.history import open_history
from pytest_ftgate.storage.history_reading import HistoryReader, Wanted

By: TypeAlias = Literal["run", "commit", "day", "model"]

MIN_COVERAGE = 0.9
"""A run with a smaller share of the cases (it was stopped, or a selection) says nothing about drift."""


AS_IT_IS = Wanted(arm=AS_IS, role=CANDIDATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of the history. `last`: how many points are shown, 0 = all; `baseline`: runs of drift."""

    metric: str = "accuracy"
    by: By = "run"
    wanted: Wanted = AS_IT_IS
    last: int = 20
    baseline: int = MIN_BASELINE


def answer_history(path: Path, question: Question) -> dict[str, Json]:
    """The answer as one JSON value: `series`, one for each evalset, arm and role.

    Raises StorageError where the history is not there, cannot be read, or has nothing of what is wanted, and
    SettingsError for a metric that there is not.
    """
    check_metric(question.metric)
    with open_history(path) as connection:
        reader = HistoryReader(connection)
        arms = reader.list_arms(question.wanted)
        if not arms:
            raise StorageError(_say_nothing_found(path, reader, question.wanted))
        series = [
            _describe_series(reader, list(group), question)
            for _, group in groupby(arms, key=lambda arm: (arm.run.evalset, arm.run.path, *_name(arm)))
        ]
    return {"file": str(path), "metric": question.metric, "by": question.by, "series": series}


def _name(arm: StoredArm) -> tuple[str, str]:
    return arm.measured.arm, arm.measured.role


def _say_nothing_found(path: Path, reader: HistoryReader, wanted: Wanted) -> str:
    asked = ", ".join(f"{key} {value!r}" for key, value in asdict(wanted).items() if value is not None)
    names = [f"{evalset} {arm} {role}" for evalset, _, arm, role in reader.list_names()]
    shown = f"{'; '.join(names[:10])}{'; ...' if len(names) > 10 else ''}" if names else "nothing yet"
    return f"{path}: no run with {asked or 'anything'}. It has (evalset arm role): {shown}."


# -- one series -----------------------------------------------------------------------------------


def _describe_series(reader: HistoryReader, arms: Sequence[StoredArm], question: Question) -> dict[str, Json]:
    newest = arms[-1]
    groups = _group(arms, question.by)
    marks = _list_changes(groups)
    first = max(0, len(groups) - question.last) if question.last else 0
    shown = groups[first:]
    points = [
        {**_describe_point(group), "marks": mark} for group, mark in zip(shown, marks[first:], strict=True)
    ]
    for point, measured in zip(points, measure(reader, shown, question.metric), strict=True):
        point.update(measured)
    return {
        "evalset": newest.run.evalset,
        "path": newest.run.path,
        "arm": newest.measured.arm,
        "role": newest.measured.role,
        "bar": newest.run.bar,
        "total": len(groups),
        "points": points,
        **(_describe_drift(reader, arms, question.baseline) if question.metric == "accuracy" else {}),
    }


def _group(arms: Sequence[StoredArm], by: By) -> list[list[StoredArm]]:
    """Runs that measured the same thing and stand for one point, by the time of the last of them."""
    groups: dict[tuple[str, ...], list[StoredArm]] = {}
    for arm in arms:
        groups.setdefault(_find_key(arm, by), []).append(arm)
    return sorted(groups.values(), key=lambda group: (group[-1].run.at, group[-1].id))


def _find_key(arm: StoredArm, by: By) -> tuple[str, ...]:
    """Of a checkout with changes that were not committed no other run is known to be the same."""
    run, setup = arm.run, arm.measured.setup
    if by == "day":
        return setup, run.at[:10]
    if by == "model":
        return setup, *arm.measured.models
    if by == "commit" and run.revision is not None and not run.dirty:
        return setup, run.revision
    return setup, run.run


def _list_changes(groups: Sequence[Sequence[StoredArm]]) -> list[list[str]]:
    """For each point what differs from the one before, chance apart; of fingerprints those never seen before.

    Vendors serve several fingerprints side by side: one that comes back is no change.
    """
    changes: list[list[str]] = []
    seen: set[str] = set()
    for before, group in zip([None, *groups], groups, strict=False):
        found = sorted({name for arm in group for name in arm.measured.fingerprints})
        unseen = [name for name in found if name not in seen]
        changes.append(_compare(before[-1], group[-1]) if before is not None else [])
        if seen and unseen:
            changes[-1].append(f"new system_fingerprint: {', '.join(unseen)}")
        seen.update(found)
    return changes


def _compare(before: StoredArm, after: StoredArm) -> list[str]:
    old, new = before.measured, after.measured
    marks = []
    if old.requested != new.requested:
        marks.append(f"another model asked for: {old.requested} -> {new.requested}")
    if old.models != new.models and old.models and new.models:
        marks.append(f"resolved model: {', '.join(old.models)} -> {', '.join(new.models)}")
    if before.split != after.split:
        marks.append("other cases")
    if old.prompt != new.prompt:
        marks.append("another prompt")
    is_explained = old.requested != new.requested or before.split != after.split or old.prompt != new.prompt
    if not is_explained and old.setup != new.setup:
        marks.append("other graders, params or version of pytest-ftgate")
    return marks


def _describe_point(group: Sequence[StoredArm]) -> dict[str, Json]:
    last = group[-1]
    return {
        "at": last.run.at,
        "first_at": group[0].run.at,
        "runs": [arm.run.run for arm in group],
        "revision": last.run.revision,
        "dirty": last.run.dirty,
        "requested": last.measured.requested,
        "models": sorted({model for arm in group for model in arm.measured.models}),
        "fingerprints": sorted({name for arm in group for name in arm.measured.fingerprints}),
        "verdict": last.run.verdict,
        "partial": any(arm.run.is_partial for arm in group),
        "answers": sum(arm.measured.answered for arm in group),
    }


# -- drift ----------------------------------------------------------------------------------------


def _describe_drift(reader: HistoryReader, arms: Sequence[StoredArm], baseline: int) -> dict[str, Json]:
    """Drift over all runs that measured what the newest one did; a note where nothing can be said yet."""
    setup = arms[-1].measured.setup
    same = [arm for arm in arms if arm.measured.setup == setup and not arm.run.is_partial]
    tallies = reader.read_tallies([arm.id for arm in same])
    most = max((len(tallies[arm.id]) for arm in same), default=0)
    whole = [arm for arm in same if len(tallies[arm.id]) >= MIN_COVERAGE * most]
    drift = follow_drift([tallies[arm.id] for arm in whole], baseline=baseline)
    if drift is None:
        wanted = max(MIN_RUNS, baseline + 1)
        note = (
            f"run chart only: {len(whole)} of {wanted} runs of the same cases, prompt and graders are there"
        )
        return {"drift": None, "drift_note": note}
    return {"drift": _plain_drift(drift, whole), "drift_note": ""}


def _plain_drift(drift: Drift, arms: Sequence[StoredArm]) -> dict[str, Json]:
    monitored = arms[drift.baseline_runs :]
    alarm = drift.alarm
    return {
        "baseline_runs": [arm.run.run for arm in arms[: drift.baseline_runs]],
        "steps": [
            {"run": arm.run.run, "at": arm.run.at, **asdict(step)}
            for arm, step in zip(monitored, drift.steps, strict=True)
        ],
        "cusum": drift.steps[-1].cusum,
        "alarm": None if alarm is None else {"run": arms[alarm].run.run, "at": arms[alarm].run.at},
    }


def is_drifting(answer: Mapping[str, Any]) -> bool:
    """Whether an alarm rings in any series."""
    return any((series.get("drift") or {}).get("alarm") for series in answer["series"])


BY = get_args(By)

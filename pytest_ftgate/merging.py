"""Joins the records of shards and decides over them, by the pipeline of any run; nothing is graded again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from pytest_ftgate.errors import StorageError
from pytest_ftgate.model.baseline import NamedBaseline
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.run import RunFacts
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.trial import Plan, TrialKey
from pytest_ftgate.pipeline import judge
from pytest_ftgate.registry import Registries
from pytest_ftgate.rejudge import Rejudged, mark_hindsight
from pytest_ftgate.runner import UNSUPPORTED, ItemResult
from pytest_ftgate.stored_answers import StoredEvalset, is_unsupported


def join_shards(
    plan: Plan,
    parts: Sequence[StoredEvalset],
    settings: Settings,
    registries: Registries,
    *,
    against: NamedBaseline | None = None,
) -> Rejudged:
    """The run of an evalset that its shards make together; trials that none has are missing.

    Raises StorageError for a trial that two shards have, or that is not planned.
    """
    records = _join_records(plan, parts)
    unsupported = _find_unsupported(plan, parts)
    items = [
        (item, ItemResult(records=tuple(records[t.key] for t in item.trials if t.key in records)))
        for item in plan.items
        if item.arm not in unsupported
    ]
    items = [(item, result) for item, result in items if result.records]
    facts = RunFacts(
        selected=len(plan.items),
        total=len(plan.items),
        not_needed=dict.fromkeys(unsupported, UNSUPPORTED.message),
        unsupported=unsupported,
        probes={arm: text for part in parts for arm, text in part.probes.items()},
        missing=sum(
            trial.key not in records
            for item in plan.items
            if item.arm not in unsupported
            for trial in item.trials
        ),
        stop=_find_stop(parts),
        requests_sent=sum(_count_requests(record) for record in records.values()),
    )
    judged = [record for _, result in items for record in result.records]
    summary, judgement = judge(plan, judged, facts, settings=settings, registries=registries, against=against)
    joined = Rejudged(plan=plan, summary=summary, judgement=judgement, items=items)
    # Shards that were judged again before they were joined.
    changed = next((part.origin for part in parts if part.origin.is_changed(plan)), None)
    return joined if changed is None else mark_hindsight(replace(joined, origin=changed), changed)


def _join_records(plan: Plan, parts: Iterable[StoredEvalset]) -> Mapping[TrialKey, Record]:
    planned = {trial.key for item in plan.items for trial in item.trials}
    records: dict[TrialKey, Record] = {}
    for part in parts:
        for record in part.records:
            if record.key not in planned:
                raise StorageError(f"run {part.run} has a record of {record.key}, which is not planned")
            if record.key in records:
                raise StorageError(f"two shards have a record of {record.key}; run {part.run} is one of them")
            records[record.key] = record
    return records


def _find_unsupported(plan: Plan, parts: Sequence[StoredEvalset]) -> frozenset[str]:
    """Arms whose response format the vendor refused in every shard that has cases of them."""
    found = set()
    for arm in {item.arm for item in plan.items}:
        answers = [is_unsupported(part.arm(arm)) for part in parts if part.entry["items"]["total"]]
        if answers and all(answers):
            found.add(arm)
    return frozenset(found)


def _find_stop(parts: Iterable[StoredEvalset]) -> str | None:
    stops = (part.entry["stop"] for part in parts)
    return next((str(stop) for stop in stops if stop), None)


def _count_requests(record: Record) -> int:
    return record.serving_attempts + (0 if record.cached else record.attempts)

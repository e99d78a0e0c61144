"""Judges a stored run again: the pipeline of any run, with the stored answers in place of a model."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pytest_ftgate.decision.feasibility import infeasible_gates
from pytest_ftgate.errors import EvalsetError
from pytest_ftgate.execution.engine import Engine
from pytest_ftgate.model.evalset import Location
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.run import RunFacts
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.summary import Finding, Summary
from pytest_ftgate.model.trial import Plan, PlannedItem, TrialKey
from pytest_ftgate.model.verdict import Judgement
from pytest_ftgate.pipeline import judge, load_plan
from pytest_ftgate.planning.plan import build_plan
from pytest_ftgate.registry import Registries
from pytest_ftgate.runner import ItemResult, Runner
from pytest_ftgate.storage.redaction import Redactor
from pytest_ftgate.stored_answers import StoredAnswers, StoredEvalset, is_unsupported

STORED_RUN = "stored run"
"""Stands for the file of recorded responses in the settings: no schema is probed, nothing is asked."""

_NAMES_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejudged:
    """What became of one evalset. `items` are those that were judged, with their new records."""

    plan: Plan
    summary: Summary
    judgement: Judgement
    items: Sequence[tuple[PlannedItem, ItemResult]]

    @property
    def records(self) -> list[Record]:
        """All new records, in plan order."""
        return [record for _, result in self.items for record in result.records]


def plan_with_bar(path: Path, settings: Settings, registries: Registries, bar: float | None) -> Plan:
    """The plan of an evalset, with another bar where one is given. Raises EvalsetError."""
    if bar is None:
        return load_plan(path, settings, registries)
    # Whether a gate can be passed at all is asked of the bar that holds, not of the file's.
    lenient = replace(settings, evidence="estimate", strict=False)
    evalset = load_plan(path, lenient, registries).evalset
    gates = tuple(
        replace(gate, options={**gate.options, "min": bar})
        if gate.name == "accuracy" and "min" in gate.options
        else gate
        for gate in evalset.gates
    )
    evalset = replace(evalset, bar=bar, gates=gates)
    hopeless = infeasible_gates(
        evalset,
        evidence=settings.evidence,
        strict=settings.strict,
        evidence_default=settings.ini_evidence,
    )
    if hopeless:
        nowhere = Location(file=evalset.path)
        raise EvalsetError(evalset.path, [(gate.where or nowhere, text) for gate, text in hopeless])
    return build_plan(evalset, settings, registries)


def rejudge(plan: Plan, stored: StoredEvalset, settings: Settings, registries: Registries) -> Rejudged:
    """Judge the stored answers of an evalset by its present graders, bar and decision settings.

    Sends nothing: what judges and embedders said is read from the response store, and an answer that is
    not there stays unanswered, as in a replay.
    """
    answers = StoredAnswers(stored, settings)
    chosen = _choose_items(plan, stored, answers)
    items, facts = _judge_items(plan, stored, chosen, answers, settings, registries)
    records = [record for _, result in items for record in result.records]
    summary, judgement = judge(plan, records, facts, settings=settings, registries=registries)
    notes = (*_find_left_out(plan, stored.records), *_find_hindsight(plan, stored))
    summary = replace(summary, findings=(*summary.findings, *notes))
    return Rejudged(plan=plan, summary=summary, judgement=judgement, items=items)


# -- which items, and what became of them -----------------------------------------------------------


@dataclass(slots=True)
class _Chosen:
    """Items to judge, in plan order. `idle`: arms that the run did not ask, with one item each to learn
    whether the ladder needs them now. `lost`: trials that should have a record and have none.
    """

    items: list[PlannedItem] = field(default_factory=list)
    idle: set[str] = field(default_factory=set)
    lost: int = 0
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)


def _choose_items(plan: Plan, stored: StoredEvalset, answers: StoredAnswers) -> _Chosen:
    chosen = _Chosen()
    gated = {gate.arm for gate in plan.evalset.gates}
    answered = {item.arm for item in plan.items if any(answers.find(trial) for trial in item.trials)}
    for item in plan.items:
        arm = stored.arm(item.arm)
        if item.arm in answered or is_unsupported(arm):
            _choose_answered(chosen, item, stored, answers)
        elif arm.get("status") in ("not_run", "skipped", "waived") and item.arm not in gated:
            if item.arm not in chosen.idle:
                chosen.items.append(item)
            chosen.idle.add(item.arm)
        else:
            chosen.lost += len(item.trials)
    if stored.entry["items"]["partial"]:
        # Which items without a record had been selected is not stored, only how many trials were lost.
        chosen.lost = stored.entry["missing"]["records"]
    return chosen


def _choose_answered(
    chosen: _Chosen, item: PlannedItem, stored: StoredEvalset, answers: StoredAnswers
) -> None:
    there = tuple(trial for trial in item.trials if answers.find(trial))
    if not there and not is_unsupported(stored.arm(item.arm)):
        chosen.lost += len(item.trials)
    elif there and stored.arm(item.arm, item.role).get("repeats_dropped"):
        chosen.items.append(replace(item, trials=there))
        chosen.dropped[item.arm, item.role] += len(item.trials) - len(there)
    else:
        chosen.items.append(item)


def _judge_items(
    plan: Plan,
    stored: StoredEvalset,
    chosen: _Chosen,
    answers: StoredAnswers,
    settings: Settings,
    registries: Registries,
) -> tuple[list[tuple[PlannedItem, ItemResult]], RunFacts]:
    # Identical repeats were dropped by the run itself; with at most two no further ones are dropped here.
    kept = replace(plan, items=tuple(chosen.items), repeats=min(plan.repeats, 2))
    settings = replace(settings, replay=(STORED_RUN,))
    engine = Engine(
        lambda _trial: answers,
        concurrency=settings.concurrency,
        timeout_s=settings.timeout_s,
        max_attempts=1,
        redact=Redactor(os.environ).redact,
    )
    items: list[tuple[PlannedItem, ItemResult]] = []
    not_needed, unsupported = dict[str, str](), set[str]()
    runner = Runner(settings, registries, engine)
    try:
        runner.add(kept, kept.items, together=stored.together and not stored.entry["items"]["partial"])
        for item in kept.items:
            result = runner.finish(item)
            if result.not_needed:
                not_needed[item.arm] = result.not_needed
            elif item.arm in chosen.idle:
                not_needed[item.arm] = f"needed now, but run {stored.run} did not ask it"
            if result.unsupported:
                unsupported.add(item.arm)
            if item.arm not in not_needed:
                items.append((item, result))
    finally:
        runner.close()
    return items, RunFacts(
        selected=_count_selected(plan, stored),
        total=len(plan.items),
        partial=stored.entry["items"]["partial"],
        dropped=dict(chosen.dropped),
        not_needed=not_needed,
        unsupported=frozenset(unsupported),
        missing=chosen.lost,
        stop=stored.entry["stop"],
    )


def _count_selected(plan: Plan, stored: StoredEvalset) -> int:
    if not stored.entry["items"]["partial"]:
        return len(plan.items)
    return min(int(stored.entry["items"]["selected"]), len(plan.items))


def _find_left_out(plan: Plan, records: Iterable[Record]) -> Iterable[Finding]:
    """What of the stored run the evalset has no more."""
    planned: set[TrialKey] = {trial.key for item in plan.items for trial in item.trials}
    cases = {case.id for case in plan.evalset.cases}
    arms, roles = {item.arm for item in plan.items}, set(plan.roles)
    left: defaultdict[str, list[str]] = defaultdict(list)
    for key in (record.key for record in records if record.key not in planned):
        if key.case not in cases:
            left["cases"].append(key.case)
        elif key.arm not in arms:
            left["arms"].append(key.arm)
        elif key.role not in roles:
            left["roles"].append(key.role)
        else:
            left["repeats"].append(str(key.repeat))
    for what, names in left.items():
        distinct = list(dict.fromkeys(names))
        shown = ", ".join(distinct[:_NAMES_SHOWN]) + (", ..." if len(distinct) > _NAMES_SHOWN else "")
        yield Finding(
            severity="note",
            what=f"{len(names):,} stored records are of {what} that the evalset has no more: {shown}",
        )


def _find_hindsight(plan: Plan, stored: StoredEvalset) -> Iterable[Finding]:
    """A note where the rules are not those that were fixed before the answers came."""
    if (plan.settings_hash, plan.evalset.digest) != (stored.entry.get("settings_hash"), stored.digest):
        yield Finding(
            severity="note",
            what=f"the evalset was changed after the answers of run {stored.run} were there: the error rate "
            "that a verdict states holds for rules that were not chosen by looking at them",
        )

"""Judges a stored run again: the pipeline of any run, with the stored answers in place of a model."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pytest_ftgate.decision.feasibility import infeasible_gates
from pytest_ftgate.engine_setup import FollowUp
from pytest_ftgate.errors import EvalsetError
from pytest_ftgate.execution.engine import Engine
from pytest_ftgate.model.baseline import NamedBaseline
from pytest_ftgate.model.evalset import CANDIDATE, Location
from pytest_ftgate.model.finding import Finding
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.run import Looks, RunFacts
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.summary import Summary
from pytest_ftgate.model.trial import Plan, PlannedItem, TrialKey
from pytest_ftgate.model.verdict import Judgement
from pytest_ftgate.origin import Origin
from pytest_ftgate.pipeline import judge
from pytest_ftgate.plan_loading import load_plan
from pytest_ftgate.planning.plan import build_plan
from pytest_ftgate.registry import Registries
from pytest_ftgate.runner import ItemResult, Runner
from pytest_ftgate.storage.redaction import Redactor
from pytest_ftgate.stored_answers import StoredAnswers, StoredEvalset, find_refused, is_unsupported
from pytest_ftgate.vector_source import VectorSource

STORED_RUN = "stored run"
"""Stands for the file of recorded responses in the settings: no schema is probed, nothing is asked."""

_NAMES_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejudged:
    """What became of one evalset. `items` are those that were judged, with their new records.

    `origin`: what the answers were made by, where a judged run was handed it on.
    """

    plan: Plan
    summary: Summary
    judgement: Judgement
    items: Sequence[tuple[PlannedItem, ItemResult]]
    origin: Origin | None = None

    @property
    def records(self) -> list[Record]:
        """All new records, in plan order."""
        return list_records(self.items)


def list_records(items: Iterable[tuple[PlannedItem, ItemResult]]) -> list[Record]:
    """The records of judged items, further repeats included."""
    return [record for _, result in items for record in (*result.records, *result.further)]


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
    return build_plan(evalset, settings, registries, embedder=VectorSource(settings))


def rejudge(
    plan: Plan,
    stored: StoredEvalset,
    settings: Settings,
    registries: Registries,
    against: NamedBaseline | None = None,
) -> Rejudged:
    """Judge the stored answers of an evalset by its present graders, bar and decision settings.

    Sends nothing: what judges and embedders said is read from the response store, and an answer that is
    not there stays unanswered, as in a replay. `against`: the baseline that was named.
    """
    answers = StoredAnswers(
        stored, settings, refused=find_refused(plan, stored), follow_up=FollowUp([plan], registries)
    )
    chosen = _choose_items(plan, stored, answers)
    items, facts = _judge_items(plan, stored, chosen, answers, settings, registries)
    records = list_records(items)
    summary, judgement = judge(
        plan, records, facts, settings=settings, registries=registries, against=against
    )
    unused = [record for record in stored.records if record.key not in {each.key for each in records}]
    origin = replace(stored.origin, left_out=find_left_out(plan, unused, stored.origin.left_out))
    summary = replace(summary, findings=(*summary.findings, *_tell_left_out(origin)))
    judged = Rejudged(plan=plan, summary=summary, judgement=judgement, items=items, origin=origin)
    return mark_hindsight(judged, origin) if origin.is_changed(plan) else judged


def mark_hindsight(judged: Rejudged, origin: Origin) -> Rejudged:
    """Say first of all that the rules came after the answers; no error rate is claimed then."""
    warning = Finding(
        rule="changed-afterwards",
        severity="warning",
        what=f"the evalset was changed after the answers of run {origin.run} were there: no error rate holds "
        "for a verdict by rules that may have been chosen by looking at them",
        remedy="decide on fresh answers: run pytest --ftgate on cases that nobody has looked at",
    )
    summary = replace(judged.summary, findings=(warning, *judged.summary.findings))
    verdict = replace(judged.judgement.verdict, p=None)
    return replace(judged, summary=summary, judgement=replace(judged.judgement, verdict=verdict))


@dataclass(slots=True)
class _Chosen:
    """Items to judge, in plan order. `idle`: arms that the run did not ask, with one item each to learn
    whether the ladder needs them now. `lost`: trials that should have a record and have none. `left_out`:
    items that the run did not need, by arm and role.
    """

    items: list[PlannedItem] = field(default_factory=list)
    idle: set[str] = field(default_factory=set)
    lost: int = 0
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)
    left_out: defaultdict[tuple[str, str], list[PlannedItem]] = field(
        default_factory=lambda: defaultdict(list)
    )


def _choose_items(plan: Plan, stored: StoredEvalset, answers: StoredAnswers) -> _Chosen:
    chosen = _Chosen()
    gated = {gate.arm for gate in plan.evalset.gates}
    answered = {item.arm for item in plan.items if any(answers.find(trial) for trial in item.trials)}
    for item in plan.items:
        arm = stored.arm(item.arm)
        if _was_left_out(item, stored, answers):
            chosen.left_out[item.arm, item.role].append(item)
            continue
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


def _was_left_out(item: PlannedItem, stored: StoredEvalset, answers: StoredAnswers) -> bool:
    """Whether the run stopped the item's arm before it (or the arm whose answers it judges again)."""
    if any(map(answers.find, item.trials)):
        return False
    arms = {item.arm, *(trial.source_arm for trial in item.trials if trial.source_arm is not None)}
    watched = (stored.looks(arm, item.role) for arm in arms)
    return any(looks is not None and looks.is_stopped for looks in watched)


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
    kept = replace(plan, items=tuple(chosen.items))
    settings = replace(settings, replay=(STORED_RUN,))
    engine = Engine(
        lambda _trial: answers,
        concurrency=settings.concurrency,
        timeout_s=settings.timeout_s,
        max_attempts=1,
        redact=Redactor(os.environ).redact,
    )
    looks = _restore_looks(plan, stored, chosen)
    items: list[tuple[PlannedItem, ItemResult]] = []
    not_needed, unsupported = dict[str, str](), set[str]()
    runner = Runner(settings, registries, engine)
    try:
        together = stored.together and not stored.entry["items"]["partial"]
        runner.add(kept, kept.items, together=together, looks=looks)
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
        probes=stored.probes,
        looks=looks,
        missing=chosen.lost,
        stop=stored.entry["stop"],
    )


def _restore_looks(plan: Plan, stored: StoredEvalset, chosen: _Chosen) -> dict[tuple[str, str], Looks]:
    """How the run looked at its arms; what it left out is counted in the present plan."""
    found = {}
    for arm in plan.arms:
        looks = stored.looks(arm.name, CANDIDATE)
        if looks is None:
            continue
        items = chosen.left_out[arm.name, CANDIDATE]
        found[arm.name, CANDIDATE] = replace(
            looks,
            cases_left_out=len(items),
            trials_left_out=sum(len(item.trials) for item in items),
        )
    return found


def _count_selected(plan: Plan, stored: StoredEvalset) -> int:
    if not stored.entry["items"]["partial"]:
        return len(plan.items)
    return min(int(stored.entry["items"]["selected"]), len(plan.items))


def find_left_out(
    plan: Plan, records: Iterable[Record], before: Mapping[str, Mapping[str, int]]
) -> dict[str, dict[str, int]]:
    """What of the stored answers the evalset has no more: kind of thing → its name → records of it.

    `before` is what an earlier judging left out; what the evalset has again is not left out any more.
    """
    planned: set[TrialKey] = {trial.key for item in plan.items for trial in item.trials}
    there: dict[str, set[str]] = {
        "cases": {case.id for case in plan.evalset.cases},
        "arms": {item.arm for item in plan.items},
        "roles": set(plan.roles),
        "repeats": {str(repeat) for repeat in range(1, plan.repeats + 1)},
    }
    left = {
        what: {name: count for name, count in before.get(what, {}).items() if name not in known}
        for what, known in there.items()
    }
    for key in (record.key for record in records if record.key not in planned):
        names = {"cases": key.case, "arms": key.arm, "roles": key.role}
        what = next((what for what, name in names.items() if name not in there[what]), "repeats")
        name = names.get(what, str(key.repeat))
        left[what][name] = left[what].get(name, 0) + 1
    return {what: names for what, names in left.items() if names}


def _tell_left_out(origin: Origin) -> Iterable[Finding]:
    for what, names in origin.left_out.items():
        shown = ", ".join(list(names)[:_NAMES_SHOWN]) + (", ..." if len(names) > _NAMES_SHOWN else "")
        count = sum(names.values())
        yield Finding(
            rule="left-out",
            severity="note",
            what=f"{count:,} stored records are of {what} that the evalset has no more: {shown}",
        )

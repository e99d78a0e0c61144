"""Simulated runs: a world is drawn, made into records, and judged by the pipeline's own stages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from pytest_ftgate.decision.builtin import register
from pytest_ftgate.decision.questions import decide
from pytest_ftgate.further_repeats import list_further_trials
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.run import RunFacts
from pytest_ftgate.model.summary import Summary
from pytest_ftgate.model.trial import Plan, Trial, TrialKey
from pytest_ftgate.model.verdict import Judgement
from pytest_ftgate.pipeline import summarise_run
from pytest_ftgate.registry import Registries
from pytest_ftgate.simulation.draws import Trials, list_signatures
from pytest_ftgate.simulation.setting import Setting
from pytest_ftgate.simulation.world import World

_LISTED = 1
"""Patterns listed beside the confirmed ones: a verdict asks only whether there is one."""


@lru_cache(maxsize=200_000)
def _make_record(key: TrialKey, signature: str, is_frozen: bool) -> Record:
    return Record(
        key=key,
        outcome="failed" if signature else "passed",
        signature=signature or None,
        output=signature if is_frozen else f"{signature} {key.repeat}",
    )


def make_records(world: World, setting: Setting, trials: Trials) -> list[Record]:
    """The records of all planned trials, in the plan's order."""
    planned = (trial for item in setting.plan.items for trial in item.trials)
    return _record_all(world, setting, trials, planned)


def _record_all(world: World, setting: Setting, trials: Trials, wanted: Iterable[Trial]) -> list[Record]:
    names, is_frozen = list_signatures(world), world.form == "frozen"
    arms = {arm.name: by_case for arm, by_case in zip(setting.arms, trials, strict=True)}
    places = {case: place for place, case in enumerate(setting.cases)}
    return [
        _make_record(key, names[arms[key.arm][places[key.case]][key.repeat - 1]], is_frozen)
        for key in (trial.key for trial in wanted)
    ]


@cache
def _registries() -> Registries:
    registries = Registries()
    register(registries.gates)
    return registries


@dataclass(frozen=True, slots=True)
class Run:
    """What a simulated run came to. `further`: repeats asked beyond the plan. `control`: whether
    the negative control held; None where there was none.
    """

    judgement: Judgement
    further: int
    control: bool | None


def judge_trials(world: World, setting: Setting, trials: Trials) -> Run:
    """The run whose answers are these; further repeats are asked as in any run."""
    plan, registries = setting.plan, _registries()
    records = make_records(world, setting, trials)
    summary = _summarise(world, plan, records)
    further = list_further_trials(plan, records, summary, registries)
    if further:
        records += _record_all(world, setting, trials, further)
        summary = _summarise(world, plan, records)
    judgement = decide(plan.evalset, summary, strict=False, evidence=None, registries=registries)
    control = summary.patterns.control
    return Run(judgement, len(further), None if control is None else control.holds)


def _summarise(world: World, plan: Plan, records: Sequence[Record]) -> Summary:
    facts = RunFacts(selected=len(plan.items), total=len(plan.items))
    return summarise_run(plan, records, facts, world.findings, listed=_LISTED)

"""Simulated runs: a world is drawn, made into records, and judged by the pipeline's own stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from pytest_ftgate.decision.builtin import register
from pytest_ftgate.decision.questions import decide
from pytest_ftgate.further_repeats import list_further_trials
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.run import RunFacts
from pytest_ftgate.model.summary import Summary
from pytest_ftgate.model.trial import TrialKey
from pytest_ftgate.model.verdict import Judgement
from pytest_ftgate.pipeline import summarise_run
from pytest_ftgate.registry import Registries
from pytest_ftgate.simulation.draws import Trials, list_signatures
from pytest_ftgate.simulation.setting import Setting
from pytest_ftgate.simulation.world import World

_LISTED = 1
"""Patterns listed beside the confirmed ones: a verdict asks only whether there is one."""

_Place: TypeAlias = tuple[int, int, int, TrialKey, dict[int, Record]]
"""Where a trial's answer stands (arm, case, repeat from 0), its key, and records made so far by answer."""


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


class Study:
    """Runs of one world in one setting."""

    def __init__(self, world: World, setting: Setting) -> None:
        self.world, self.setting = world, setting
        self._names, self._is_frozen = list_signatures(world), world.form == "frozen"
        self._arms = {arm.name: place for place, arm in enumerate(setting.arms)}
        self._cases = {case: place for place, case in enumerate(setting.cases)}
        self._planned = [self._place(trial.key) for item in setting.plan.items for trial in item.trials]

    def judge(self, trials: Trials) -> Run:
        """The run whose answers are these; further repeats are asked as in any run."""
        plan, registries = self.setting.plan, _registries()
        records = self._record(trials, self._planned)
        summary = self._summarise(records)
        further = list_further_trials(plan, records, summary, registries)
        if further:
            records += self._record(trials, [self._place(trial.key) for trial in further])
            summary = self._summarise(records)
        judgement = decide(plan.evalset, summary, strict=False, evidence=None, registries=registries)
        control = summary.patterns.control
        return Run(judgement, len(further), None if control is None else control.holds)

    def _place(self, key: TrialKey) -> _Place:
        return self._arms[key.arm], self._cases[key.case], key.repeat - 1, key, {}

    def _record(self, trials: Trials, places: Sequence[_Place]) -> list[Record]:
        records = []
        for arm, case, repeat, key, made in places:
            number = trials[arm][case][repeat]
            record = made.get(number)
            if record is None:
                record = made[number] = self._make_record(key, self._names[number])
            records.append(record)
        return records

    def _make_record(self, key: TrialKey, signature: str) -> Record:
        return Record(
            key=key,
            outcome="failed" if signature else "passed",
            signature=signature or None,
            output=signature if self._is_frozen else f"{signature} {key.repeat}",
        )

    def _summarise(self, records: Sequence[Record]) -> Summary:
        plan = self.setting.plan
        facts = RunFacts(selected=len(plan.items), total=len(plan.items))
        return summarise_run(plan, records, facts, self.world.findings, listed=_LISTED)

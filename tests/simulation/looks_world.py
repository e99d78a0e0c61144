"""Scripted answers of which the truth is known, run by the package's own runner until it stops.

The runner asks an engine that answers from a table; what items came to is booked in the ledger, as under
pytest, and judged by the pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Any, cast
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from pytest_ftgate.decision.builtin import register as register_gates
from pytest_ftgate.execution.engine import Engine
from pytest_ftgate.glue.ledger import Ledger
from pytest_ftgate.glue.payload import Payload
from pytest_ftgate.grading.builtin import register as register_graders
from pytest_ftgate.looks import sort_items
from pytest_ftgate.model.evalset import GateSpec, GraderSpec
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.response import Answer, Response
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.summary import Summary
from pytest_ftgate.model.trial import Plan, Trial, TrialKey
from pytest_ftgate.model.verdict import Judgement
from pytest_ftgate.pipeline import judge
from pytest_ftgate.registry import Registries
from pytest_ftgate.runner import Runner
from pytest_ftgate.simulation.draws import Trials, draw_levels, draw_trials, list_signatures
from pytest_ftgate.simulation.experiment import Size
from pytest_ftgate.simulation.setting import Setting, build_plan, build_setting
from pytest_ftgate.simulation.world import COLUMNS, World
from pytest_ftgate.simulation.worlds import list_worlds

SETTINGS = Settings(rootdir="/", directory="/none")


class ScriptedEngine:
    """Answers from a table, at once. `asked`: the trials that were submitted."""

    def __init__(self, answer: Callable[[TrialKey], str]) -> None:
        self._answer = answer
        self.asked: set[TrialKey] = set()
        self.on_answer: object = None

    def submit(self, trials: Iterable[Trial], *, first: bool = False) -> None:
        self.asked.update(trial.key for trial in trials)

    def wait(self, key: TrialKey) -> Answer:
        assert key in self.asked
        return Response(text=self._answer(key))

    def close(self) -> None:
        pass


@cache
def registries() -> Registries:
    found = Registries()
    register_gates(found.gates)
    register_graders(found.graders)
    return found


@cache
def make_run_plan(size: Size, arms: int = 1, gated: bool = True) -> Plan:
    """The first arms of the simulated plan, graded by `equals`: "x" is right, all else is a signature."""
    plan = build_plan(*size)
    names = COLUMNS[:arms]
    graders = (GraderSpec(name="equals"),)
    evalset = replace(
        plan.evalset,
        graders=graders,
        gates=(GateSpec(name="accuracy"),) if gated else (),
        arms=plan.evalset.arms[:arms],
    )
    return replace(
        plan,
        evalset=evalset,
        items=tuple(item for item in plan.items if item.arm in names),
        arms=tuple(arm for arm in plan.arms if arm.name in names),
        multiplicity=arms,
        graders=dict.fromkeys(plan.graders, graders),
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    summary: Summary
    judgement: Judgement
    asked: frozenset[TrialKey]

    @property
    def decision(self) -> str:
        return self.judgement.verdict.decision


def run(plan: Plan, answer: Callable[[TrialKey], str], settings: Settings = SETTINGS) -> Outcome:
    """One whole run, to its verdict."""
    engine = ScriptedEngine(answer)
    runner = Runner(
        settings,
        registries(),
        cast("Engine", engine),
        resign=lambda record: record.output if record.output and ":" in record.output else None,
    )
    items = sort_items(plan, plan.items, settings, together=True)
    runner.add(plan, items, together=True)
    ledger = Ledger()
    for item in items:
        result = runner.finish(item)
        told: dict[str, Any] = {name: getattr(result, name) for name in result.__slots__}
        told["records"] += told.pop("further")
        ledger.book(
            Payload(
                evalset=plan.evalset.name,
                arm=item.arm,
                role=item.role,
                case=item.case,
                status="passed",
                **told,
            )
        )
    runner.close()
    records: list[Record] = ledger.records(plan.evalset.name)
    facts = ledger.facts(plan, items, None)
    summary, judgement = judge(plan, records, facts, settings=settings, registries=registries())
    return Outcome(summary, judgement, frozenset(engine.asked))


def draw_passes(
    rng: np.random.Generator, rates: tuple[float, ...], size: Size, icc: float
) -> NDArray[np.bool_]:
    """[arm, case, repeat]: beta-distributed rates of cases, the same quantile of a case in every arm."""
    count, repeats = size
    level = rng.random(count)
    weight = 1 / icc - 1 if icc else 0.0
    shares = [
        betaincinv(rate * weight, (1 - rate) * weight, level) if icc else np.full(count, rate)
        for rate in rates
    ]
    return rng.random((len(rates), count, repeats)) < np.array(shares)[:, :, None]


def run_world(
    name: str, rates: tuple[float, ...], size: Size, runs: int, *, icc: float = 0.5
) -> list[Outcome]:
    """Runs of a world whose arms truly have these accuracies."""
    rng = np.random.default_rng([crc32(name.encode()), *size, round(100 * icc)])
    plan = make_run_plan(size, len(rates))

    def once() -> Outcome:
        passes = draw_passes(rng, rates, size, icc)

        def answer(key: TrialKey) -> str:
            is_right = passes[COLUMNS.index(key.arm), int(key.case[1:]), key.repeat - 1]
            return "x" if is_right else f"no {key.case} {key.repeat}"

        return run(plan, answer)

    return [once() for _ in range(runs)]


def share_used(outcome: Outcome, arm: str = "as_is") -> float:
    """Share of the arm's cases that were asked."""
    asked = {key.case for key in outcome.asked if key.arm == arm}
    return len(asked) / outcome.summary.total_cases


def draw_world(key: str, size: Size, number: int) -> tuple[World, Setting, Trials]:
    """What a world's evalset of that number answers, further repeats of suspects included."""
    world, setting, rng = list_worlds()[key], build_setting(*size), Random(f"{key} {number}")
    most = size[1] + setting.plan.evalset.decision.further_repeats
    levels = draw_levels(world, setting, rng)
    return world, setting, draw_trials(world, setting, levels, rng, repeats=most)


def run_drawn(key: str, size: Size, number: int, *, looks: int = 4) -> Outcome:
    """The run of that evalset, through the runner."""
    world, _, trials = draw_world(key, size, number)
    names = list_signatures(world)
    plan = make_run_plan(size, len(COLUMNS))
    decision = replace(plan.evalset.decision, looks=looks)
    plan = replace(plan, evalset=replace(plan.evalset, decision=decision))

    def answer(key: TrialKey) -> str:
        number = trials[COLUMNS.index(key.arm)][int(key.case[1:])][key.repeat - 1]
        return names[number] or "x"

    return run(plan, answer)

"""Synthetic worlds of which the truth is known, judged by the package's own code.

A world says, for each of four arms, how accurate it truly is and how often each pattern truly hits.
A run draws n cases x k repeats of it, makes Records of them, and takes these through
statistics.summarise, patterns.find_patterns and decision.decide, as the pipeline does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtr

from pytest_ftgate.decision.builtin import register
from pytest_ftgate.decision.questions import decide
from pytest_ftgate.model.evalset import ArmSpec, Case, DecisionSpec, Evalset, GraderSpec, Knowledge
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.run import RunFacts
from pytest_ftgate.model.trial import Plan, PlannedArm, PlannedItem, Request, Trial, TrialKey
from pytest_ftgate.pipeline import summarise_run
from pytest_ftgate.registry import Registries

ARMS = ("as_is", "few_shot", "structured", "context")
ICC = 0.5
"""Share of the variance of diffuse failures that lies between cases."""
CORRELATION = 0.8
"""Between arms, of how hard a case is for all that is diffuse."""
CASE_BOUND_ICC = 0.95
"""A case-bound pattern hits the same cases under every arm, and there nearly all repeats."""

FIELDS = tuple(f"value:/field{number}" for number in range(30))
"""Diffuse failures: each trial gets one at random, so none comes near the floor and none repeats."""
LABELS = "ABCDEFGH"
CONFUSIONS = tuple(f"label:confusion:{a}→{b}" for b in LABELS for a in LABELS if a != b)

Size = tuple[int, int]
"""(cases, repeats)"""


@dataclass(frozen=True, kw_only=True)
class World:
    """The truth. `accuracy` by arm; `patterns`: signature → rate by arm; the other failures are diffuse.

    `form`: a pattern hits `any` trial, or is `case`-bound, or all answers are `frozen` (temperature 0).
    `is_at_limit`: the truth sits exactly where a false verdict is likeliest.
    `published`: what STATISTICS section 7 has for `decision`, in per cent, by size.
    """

    name: str
    accuracy: tuple[float, float, float, float]
    patterns: Mapping[str, tuple[float, float, float, float]] = field(default_factory=dict)
    form: str = "any"
    others: tuple[str, ...] = FIELDS
    bar: float = 0.8
    is_tuning_true: bool = False
    is_at_limit: bool = False
    decision: str = "fine_tune_justified"
    published: Mapping[Size, float] = field(default_factory=dict)


@cache
def make_plan(size: Size, bar: float) -> Plan:
    """Four arms of the kinds that tuning wants to have been run."""
    count, repeats = size
    cases = tuple(
        Case(id=f"c{i:04}", input=f"in {i}", expected="x", has_expected=True, context="c")
        for i in range(count)
    )
    evalset = Evalset(
        path="w.evalset.yaml",
        name="w",
        bar=bar,
        graders=(GraderSpec(name="is-json"),),
        arms=tuple(ArmSpec(name=arm, kind=arm) for arm in ARMS),
        decision=DecisionSpec(knowledge=Knowledge(stated=True, changes="weekly")),
        cases=cases,
    )
    request = Request(model="m", messages=())

    def item(arm: str, case: str) -> PlannedItem:
        keys = [make_key(arm, case, repeat) for repeat in range(1, repeats + 1)]
        trials = [
            Trial(key=key, request=request, request_hash=f"{arm}/{case}", draw=str(key.repeat))
            for key in keys
        ]
        return PlannedItem(evalset="w", case=case, arm=arm, role="candidate", trials=tuple(trials))

    return Plan(
        evalset=evalset,
        items=tuple(item(arm, case.id) for arm in ARMS for case in cases),
        arms=tuple(
            PlannedArm(
                name=arm,
                kind=arm,
                question=2 if arm == "context" else 1,
                status="run",
                schema_enforced="enforced" if arm == "structured" else None,
            )
            for arm in ARMS
        ),
        roles=("candidate",),
        repeats=repeats,
        multiplicity=len(ARMS),
        graders={case.id: evalset.graders for case in cases},
        knowledge_tokens=100_000,
    )


def make_key(arm: str, case: str, repeat: int) -> TrialKey:
    return TrialKey(evalset="w", case=case, arm=arm, role="candidate", repeat=repeat)


@cache
def make_record(arm: int, case: int, repeat: int, signature: str, is_frozen: bool) -> Record:
    """The record of one trial; '' is a pass."""
    answer = signature if is_frozen else f"{signature} {repeat}"
    return Record(
        key=make_key(ARMS[arm], f"c{case:04}", repeat + 1),
        outcome="failed" if signature else "passed",
        signature=signature or None,
        output=answer,
    )


@cache
def _quantiles(mean: float, icc: float) -> NDArray[np.float64]:
    """Quantiles of a beta distribution of that mean, whose draws correlate by `icc` within a case."""
    weight = 1 / icc - 1
    return np.asarray(betaincinv(mean * weight, (1 - mean) * weight, np.linspace(0.0005, 0.9995, 1000)))


def draw_shares(
    rng: np.random.Generator, means: NDArray, count: int, *, icc: float, correlation: float
) -> NDArray[np.float64]:
    """Each case's own failure rate by arm: beta-distributed, correlated over the arms."""
    shared, own = rng.standard_normal(count), rng.standard_normal((len(ARMS), count))
    level = ndtr(correlation**0.5 * shared + (1 - correlation) ** 0.5 * own)
    places = np.minimum((level * 1000).astype(int), 999)
    rows = [
        _quantiles(mean, icc)[place] if mean > 0 else np.zeros(count)
        for mean, place in zip(means, places, strict=True)
    ]
    return np.array(rows)


def draw_trials(rng: np.random.Generator, world: World, size: Size) -> NDArray[np.int64]:
    """[arm, case, repeat] → 0 for a pass, else 1 + the number of the signature."""
    count, repeats = size
    rates = np.array(list(world.patterns.values())).reshape(-1, len(ARMS))
    total = rates.sum(axis=0)
    if world.form == "any":
        hit = np.repeat(total[:, None], count, axis=1)
    else:
        hit = draw_shares(rng, total, count, icc=CASE_BOUND_ICC, correlation=1.0)
    rest = np.clip(1 - np.array(world.accuracy) - total, 0, None) / np.maximum(1 - total, 1e-9)
    other = draw_shares(rng, np.round(rest, 12), count, icc=ICC, correlation=CORRELATION)
    draws = 1 if world.form == "frozen" else repeats
    shape = (len(ARMS), count, draws)
    is_pattern = rng.random(shape) < hit[:, :, None]
    is_other = ~is_pattern & (rng.random(shape) < other[:, :, None])
    trials = np.zeros(shape, dtype=np.int64)
    trials[is_other] = 1 + len(rates) + rng.integers(0, len(world.others), is_other.sum())
    trials[is_pattern] = 1 + _choose_patterns(rng, rates, shape, world.form)[is_pattern]
    return np.repeat(trials, repeats, axis=2) if draws < repeats else trials


def _choose_patterns(
    rng: np.random.Generator, rates: NDArray, shape: tuple[int, int, int], form: str
) -> NDArray[np.int64]:
    """Which pattern a trial shows; in a case-bound world a case shows the same one throughout."""
    if not len(rates):
        return np.zeros(shape, dtype=np.int64)
    edges = rates.cumsum(axis=0) / np.maximum(rates.sum(axis=0), 1e-9)
    draw = rng.random(shape) if form == "any" else np.broadcast_to(rng.random((1, shape[1], 1)), shape)
    return (draw[None] > edges[:-1, :, None, None]).sum(axis=0)


def make_records(world: World, trials: NDArray[np.int64]) -> list[Record]:
    names = ("", *world.patterns, *world.others)
    is_frozen = world.form == "frozen"
    return [
        make_record(arm, case, repeat, names[number], is_frozen)
        for (arm, case, repeat), number in np.ndenumerate(trials)
    ]


@cache
def _registries() -> Registries:
    registries = Registries()
    register(registries.gates)
    return registries


def judge(world: World, size: Size, rng: np.random.Generator) -> str:
    """One run: its verdict."""
    plan = make_plan(size, world.bar)
    records = make_records(world, draw_trials(rng, world, size))
    facts = RunFacts(selected=len(plan.items), total=len(plan.items))
    summary = summarise_run(plan, records, facts, ())
    judgement = decide(plan.evalset, summary, strict=False, evidence=None, registries=_registries())
    return judgement.verdict.decision


def simulate(world: World, size: Size, runs: int, seed: int = 0) -> Counter[str]:
    """How often each verdict was reached."""
    rng = np.random.default_rng([seed, crc32(world.name.encode()), *size])
    return Counter(judge(world, size, rng) for _ in range(runs))

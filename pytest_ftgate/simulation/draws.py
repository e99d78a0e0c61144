"""Random answers of a world: first how hard each case truly is, then what its repeats come to.

How often a case fails is beta-distributed over the cases, so that repeats of a case correlate by the
intraclass correlation of that distribution (Griffiths, 1973); between arms the quantiles correlate by a
normal copula.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from random import Random
from statistics import NormalDist
from typing import TypeAlias

from pytest_ftgate.simulation.setting import ArmTruth, Setting
from pytest_ftgate.simulation.world import World
from pytest_ftgate.statistics.beta import beta_quantile

ICC = 0.5
"""Intraclass correlation of diffuse failures: half of their variance lies between cases."""
CORRELATION = 0.8
"""Between arms, of how hard a case is for all that is diffuse."""
CASE_BOUND_ICC = 0.95
"""A case-bound pattern hits the same cases under every arm, and there nearly all repeats."""

_STEPS = 1_000
_NORMAL = NormalDist()

Trials: TypeAlias = list[list[list[int]]]
"""By arm, case and repeat: 0 for a pass, else 1 + the number of the failure's signature."""


@dataclass(frozen=True, slots=True)
class Levels:
    """What is true of each case of one evalset, under one arm.

    `pattern`: chance that a trial shows a pattern; `other`: chance that it fails otherwise, where it does
    not; `choice`: which pattern, where a case always shows the same.
    """

    pattern: list[float]
    other: list[float]
    choice: list[int] | None


def list_signatures(world: World) -> tuple[str, ...]:
    """The signature of each number of a trial; '' for a pass."""
    return ("", *world.patterns, *world.others)


def draw_levels(world: World, setting: Setting, rng: Random) -> list[Levels]:
    """How hard each case is under each arm; cases of one cluster are equally hard."""
    count = max(setting.clusters) + 1
    shared = [rng.gauss(0, 1) for _ in range(count)]
    bound = [rng.random() for _ in range(count)]
    choices = [rng.random() for _ in range(count)]
    return [
        _draw_arm_levels(world, arm, setting.clusters, rng, (shared, bound, choices)) for arm in setting.arms
    ]


def _draw_arm_levels(
    world: World,
    arm: ArmTruth,
    clusters: Sequence[int],
    rng: Random,
    drawn: tuple[list[float], list[float], list[float]],
) -> Levels:
    shared, bound, choices = drawn
    rates = [by_column[arm.column] for by_column in world.patterns.values()]
    total = sum(rates)
    if world.form == "any":
        pattern, choice = [total] * len(shared), None
    else:
        pattern = look_up(total, CASE_BOUND_ICC, bound)
        choice = [_choose(rates, value) for value in choices]
    rest = max(0.0, 1 - world.accuracy[arm.column] - total)
    other = round(rest / (1 - total), 12) if total < 1 else 0.0
    others = look_up(other, ICC, place(shared, rng))
    return Levels(
        pattern=[pattern[cluster] for cluster in clusters],
        other=[others[cluster] for cluster in clusters],
        choice=None if choice is None else [choice[cluster] for cluster in clusters],
    )


def place(shared: Sequence[float], rng: Random) -> list[float]:
    """How hard each case is under one arm, as a quantile: what arms share, and what is the arm's own."""
    own, kept = CORRELATION**0.5, (1 - CORRELATION) ** 0.5
    return [_NORMAL.cdf(own * value + kept * rng.gauss(0, 1)) for value in shared]


def look_up(mean: float, icc: float, levels: Sequence[float]) -> list[float]:
    """The rates at those quantiles of the beta distribution of that mean and intraclass correlation."""
    if mean <= 0:
        return [0.0] * len(levels)
    table = _list_quantiles(round(mean, 12), icc)
    return [table[min(int(level * _STEPS), _STEPS - 1)] for level in levels]


@cache
def _list_quantiles(mean: float, icc: float) -> tuple[float, ...]:
    """Quantiles of the beta distribution of that mean of which two draws of a case correlate by `icc`."""
    weight = 1 / icc - 1
    places = ((step + 0.5) / _STEPS for step in range(_STEPS))
    return tuple(beta_quantile(mean * weight, (1 - mean) * weight, place) for place in places)


def _choose(rates: Sequence[float], value: float) -> int:
    """The number of a pattern, drawn by `value` in 0..1 in proportion to the rates."""
    edges = _list_edges(tuple(rates))
    return 1 + min(bisect_right(edges, value), len(rates) - 1) if rates else 1


@cache
def _list_edges(rates: tuple[float, ...]) -> tuple[float, ...]:
    total = sum(rates)
    return tuple(edge / total for edge in accumulate(rates)) if total > 0 else rates


def draw_trials(
    world: World, setting: Setting, levels: Sequence[Levels], rng: Random, *, repeats: int
) -> Trials:
    """What `repeats` fresh repeats of every case under every arm come to."""
    drawn: dict[str, list[list[int]]] = {}
    for arm, level in zip(setting.arms, levels, strict=True):
        if arm.source is None:
            drawn[arm.name] = _draw_arm(world, arm.column, level, rng, repeats)
    names = list_signatures(world)
    recovered = {number for number, name in enumerate(names) if name in world.repairs}
    for arm in setting.arms:
        if arm.source is not None:
            source = drawn[arm.source]
            drawn[arm.name] = [[0 if n in recovered else n for n in trials] for trials in source]
    return [drawn[arm.name] for arm in setting.arms]


def _draw_arm(world: World, column: int, levels: Levels, rng: Random, repeats: int) -> list[list[int]]:
    rates = [by_column[column] for by_column in world.patterns.values()]
    count, first = len(world.others), 1 + len(rates)
    random, is_frozen = rng.random, world.form == "frozen"
    cases = []
    for place, (pattern, other) in enumerate(zip(levels.pattern, levels.other, strict=True)):
        trials = []
        for _ in range(1 if is_frozen else repeats):
            if random() < pattern:
                trials.append(_choose(rates, random()) if levels.choice is None else levels.choice[place])
            elif random() < other:
                trials.append(first + int(random() * count))
            else:
                trials.append(0)
        cases.append(trials * repeats if is_frozen else trials)
    return cases

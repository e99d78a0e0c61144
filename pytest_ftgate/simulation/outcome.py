"""The results of an experiment as one JSON value: what reports are made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from pytest_ftgate import __version__
from pytest_ftgate.model.evalset import Json
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.simulation.cells import RUNS, Cell
from pytest_ftgate.simulation.experiment import Experiment, Results
from pytest_ftgate.simulation.regressions import RegressionCell
from pytest_ftgate.simulation.world import COLUMNS, MOST_FALSE, MOST_FALSE_ABOVE, TUNE, World
from pytest_ftgate.statistics.decidable import find_decidable
from pytest_ftgate.statistics.intervals import Estimate, effective_size

FORMAT_VERSION = 1
_SIDE = 0.025


def describe_experiment(experiment: Experiment, results: Results) -> dict[str, Any]:
    """Everything about an experiment. JSON-safe."""
    worlds = {world.key: world for world in results.worlds}
    cells = [_describe_cell(cell, worlds[cell.world]) for cell in results.cells]
    plan = experiment.plan
    decision = next(iter(results.plans.values())).evalset.decision
    return {
        "ftgate_simulation": FORMAT_VERSION,
        "version": __version__,
        "evalset": None if plan is None else plan.evalset.path,
        "seed": experiment.seed,
        "evalsets": experiment.evalsets,
        "limit_evalsets": experiment.limit_evalsets,
        "runs": RUNS * experiment.evalsets,
        "bar": experiment.bar,
        "decision": {
            "alpha": decision.alpha,
            "alpha_fine_tune": decision.alpha_fine_tune,
            "floor": decision.floor,
            "share": decision.share,
            "min_cases": decision.min_cases,
            "further_repeats": decision.further_repeats,
        },
        "arms": _list_arms(results.plans.values()),
        "sizes": [
            _describe_size(size, results.plans[size], experiment.bar, decision.alpha)
            for size in experiment.sizes
        ],
        "worlds": [describe_world(world) for world in results.worlds],
        "skipped": [{"world": one.world, "reason": one.reason} for one in results.skipped],
        "cells": cells,
        "promises": [_describe_promise(results, worlds, above=above) for above in (False, True)],
        "no_regression": [_describe_regression(cell) for cell in results.regressions],
    }


def _list_arms(plans: Iterable[Plan]) -> list[Json]:
    plan = next(iter(plans))
    return [
        {"arm": arm.name, "kind": arm.kind, "question": arm.question, "status": arm.status}
        for arm in plan.arms
    ]


def _describe_size(size: tuple[int, int], plan: Plan, bar: float, alpha: float) -> dict[str, Json]:
    """The size, and the accuracies nearest to the bar that are told from it with a chance of 80 %.

    Cases of `split: dev` are in the size, and tell nothing.
    """
    cases, repeats = size
    found = find_decidable(max(1, len(plan.evalset.judging_cases)), repeats, bar, alpha=alpha)
    return {"cases": cases, "repeats": repeats, "below": found.below, "above": found.above}


def describe_world(world: World) -> dict[str, Json]:
    """The truth of a world."""
    return {
        "key": world.key,
        "title": world.title,
        "kind": world.kind,
        "right": list(world.right),
        "bar": world.bar,
        "accuracy": dict(zip(COLUMNS, world.accuracy, strict=True)),
        "patterns": [
            {"signature": name, "rate": dict(zip(COLUMNS, rates, strict=True))}
            for name, rates in world.patterns.items()
        ],
        "form": world.form,
        "share": world.share,
    }


def _describe_cell(cell: Cell, world: World) -> dict[str, Json]:
    verdicts = cell.verdicts
    return {
        **cell.as_json(),
        "evalsets": cell.evalsets,
        "verdicts": {
            name: {"runs": count, **describe_estimate(cell.rate([name]))}
            for name, count in sorted(verdicts.items(), key=lambda entry: (-entry[1], entry[0]))
        },
        "right": describe_estimate(cell.rate(world.right)),
        "fine_tune": describe_estimate(cell.rate([TUNE])),
        "flips": describe_share(cell.flips, cell.evalsets),
        "build_flips": describe_share(cell.build_flips, cell.evalsets),
        "further_a_run": cell.further / cell.runs,
    }


def _describe_regression(cell: RegressionCell) -> dict[str, Json]:
    return {
        **asdict(cell),
        "alarms": describe_share(cell.alarms, cell.evalsets),
        "excluded": describe_share(cell.excluded, cell.evalsets),
    }


def describe_estimate(estimate: Estimate) -> dict[str, Json]:
    """A rate with the 95 % interval of its Monte-Carlo error."""
    return {"value": estimate.value, "low": estimate.lower(_SIDE), "high": estimate.upper(_SIDE)}


def describe_share(hits: int, total: int) -> dict[str, Json]:
    """A share of independent evalsets, likewise (Clopper & Pearson, 1934)."""
    return describe_estimate(Estimate(hits / total, effective_size(total, hits, hits, 1.0)))


def _describe_promise(results: Results, worlds: dict[str, World], *, above: bool) -> dict[str, Json]:
    """The worst false `fine_tune_justified`, and whether it is shown to be more often than promised."""
    limit = MOST_FALSE_ABOVE if above else MOST_FALSE
    limits = (MOST_FALSE_ABOVE,) if above else (MOST_FALSE, MOST_FALSE_ABOVE)
    found = [(cell.rate([TUNE]), cell) for cell in results.cells if worlds[cell.world].most_false in limits]
    if not found:
        return {"limit": limit, "above": above, "worst": None, "pooled": None, "is_broken": False}
    worst, cell = max(found, key=lambda entry: entry[0].value)
    return {
        "limit": limit,
        "above": above,
        "worst": {
            "world": cell.world,
            "cases": cell.cases,
            "repeats": cell.repeats,
            **describe_estimate(worst),
        },
        "pooled": sum(c.verdicts[TUNE] for _, c in found) / sum(c.runs for _, c in found),
        "is_broken": any(rate.lower(_SIDE / len(found)) > limit for rate, _ in found),
    }

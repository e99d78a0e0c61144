"""Many worlds at many sizes, in several processes, with what is done kept on disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

from pytest_ftgate import __version__
from pytest_ftgate.errors import SettingsError
from pytest_ftgate.model.evalset import DEFAULT_BAR, Json
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.simulation.cells import Cell, simulate_checked
from pytest_ftgate.simulation.regressions import COMPARISONS, RegressionCell, simulate_regressions
from pytest_ftgate.simulation.setting import REPAIR, Setting, adopt_plan, build_plan, resize_plan
from pytest_ftgate.simulation.world import Kind, World, move_world

Size: TypeAlias = tuple[int, int]
"""(cases, repeats)"""

Tell: TypeAlias = Callable[[int, int], None]
"""Told how many cells are done, and of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """What to simulate. `evalsets` are drawn of each world and size, `limit_evalsets` of those at their
    limit.

    `plan` None = a made-up evalset with `arms`; else its cases in turn, and its arms. `further_repeats`,
    where not those of the plan.
    """

    worlds: Sequence[World]
    sizes: Sequence[Size]
    bar: float
    evalsets: int
    seed: int
    arms: Sequence[str]
    plan: Plan | None = None
    further_repeats: int | None = None
    limit_evalsets: int | None = None

    def count_evalsets(self, kind: Kind) -> int:
        """Evalsets drawn of a world of that kind."""
        return self.limit_evalsets if kind == "at_limit" and self.limit_evalsets else self.evalsets

    def plan_size(self, size: Size, bar: float, arms: Sequence[str]) -> Plan:
        """The plan of one size."""
        plan = build_plan(*size, bar=bar, arms=arms) if self.plan is None else resize_plan(self.plan, *size)
        if self.further_repeats is None:
            return plan
        decision = replace(plan.evalset.decision, further_repeats=self.further_repeats)
        return replace(plan, evalset=replace(plan.evalset, decision=decision))

    @property
    def fingerprint(self) -> str:
        """Tells results of other settings apart: a file of results holds those of one."""
        plan = self.plan
        told = {
            "version": __version__,
            "evalsets": [self.evalsets, self.limit_evalsets],
            "seed": self.seed,
            "further_repeats": self.further_repeats,
            "arms": list(self.arms) if plan is None else [asdict(arm) for arm in plan.arms],
            "decision": None if plan is None else asdict(plan.evalset.decision),
            "cases": None if plan is None else [(case.id, case.group) for case in plan.evalset.cases],
        }
        return sha256(json.dumps(told, sort_keys=True, default=dict).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A world that is not simulated, and why."""

    world: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """`worlds` as they were simulated: moved to the bar. `plans`: by size, of the arms asked for.

    `regressions`: how often the gate `no_regression` would alarm.
    """

    worlds: tuple[World, ...]
    cells: tuple[Cell, ...]
    skipped: tuple[Skipped, ...]
    plans: Mapping[Size, Plan]
    regressions: tuple[RegressionCell, ...]


_Job: TypeAlias = tuple[World, Size]


def run_experiment(
    experiment: Experiment, *, jobs: int = 1, save: Path | None = None, tell: Tell | None = None
) -> Results:
    """Simulate every world at every size. The results do not depend on `jobs`, nor on what `save` had.

    Raises SettingsError for a file of results that cannot be read or holds those of other settings.
    """
    worlds, skipped = _choose_worlds(experiment)
    wanted = [(world, size) for size in sorted(experiment.sizes, reverse=True) for world in worlds]
    kept = _Kept(save, experiment.fingerprint)
    todo = [job for job in wanted if kept.find(job) is None]
    done = len(wanted) - len(todo)
    for cell in _run_all(experiment, todo, jobs):
        kept.add(cell)
        done += 1
        if tell is not None:
            tell(done, len(wanted))
    found = (kept.find((world, size)) for size in experiment.sizes for world in worlds)
    cells = [cell for cell in found if cell is not None]
    plans = {size: experiment.plan_size(size, experiment.bar, experiment.arms) for size in experiment.sizes}
    many = COMPARISONS * (experiment.limit_evalsets or experiment.evalsets)
    regressions = (
        simulate_regressions(adopt_plan(plan), experiment.bar, many, seed=experiment.seed)
        for plan in plans.values()
    )
    return Results(
        worlds=tuple(worlds),
        cells=tuple(cells),
        skipped=tuple(skipped),
        plans=plans,
        regressions=tuple(cell for cells_of_size in regressions for cell in cells_of_size),
    )


def _choose_worlds(experiment: Experiment) -> tuple[list[World], list[Skipped]]:
    """The worlds stated for the bar; those whose truth needs an arm that is not planned are left out."""
    chosen: list[World] = []
    skipped: list[Skipped] = []
    for world in experiment.worlds:
        keeps_bar = world.bar != DEFAULT_BAR and experiment.plan is None
        moved = world if keeps_bar else move_world(world, experiment.bar)
        if moved is None:
            reason = f"cannot be stated for a bar of {experiment.bar:g}"
            skipped.append(Skipped(world=world.key, reason=reason))
            continue
        setting = _build_setting(experiment, moved, experiment.sizes[0])
        missing = [need for need in moved.needs if not setting.has(need)]
        if missing:
            reason = f"its truth needs an arm like {' and '.join(missing)}, and none is planned"
            skipped.append(Skipped(world=world.key, reason=reason))
        else:
            chosen.append(moved)
    return chosen, skipped


def _build_setting(experiment: Experiment, world: World, size: Size) -> Setting:
    """A made-up evalset has the arm `repair` in the worlds that are about it."""
    arms = experiment.arms
    if experiment.plan is None and REPAIR in world.needs and REPAIR not in arms:
        arms = (REPAIR, *arms)
    return adopt_plan(experiment.plan_size(size, world.bar, arms))


def _run_all(experiment: Experiment, todo: Sequence[_Job], jobs: int) -> Iterator[Cell]:
    if jobs <= 1 or len(todo) <= 1:
        for job in todo:
            yield _run(experiment, job)
        return
    with ProcessPoolExecutor(min(jobs, len(todo)), initializer=_remember, initargs=(experiment,)) as pool:
        for future in as_completed([pool.submit(_run_remembered, job) for job in todo]):
            yield future.result()


def _run(experiment: Experiment, job: _Job) -> Cell:
    world, size = job
    setting = _build_setting(experiment, world, size)
    return simulate_checked(world, setting, experiment.count_evalsets(world.kind), seed=experiment.seed)


_remembered: list[Experiment] = []
"""Of a worker process: what it was started for, so that each job need not carry it."""


def _remember(experiment: Experiment) -> None:
    _remembered[:] = [experiment]


def _run_remembered(job: _Job) -> Cell:
    return _run(_remembered[0], job)


class _Kept:
    """The cells that are done, in memory and where wanted in a file that is written after each."""

    def __init__(self, path: Path | None, fingerprint: str) -> None:
        self._path, self._fingerprint = path, fingerprint
        self._cells: dict[tuple[str, int, int, float], Cell] = {}
        for cell in self._read() if path is not None and path.exists() else ():
            self._cells[_key(cell)] = cell

    def find(self, job: _Job) -> Cell | None:
        """The cell of a world at a size."""
        world, (cases, repeats) = job
        return self._cells.get((world.key, cases, repeats, world.bar))

    def add(self, cell: Cell) -> None:
        """Keep a cell."""
        self._cells[_key(cell)] = cell
        if self._path is None:
            return
        body = {"fingerprint": self._fingerprint, "cells": [c.as_json() for c in self._cells.values()]}
        fresh = self._path.with_name(self._path.name + ".new")
        try:
            fresh.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
            fresh.replace(self._path)
        except OSError as error:
            raise SettingsError(f"{self._path}: cannot be written ({error.strerror or error})") from None

    def _read(self) -> list[Cell]:
        assert self._path is not None  # noqa: S101 - the caller has looked
        try:
            body: Json = json.loads(self._path.read_text(encoding="utf-8"))
            told, cells = body["fingerprint"], [Cell.from_json(entry) for entry in body["cells"]]
        except OSError as error:
            raise SettingsError(f"{self._path}: cannot be read ({error.strerror or error})") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SettingsError(
                f"{self._path}: holds no results of a simulation ({type(error).__name__}: {error}); "
                "name another file, or remove it"
            ) from None
        if told != self._fingerprint:
            raise SettingsError(
                f"{self._path}: holds results of other settings (evalset, arms, seed, evalsets or "
                "version); name another file, or remove it"
            )
        return cells


def _key(cell: Cell) -> tuple[str, int, int, float]:
    return cell.world, cell.cases, cell.repeats, cell.bar

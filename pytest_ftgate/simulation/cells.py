"""What simulated runs come to: counts of one world at one size, and the rates that they show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from random import Random

from pytest_ftgate.model.evalset import Json
from pytest_ftgate.model.verdict import Judgement
from pytest_ftgate.simulation.draws import draw_levels, draw_trials
from pytest_ftgate.simulation.setting import Setting
from pytest_ftgate.simulation.study import Run, Study
from pytest_ftgate.simulation.world import TUNE, World
from pytest_ftgate.statistics.intervals import Estimate, effective_size

RUNS = 2
"""Runs of each evalset drawn: the second one is the A/A run of the first, the same cases asked again."""


AGAIN = 5
"""Times as many evalsets where a first sample does not show what is promised."""


@dataclass(slots=True)
class Cell:
    """One world at one size. `pairs` counts evalsets by what their two runs came to, in alphabetic order.

    `build_flips`: evalsets of which one run fails the gate `accuracy` and the other does not. `further`:
    repeats asked beyond the plan, in all runs; `asked_again`: runs that asked any. `controls`:
    runs with a negative control, of which `failed_controls` found too much. `first`: the false rate of a
    first sample that is not counted here, see `simulate_checked`.
    """

    world: str
    cases: int
    repeats: int
    bar: float
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    build_flips: int = 0
    further: int = 0
    asked_again: int = 0
    controls: int = 0
    failed_controls: int = 0
    first: float | None = None

    @property
    def evalsets(self) -> int:
        """Evalsets drawn."""
        return self.pairs.total()

    @property
    def runs(self) -> int:
        """Simulated runs."""
        return RUNS * self.evalsets

    @property
    def verdicts(self) -> Counter[str]:
        """Verdict → runs that came to it."""
        found: Counter[str] = Counter()
        for pair, count in self.pairs.items():
            for name in pair:
                found[name] += count
        return found

    @property
    def flips(self) -> int:
        """Evalsets of which the two runs came to different verdicts."""
        return sum(count for (first, second), count in self.pairs.items() if first != second)

    def add(self, first: Run, second: Run) -> None:
        """Count the two runs of an evalset."""
        runs = first, second
        one, other = sorted(run.judgement.verdict.decision for run in runs)
        self.pairs[one, other] += 1
        self.build_flips += _fails(first.judgement) != _fails(second.judgement)
        self.further += sum(run.further for run in runs)
        self.asked_again += sum(run.further > 0 for run in runs)
        self.controls += sum(run.control is not None for run in runs)
        self.failed_controls += sum(run.control is False for run in runs)

    def rate(self, names: Iterable[str]) -> Estimate:
        """How often any of those verdicts was reached: the evalset is the unit, its two runs are repeats."""
        wanted = set(names)
        total = squares = 0.0
        for pair, count in self.pairs.items():
            share = sum(name in wanted for name in pair) / RUNS
            total += share * count
            squares += share * share * count
        effective = effective_size(self.evalsets, total, squares, float(RUNS))
        return Estimate(total / self.evalsets, effective)

    def as_json(self) -> dict[str, Json]:
        """The counts as a JSON object."""
        return {
            "world": self.world,
            "cases": self.cases,
            "repeats": self.repeats,
            "bar": self.bar,
            "pairs": [[first, second, count] for (first, second), count in sorted(self.pairs.items())],
            "build_flips": self.build_flips,
            "further": self.further,
            "asked_again": self.asked_again,
            "controls": self.controls,
            "failed_controls": self.failed_controls,
            "first": self.first,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Json]) -> Cell:
        """The cell of `as_json`. Raises KeyError, TypeError or ValueError for what is none."""
        pairs = Counter({(first, second): count for first, second, count in body["pairs"]})
        return cls(**{**body, "pairs": pairs})


def simulate_checked(world: World, setting: Setting, evalsets: int, *, seed: int) -> Cell:
    """As `simulate`, but a false rate that is not below what is promised is not left to chance.

    The cell is then drawn anew with AGAIN times as many evalsets, and the first sample does not count: to add
    to it would keep some of the chance by which it was picked out.
    """
    cell = simulate(world, setting, evalsets, seed=seed)
    found = cell.rate([TUNE]).value
    if world.most_false is None or found < world.most_false:
        return cell
    again = simulate(world, setting, AGAIN * evalsets, seed=f"{seed}:again")
    again.first = found
    return again


def simulate(world: World, setting: Setting, evalsets: int, *, seed: int | str) -> Cell:
    """Draw so many evalsets of a world and run each twice.

    Each evalset has a seed of its own, so that the same ones come out whatever else is simulated.
    """
    cases, repeats = setting.size
    cell = Cell(world=world.key, cases=cases, repeats=repeats, bar=world.bar)
    study = Study(world, setting)
    most = repeats + setting.plan.evalset.decision.further_repeats
    for number in range(evalsets):
        # A seeded draw that is the same everywhere, nothing to do with secrets.
        rng = Random(f"{seed}:{world.key}:{cases}:{repeats}:{number}")  # noqa: S311
        levels = draw_levels(world, setting, rng)
        first, second = (
            study.judge(draw_trials(world, setting, levels, rng, repeats=most)) for _ in range(RUNS)
        )
        cell.add(first, second)
    return cell


def _fails(judgement: Judgement) -> bool:
    return any(gate.outcome == "failed" for gate in judgement.gates)

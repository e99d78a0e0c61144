"""The promises in a sample small enough for every run of the suite; test_simulation_verdicts.py has more.

A bound is held against the interval of what was measured (STATISTICS 1.1, one-sided at 0.001; an evalset is
the unit, its two runs are its repeats), so that chance alone fails a test once in a thousand seeds.
"""

from __future__ import annotations

from collections import Counter
from functools import cache

from pytest_ftgate.simulation.cells import Cell, simulate
from pytest_ftgate.simulation.setting import build_setting
from pytest_ftgate.simulation.world import MOST_FALSE, MOST_FALSE_ABOVE, TUNE
from pytest_ftgate.simulation.worlds import list_worlds

CHANCE = 0.001
AT_BAR = ("at-bar-case", "at-bar-any", "at-bar-frozen", "at-bar-labels", "at-bar-context", "at-bar-as-is")


@cache
def measure(key: str, cases: int, repeats: int, evalsets: int) -> Cell:
    world = list_worlds()[key]
    setting = build_setting(cases, repeats, bar=world.bar, repair="repair" in world.needs)
    return simulate(world, setting, evalsets, seed=0)


def pool(cells: list[Cell]) -> Cell:
    """Their evalsets together."""
    first = cells[0]
    pooled = Cell(world="all", cases=first.cases, repeats=first.repeats, bar=first.bar)
    pooled.pairs = sum((cell.pairs for cell in cells), Counter())
    return pooled


def test_tuning_is_seldom_called_justified_where_an_arm_is_at_the_bar() -> None:
    pooled = pool([measure(key, 50, 3, 20) for key in AT_BAR])
    assert pooled.rate([TUNE]).lower(CHANCE) <= MOST_FALSE


def test_clearly_above_the_bar_it_is_called_justified_hardly_ever() -> None:
    pooled = pool([measure(key, 50, 3, 20) for key in ("above-bar", "met")])
    assert pooled.rate([TUNE]).lower(CHANCE) <= MOST_FALSE_ABOVE


def test_what_is_cheaper_than_tuning_is_never_passed_over() -> None:
    for key in ("prompt", "context", "format", "repair", "truncated", "flawed", "diffuse", "cured"):
        cell = measure(key, 100, 3, 4)
        assert cell.verdicts[TUNE] == 0
        assert cell.rate(list_worlds()[key].right).upper(CHANCE) >= 0.80


def test_a_plain_fine_tunable_world_is_told() -> None:
    """Promised is a power of 80 % at 200 cases and 5 repeats; half the cases nearly do."""
    cell = measure("tunable", 200, 5, 8)
    assert cell.rate([TUNE]).upper(CHANCE) >= 0.80
    assert cell.verdicts[TUNE] > cell.runs / 2
    assert cell.verdicts["inconclusive"] == 0


def test_a_second_run_of_a_clear_world_comes_to_the_same_verdict() -> None:
    """Failures of all sorts far below the bar, and a fault of the evalset."""
    pooled = pool([measure(key, 100, 3, 4) for key in ("flawed", "diffuse")])
    assert pooled.flips == 0

"""A world: how accurate each arm truly is, and which failures truly recur."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from pytest_ftgate.model.evalset import DEFAULT_BAR
from pytest_ftgate.model.summary import Finding
from pytest_ftgate.model.verdict import Decision

COLUMNS = ("as_is", "few_shot", "structured", "context")
"""The kinds of arm that a truth is stated for, in ladder order."""

By: TypeAlias = tuple[float, float, float, float]
"""One rate for each of COLUMNS."""

Kind: TypeAlias = Literal["at_limit", "untrue", "true", "share", "blind"]

TUNE: Decision = "fine_tune_justified"
MOST_FALSE = 0.05
"""Promised of TUNE in every world where it is untrue: it comes out less often (DESIGN section 7)."""
MOST_FALSE_ABOVE = 0.01
"""Likewise, where `as_is` is CLEARLY_ABOVE the bar or more."""
CLEARLY_ABOVE = 0.05

MOST = 0.995
"""Highest true accuracy of a world that is moved to another bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The truth. `accuracy` by column; `patterns`: signature → rate by column; other failures are diffuse,
    each with one of `others` at random.

    `form`: a pattern hits `any` trial, or is `case`-bound, or all answers are `frozen` (temperature 0).
    `right`: the verdicts that the truth supports; the first is the one hoped for.
    `kind`: `true` = tuning is justified; `untrue` = it is not, by DESIGN section 7 (some arm is truly at the
    bar, or nothing is above the floor in every arm), `at_limit` = likewise, but the truth sits where a false
    verdict is likeliest; `share` = patterns are real but explain under half of the failures; `blind` = the
    decision cannot know better.
    `needs`: columns of which an arm must be planned for this to be its truth. `repairs`: signatures of which
    a tolerant parser recovers the answer (arm `repair`). `moves`: it can be stated for another bar.
    """

    key: str
    title: str
    accuracy: By
    patterns: Mapping[str, By] = field(default_factory=dict)
    form: Literal["any", "case", "frozen"] = "any"
    others: tuple[str, ...]
    right: tuple[Decision, ...]
    kind: Kind
    bar: float = DEFAULT_BAR
    needs: tuple[str, ...] = ()
    repairs: frozenset[str] = frozenset()
    findings: tuple[Finding, ...] = ()
    moves: bool = True

    @property
    def is_tuning_untrue(self) -> bool:
        """Whether `fine_tune_justified` would be false, by DESIGN section 7."""
        return self.kind in ("untrue", "at_limit")

    @property
    def most_false(self) -> float | None:
        """How often TUNE may come out at most, by what is promised; None where it is not untrue."""
        if not self.is_tuning_untrue:
            return None
        is_above = self.accuracy[0] >= self.bar + CLEARLY_ABOVE - 1e-9
        return MOST_FALSE_ABOVE if is_above else MOST_FALSE

    @property
    def best(self) -> int:
        """The column with the highest accuracy."""
        return max(range(len(COLUMNS)), key=lambda column: self.accuracy[column])

    @property
    def share(self) -> float:
        """Share of the best column's failures that the patterns truly make up."""
        rate = sum(rates[self.best] for rates in self.patterns.values())
        return rate / (1 - self.accuracy[self.best])


def move_world(world: World, bar: float) -> World | None:
    """The world stated for another bar; None where that would be another truth.

    Below the bar an accuracy keeps its distance in points, at or above it the same part of what is left up to
    1. Patterns keep their share of the failures.
    """
    if bar == world.bar:
        return world
    if not world.moves:
        return None
    accuracy = [_move(value, world.bar, bar) for value in world.accuracy]
    if min(accuracy) < 1 - MOST:
        return None
    factors = [(1 - new) / (1 - old) for new, old in zip(accuracy, world.accuracy, strict=True)]
    patterns = {
        name: _by([rate * factor for rate, factor in zip(rates, factors, strict=True)])
        for name, rates in world.patterns.items()
    }
    return replace(world, bar=bar, accuracy=_by(accuracy), patterns=patterns)


def _move(value: float, old: float, new: float) -> float:
    if value < old:
        return value + new - old
    return min(MOST, 1 - (1 - value) * (1 - new) / (1 - old))


def _by(values: list[float]) -> By:
    first, second, third, fourth = values
    return first, second, third, fourth

"""What would give another verdict: leaves turned until another step is the first that holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pytest_ftgate.decision.conditions import (
    Names,
    evaluate,
    list_leaves,
    list_turns,
    measure_cost,
    rank_turn,
)
from pytest_ftgate.decision.wording import format_count
from pytest_ftgate.model.verdict import Condition, Decision, Flip, Step

MAX_FLIPS = 6
FALLBACK: Decision = "inconclusive"
"""The verdict where no step's condition holds."""

_MAX_NAMED = 3


def choose_step(steps: Sequence[Step], flipped: Names = frozenset()) -> int | None:
    """The place of the first step whose condition holds; None where none does."""
    return next((place for place, step in enumerate(steps) if evaluate(step.condition, flipped)), None)


def find_flips(steps: Sequence[Step]) -> tuple[Flip, ...]:
    """The closest ways to another verdict, at most MAX_FLIPS, each checked by deciding again.

    What chance could turn comes first, by its distance in standard errors; see `conditions.BY_HAND` for what
    only a person can turn. A way that contains another one is left out.
    """
    leaves = {leaf.name: leaf for step in steps for leaf in list_leaves(step.condition)}
    now = _name(steps, choose_step(steps))
    found: dict[Names, tuple[float, Names]] = {}
    for names in _list_ways(steps):
        settled = _settle(steps, names, now)
        if settled is not None:
            cost = max(measure_cost(leaves[name]) or 0.0 for name in settled)
            found[settled] = (cost, settled)
    ranked = sorted(found.values(), key=rank_turn)
    kept = [names for _, names in ranked if not any(other < names for other in found)]
    return tuple(_describe(steps, names, leaves) for names in kept[:MAX_FLIPS])


def _list_ways(steps: Sequence[Step]) -> Iterator[Names]:
    """Leaves that take the present step away, or put an earlier one before it (any, where none holds)."""
    place = choose_step(steps)
    if place is not None:
        yield from (names for _, names in list_turns(steps[place].condition, False, frozenset()))
    for step in steps[:place]:
        yield from (names for _, names in list_turns(step.condition, True, frozenset()))


def _settle(steps: Sequence[Step], names: Names, now: Decision) -> Names | None:
    """`names`, with more where the verdict has two steps and only the other one now holds; None: no way."""
    for _ in steps:
        place = choose_step(steps, names)
        if _name(steps, place) != now:
            return names
        if place is None:
            return None
        turns = list_turns(steps[place].condition, False, names)
        if not turns:
            return None
        names ^= min(turns, key=rank_turn)[1]
    return None


def _name(steps: Sequence[Step], place: int | None) -> Decision:
    return FALLBACK if place is None else steps[place].decision


def _describe(steps: Sequence[Step], names: Names, leaves: Mapping[str, Condition]) -> Flip:
    named = [leaf for name, leaf in leaves.items() if name in names]
    texts = [leaf.text for leaf in named[:_MAX_NAMED]]
    if len(named) > _MAX_NAMED:
        texts.append(f"{format_count(len(named) - _MAX_NAMED, 'more condition')}")
    distances = [leaf.distance for leaf in named if leaf.distance is not None]
    return Flip(
        conditions=tuple(leaf.name for leaf in named),
        text="; ".join(texts),
        decision=_name(steps, choose_step(steps, names)),
        distance=max(distances) if len(distances) == len(named) else None,
    )


def describe_closest(flips: Sequence[Flip]) -> str | None:
    """The closest flip in one phrase; None where nothing would give another verdict."""
    if not flips:
        return None
    closest = flips[0]
    far = "" if closest.distance is None else f", by {closest.distance:.1f} standard errors"
    return f"{closest.text}{far} (otherwise: {closest.decision})"

"""Which shard has which cases: the same in every process, and a group is never divided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from heapq import heapify, heapreplace

from pytest_ftgate.model.evalset import Case
from pytest_ftgate.model.settings import Shard
from pytest_ftgate.model.trial import PlannedItem


def assign_cases(cases: Iterable[Case], count: int) -> Mapping[str, int]:
    """Case id → its shard, 1-based.

    Groups and ungrouped cases are dealt out in the order of the evalset, each to the shard that has the
    fewest cases so far: round-robin where there are no groups.
    """
    cases = tuple(cases)
    sizes = Counter(case.group for case in cases if case.group is not None)
    piles = [(0, index) for index in range(1, count + 1)]
    heapify(piles)
    of_group: dict[str, int] = {}
    assigned: dict[str, int] = {}
    for case in cases:
        shard = None if case.group is None else of_group.get(case.group)
        if shard is None:
            size, shard = piles[0]
            heapreplace(piles, (size + (1 if case.group is None else sizes[case.group]), shard))
            if case.group is not None:
                of_group[case.group] = shard
        assigned[case.id] = shard
    return assigned


def keep_shard(items: Iterable[PlannedItem], cases: Iterable[Case], shard: Shard) -> tuple[PlannedItem, ...]:
    """The items of the shard's cases. They are planned with all others: draws and shots stay the same."""
    assigned = assign_cases(cases, shard.count)
    return tuple(item for item in items if assigned[item.case] == shard.index)

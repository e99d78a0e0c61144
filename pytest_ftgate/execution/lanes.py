"""Who may go next: a first-in-first-out queue with a limit for all and a lower one for some models."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Lane(Generic[T]):
    limit: int
    waiting: deque[tuple[int, T]] = field(default_factory=deque)
    urgent: deque[tuple[int, T]] = field(default_factory=deque)
    busy: int = 0

    @property
    def next(self) -> deque[tuple[int, T]]:
        """Where the item stands that goes next."""
        return self.urgent or self.waiting


class Lanes(Generic[T]):
    """Items wait in lanes, one a model; a full lane does not hold up the others.

    `lane_of` gives an item's lane and that lane's own limit (None = only the limit for all).
    """

    def __init__(self, concurrency: int, lane_of: Callable[[T], tuple[str, int | None]]) -> None:
        self.concurrency = max(1, concurrency)
        self._lane_of = lane_of
        self._lanes: dict[str, _Lane[T]] = {}
        self._arrivals = 0
        self._busy = 0

    def add(self, item: T, *, first: bool = False) -> None:
        """Put an item at the end of its lane; `first`: before all that did not come so."""
        name, limit = self._lane_of(item)
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = _Lane(limit=max(1, limit or self.concurrency))
        (lane.urgent if first else lane.waiting).append((self._arrivals, item))
        self._arrivals += 1

    def take(self) -> T | None:
        """The item that has waited longest among those that may go, urgent ones first.

        It is busy until `free`.
        """
        if self._busy >= self.concurrency:
            return None
        ready = [lane for lane in self._lanes.values() if lane.next and lane.busy < lane.limit]
        if not ready:
            return None
        lane = min(ready, key=lambda lane: (not lane.urgent, lane.next[0][0]))
        lane.busy += 1
        self._busy += 1
        return lane.next.popleft()[1]

    def free(self, item: T) -> None:
        """A taken item is finished."""
        self._lanes[self._lane_of(item)[0]].busy -= 1
        self._busy -= 1

    def drain(self) -> list[T]:
        """Remove and return all items that still wait, oldest first."""
        queues = [queue for lane in self._lanes.values() for queue in (lane.urgent, lane.waiting)]
        entries = [entry for queue in queues for entry in _emptied(queue)]
        return [item for _, item in sorted(entries, key=lambda entry: entry[0])]


def _emptied(waiting: deque[tuple[int, T]]) -> list[tuple[int, T]]:
    entries = list(waiting)
    waiting.clear()
    return entries

"""Who may go next: a first-in-first-out queue with a limit for all and a lower one for some models."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Lane(Generic[T]):
    model: str
    turn: str
    limit: int
    waiting: deque[tuple[int, T]] = field(default_factory=deque)
    urgent: deque[tuple[int, T]] = field(default_factory=deque)

    @property
    def next(self) -> deque[tuple[int, T]]:
        """Where the item stands that goes next."""
        return self.urgent or self.waiting


class Lanes(Generic[T]):
    """Items wait in lanes, one for each model and turn; a full one does not hold up the others.

    `lane_of` gives an item's model and that model's own limit (None = only the limit for all). `turn_of` says
    whose it is (an evalset's): where several wait, the one with the fewest items under way goes next.
    """

    def __init__(
        self,
        concurrency: int,
        lane_of: Callable[[T], tuple[str, int | None]],
        turn_of: Callable[[T], str] = lambda _item: "",
    ) -> None:
        self.concurrency = max(1, concurrency)
        self._lane_of, self._turn_of = lane_of, turn_of
        self._lanes: dict[tuple[str, str], _Lane[T]] = {}
        self._busy_models: Counter[str] = Counter()
        self._busy_turns: Counter[str] = Counter()
        self._arrivals = 0
        self._busy = 0

    def add(self, item: T, *, first: bool = False) -> None:
        """Put an item at the end of its lane; `first`: before all that did not come so."""
        (model, limit), turn = self._lane_of(item), self._turn_of(item)
        lane = self._lanes.get((model, turn))
        if lane is None:
            lane = self._lanes[model, turn] = _Lane(model, turn, max(1, limit or self.concurrency))
        (lane.urgent if first else lane.waiting).append((self._arrivals, item))
        self._arrivals += 1

    def take(self) -> T | None:
        """The next item: urgent ones first, then of the turn with the fewest under way, then the oldest.

        It is busy until `free`.
        """
        if self._busy >= self.concurrency:
            return None
        ready = [
            lane for lane in self._lanes.values() if lane.next and self._busy_models[lane.model] < lane.limit
        ]
        if not ready:
            return None
        lane = min(ready, key=lambda lane: (not lane.urgent, self._busy_turns[lane.turn], lane.next[0][0]))
        self._busy_models[lane.model] += 1
        self._busy_turns[lane.turn] += 1
        self._busy += 1
        return lane.next.popleft()[1]

    def free(self, item: T) -> None:
        """A taken item is finished."""
        self._busy_models[self._lane_of(item)[0]] -= 1
        self._busy_turns[self._turn_of(item)] -= 1
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

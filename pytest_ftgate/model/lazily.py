"""A mapping whose values are made when they are looked at: of a large run there is only one at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Lazily(Mapping[K, V]):
    """`make` of each of the `names`, which are those of `make`'s own mapping; nothing that was made is kept."""

    __slots__ = ("_make", "_names")

    def __init__(self, names: Collection[K], make: Callable[[K], V]) -> None:
        self._names, self._make = names, make

    def __getitem__(self, name: K) -> V:
        return self._make(name)

    def __iter__(self) -> Iterator[K]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

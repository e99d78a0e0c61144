"""A mapping whose values are made when they are looked at: of a large run there is only one at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Lazily(Mapping[K, V]):
    """Maps each of `names` to what `make` gives for it. Nothing that was made is kept; `make` raises KeyError
    for other names."""

    __slots__ = ("_make", "_names")

    def __init__(self, names: Collection[K], make: Callable[[K], V]) -> None:
        self._names, self._make = names, make

    def __getitem__(self, name: K) -> V:
        return self._make(name)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[K]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

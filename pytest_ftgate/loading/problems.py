"""The problems of an evalset, gathered to be told together."""

from __future__ import annotations

from typing import NoReturn

from pytest_ftgate.errors import EvalsetError
from pytest_ftgate.loading.places import Place
from pytest_ftgate.model.evalset import Location

MAX_SHOWN = 50
MAX_KEPT = 2_000


class Problems:
    """Collects problems of one evalset and of the files it names.

    At most 50 are told, the first ones by line; of a hopeless file only 2,000 are kept to sort.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._found: dict[tuple[Location, str], None] = {}
        self._count = 0

    def add(self, where: Location | Place, what: str) -> None:
        """Remember a problem; the same words at the same location count once."""
        key = (where.where if isinstance(where, Place) else where, what)
        if key in self._found:
            return
        self._count += 1
        if len(self._found) < MAX_KEPT:
            self._found[key] = None

    def __len__(self) -> int:
        return self._count

    def raise_all(self) -> NoReturn:
        """Raise EvalsetError: the evalset's own problems by line, then those of other files."""
        found = sorted(self._found, key=lambda problem: self._rank(problem[0]))
        shown = found[:MAX_SHOWN]
        if self._count > len(shown):
            shown.append((Location(file=self._file), f"… and {self._count - len(shown)} more problems"))
        raise EvalsetError(self._file, shown)

    def _rank(self, where: Location) -> tuple[bool, str, int]:
        return where.file != self._file, where.file, where.line or 0

"""The confusion table: which label came in place of which, as a matrix or as a list of pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Confusion = Mapping[str, Mapping[str, int]]
"""Expected label → what came → trials, the right ones included."""

MAX_LABELS = 12
"""Labels up to which every count is shown; of more only the commonest confusions."""

OTHER = "else"
"""The column of what was never expected, where its labels are too many for a column each."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """`labels` number the rows and the columns; only the first `len(rows)` are expected ones.

    `columns` are the numbers, and OTHER where it is needed. A row is the expected label's counts.
    """

    labels: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[int, ...], ...]


def build_matrix(confusion: Confusion) -> Matrix | None:
    """The matrix; None where nothing was confused or more than MAX_LABELS labels are expected."""
    if not list_confusions(confusion) or len(confusion) > MAX_LABELS:
        return None
    expected = tuple(confusion)
    further = tuple(sorted({got for row in confusion.values() for got in row}.difference(expected)))
    labels = expected + further if len(expected) + len(further) <= MAX_LABELS else expected
    columns = tuple(str(number) for number in range(1, len(labels) + 1))
    rows = [tuple(row.get(label, 0) for label in labels) for row in confusion.values()]
    if len(labels) == len(expected) and further:
        columns += (OTHER,)
        rows = [
            (*counts, sum(row.values()) - sum(counts))
            for counts, row in zip(rows, confusion.values(), strict=True)
        ]
    return Matrix(labels, columns, tuple(rows))


def list_confusions(confusion: Confusion) -> list[tuple[int, str, str]]:
    """(trials, expected, got) of every pair that differs, most frequent first."""
    pairs = [
        (count, expected, got)
        for expected, row in confusion.items()
        for got, count in row.items()
        if expected != got
    ]
    return sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2]))

"""What patterns need of statistics. The pipeline passes an object that has it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from pytest_ftgate.model.summary import Rate, TagExcess

Groups = Mapping[str, str | None]
"""Case id → group; cases of one group are one cluster."""


class ArmRates(Protocol):
    """Rates over the judged cases of one arm. `hits` maps case ids to trials; absent = none."""

    def rate(self, hits: Mapping[str, int]) -> Rate:
        """The rate of `hits`, with intervals."""
        ...

    def p_above(self, hits: Mapping[str, int], floor: float) -> float:
        """p-value of H0 "the rate is at most `floor`"."""
        ...

    def find_least_above(self, floor: float, alpha: float) -> float:
        """A rate below which none is shown above `floor` at level `alpha`, however its hits are spread."""
        ...


class PatternStatistics(Protocol):
    """Functions of statistics that patterns are found with."""

    def over(self, graded: Mapping[str, int], groups: Groups, *, alpha: float) -> ArmRates:
        """Rates over the cases of one arm, from case id → judged trials."""
        ...

    def share(
        self, hits: Mapping[str, int], failures: Mapping[str, int], groups: Groups
    ) -> tuple[float, float, float]:
        """Share of `hits` among `failures`, with its 95 % interval."""
        ...

    def adjust(self, p_values: Sequence[float], tests: int) -> list[float]:
        """p-values adjusted for `tests` tests, in the order given."""
        ...

    def tag_excess(
        self, hits: Collection[str], tags: Mapping[str, Collection[str]], groups: Groups, *, alpha: float
    ) -> tuple[TagExcess, ...]:
        """Tags over-represented among the cases `hits`; `tags` maps every judged case to its tags."""
        ...

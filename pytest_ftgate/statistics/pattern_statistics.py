"""What the stage `patterns` needs of statistics, as one object that the pipeline hands over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pytest_ftgate.model.summary import Rate, TagExcess
from pytest_ftgate.statistics import holm
from pytest_ftgate.statistics.intervals import Estimate, Groups, Sample, build_sample, clustered_size
from pytest_ftgate.statistics.rates import DISPLAY_ALPHA, build_empty_rate, build_rate, divide
from pytest_ftgate.statistics.tag_excess import find_tag_excess

_STEPS = 30
"""Of a bisection."""


@dataclass(frozen=True, slots=True)
class ArmRates:
    """Rates over the judged cases of one arm (`graded`: case id → judged trials)."""

    graded: Mapping[str, int]
    sample: Sample
    alpha: float

    def rate(self, hits: Mapping[str, int]) -> Rate:
        """The rate of `hits` (case id → trials), with intervals."""
        if not self.graded:
            return build_empty_rate()
        return build_rate(self.sample, hits, self.graded, alpha=self.alpha)

    def p_above(self, hits: Mapping[str, int], floor: float) -> float:
        """p-value of H0 "the rate of `hits` is at most `floor`"; 1 where nothing was judged."""
        if not self.graded:
            return 1.0
        return self.sample.estimate(divide(hits, self.graded)).p_at_most(floor)

    def find_least_above(self, floor: float, alpha: float) -> float:
        """A rate below which none is shown above `floor` at level `alpha`: as if all trials were independent,
        which no spread of the hits surpasses.
        """
        return _find_least(max(self.sample.trials, 1), floor, alpha)


@dataclass(frozen=True, slots=True)
class PatternStatistics:
    """The functions of statistics that patterns are found with."""

    def over(self, graded: Mapping[str, int], groups: Groups, *, alpha: float) -> ArmRates:
        """Rates over the judged cases of one arm, one-sided bounds at `alpha`."""
        return ArmRates(graded, build_sample(graded, groups), alpha)

    def share(
        self, hits: Mapping[str, int], failures: Mapping[str, int], groups: Groups
    ) -> tuple[float, float, float]:
        """Share of `hits` among `failures` (case id → trials) with its 95 % interval.

        A case (or its group) is a cluster of failing trials. Raises ValueError without a failure.
        """
        sizes: Counter[str] = Counter()
        totals: Counter[str] = Counter()
        for case, count in failures.items():
            group = groups.get(case)
            cluster = f"case:{case}" if group is None else f"group:{group}"
            sizes[cluster] += count
            totals[cluster] += hits.get(case, 0)
        failed, hit = sum(sizes.values()), sum(totals.values())
        if not failed:
            raise ValueError("a share needs at least one failed trial")
        effective = clustered_size(
            units=failed,
            clusters=len(sizes),
            size_squares=sum(size * size for size in sizes.values()),
            total=hit,
            squares=sum(total * total for total in totals.values()),
            products=sum(total * sizes[cluster] for cluster, total in totals.items()),
            most=float(failed),
        )
        estimate = Estimate(hit / failed, effective)
        return estimate.value, estimate.lower(DISPLAY_ALPHA), estimate.upper(DISPLAY_ALPHA)

    def adjust(self, p_values: Sequence[float], tests: int) -> list[float]:
        """Holm-adjusted p-values, corrected for `tests` tests."""
        return holm.adjust(p_values, tests)

    def tag_excess(
        self, hits: Collection[str], tags: Mapping[str, Collection[str]], groups: Groups, *, alpha: float
    ) -> tuple[TagExcess, ...]:
        """Tags over-represented among the cases `hits`; `tags` maps every judged case to its tags."""
        return find_tag_excess(hits, tags, groups, alpha=alpha)


@lru_cache(maxsize=1024)
def _find_least(trials: int, floor: float, alpha: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        is_shown = Estimate(middle, float(trials)).p_at_most(floor) <= alpha
        low, high = (low, middle) if is_shown else (middle, high)
    return low


PATTERN_STATISTICS = PatternStatistics()

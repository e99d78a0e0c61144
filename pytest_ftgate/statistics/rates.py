"""Rates as they are reported, built from counts by case."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_ftgate.model.summary import BarTest, Rate
from pytest_ftgate.statistics.intervals import Estimate, Groups, Sample, build_sample

DISPLAY_ALPHA = 0.025
"""Each side of the 95 % interval shown."""


def measure_rate(
    hits: Mapping[str, int],
    graded: Mapping[str, int],
    groups: Groups,
    *,
    alpha: float,
    errors: int = 0,
    planned: int = 0,
) -> Rate:
    """The rate of `hits` (case id → trials) among `graded`; `alpha` is that of the one-sided bounds."""
    if not graded:
        return build_empty_rate(errors=errors, planned=planned)
    return build_rate(build_sample(graded, groups), hits, graded, alpha=alpha, errors=errors, planned=planned)


def build_rate(
    sample: Sample,
    hits: Mapping[str, int],
    graded: Mapping[str, int],
    *,
    alpha: float,
    errors: int = 0,
    planned: int = 0,
) -> Rate:
    """The rate of `hits` in a sample that is already built from `graded`."""
    estimate = sample.estimate(divide(hits, graded))
    return Rate(
        value=estimate.value,
        low=estimate.lower(DISPLAY_ALPHA),
        high=estimate.upper(DISPLAY_ALPHA),
        lower=estimate.lower(alpha),
        upper=estimate.upper(alpha),
        hits=sum(hits.values()),
        graded=sample.trials,
        cases=sample.cases,
        errors=errors,
        planned=planned,
    )


def build_empty_rate(*, errors: int = 0, planned: int = 0) -> Rate:
    """The rate of nothing judged: no value, and no bounds that could be taken for evidence."""
    return Rate(
        value=None,
        low=None,
        high=None,
        lower=None,
        upper=None,
        hits=0,
        graded=0,
        cases=0,
        errors=errors,
        planned=planned,
    )


def divide(hits: Mapping[str, int], graded: Mapping[str, int]) -> dict[str, float]:
    """Each case's share of hits. Cases without a hit are left out: their share is 0."""
    return {case: count / graded[case] for case, count in hits.items() if count}


def hold_against_bar(
    estimate: Estimate, bar: float, *, alpha: float, alpha_m: float, alpha_ft: float
) -> BarTest:
    """An accuracy held against the bar; `alpha_m` is alpha divided by the arms planned."""
    return BarTest(
        value=estimate.value,
        lower=estimate.lower(alpha),
        lower_m=estimate.lower(alpha_m),
        upper=estimate.upper(alpha),
        upper_ft=estimate.upper(alpha_ft),
        p_above=estimate.p_at_most(bar),
        p_below=estimate.p_at_least(bar),
    )

"""Rates as they are reported, built from counts by case."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_ftgate.model.run import Looks
from pytest_ftgate.model.summary import BarTest, Rate
from pytest_ftgate.statistics.intervals import Estimate, Groups, Sample, build_sample
from pytest_ftgate.statistics.sequential import adjust_p, find_level

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
    looks: Looks | None = None,
) -> Rate:
    """The rate of `hits` (case id → trials) among `graded`; `alpha` is that of the one-sided bounds."""
    if not graded:
        return build_empty_rate(errors=errors, planned=planned)
    sample = build_sample(graded, groups)
    return build_rate(sample, hits, graded, alpha=alpha, errors=errors, planned=planned, looks=looks)


def build_rate(
    sample: Sample,
    hits: Mapping[str, int],
    graded: Mapping[str, int],
    *,
    alpha: float,
    errors: int = 0,
    planned: int = 0,
    looks: Looks | None = None,
) -> Rate:
    """The rate of `hits` in a sample that is already built from `graded`.

    With `looks` the lower bound is that of the look. Of an arm that was stopped all bounds are (a repeated
    confidence interval: Jennison & Turnbull, 1984). Of one that ran to its end the upper bound needs no
    adjustment: no arm is stopped for being low, so what it says there it would say without any look.
    """
    estimate = sample.estimate(divide(hits, graded))
    stopped = looks if looks is not None and looks.is_stopped else None
    shown = adjust_level(DISPLAY_ALPHA, stopped)
    return Rate(
        value=estimate.value,
        low=estimate.lower(shown),
        high=estimate.upper(shown),
        lower=estimate.lower(adjust_level(alpha, looks)),
        upper=estimate.upper(adjust_level(alpha, stopped)),
        hits=sum(hits.values()),
        graded=sample.trials,
        cases=sample.cases,
        errors=errors,
        planned=planned,
    )


def adjust_level(alpha: float, looks: Looks | None) -> float:
    """The level at which an arm is judged; alpha itself where it was not looked at before its end."""
    return alpha if looks is None else find_level(looks.look, looks.looks, alpha)


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
    estimate: Estimate,
    bar: float,
    *,
    alpha: float,
    alpha_m: float,
    alpha_ft: float,
    looks: Looks | None = None,
) -> BarTest:
    """An accuracy held against the bar; `alpha_m` is alpha divided by the arms planned.

    With `looks` all that speaks for the bar is adjusted for them; see `build_rate` for the upper bounds.
    """
    p_above = estimate.p_at_most(bar)
    return BarTest(
        value=estimate.value,
        lower=estimate.lower(adjust_level(alpha, looks)),
        lower_m=estimate.lower(adjust_level(alpha_m, looks)),
        upper=estimate.upper(alpha),
        upper_ft=estimate.upper(alpha_ft),
        p_above=p_above if looks is None else adjust_p(p_above, looks.look, looks.looks),
        p_below=estimate.p_at_least(bar),
    )

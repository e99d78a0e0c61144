"""The ratio of two means that were measured on the same cases."""

from __future__ import annotations

from math import sqrt

from pytest_ftgate.model.spending import CallSpending


def bound_cost_ratio(own: CallSpending | None, other: CallSpending | None) -> tuple[float, float] | None:
    """The 95 % interval of own / other cost of a call, by Fieller's theorem (Fieller 1954).

    None where a cost is unknown, the two were not measured on the same cases, or the other's may be nothing.

    One of the two is the candidate's; the covariance comes from the error of their paired difference.
    """
    if own is None or other is None or own.usd is None or other.usd is None:
        return None
    paired = other.over_candidate or own.over_candidate
    if paired is None or not paired.cases == own.cases == other.cases:
        return None
    if paired.error is None or own.usd_error is None or other.usd_error is None or paired.t is None:
        return None
    own_variance, other_variance = own.usd_error**2, other.usd_error**2
    covariance = (own_variance + other_variance - paired.error**2) / 2
    return solve_fieller((own.usd, other.usd), (own_variance, covariance, other_variance), quantile=paired.t)


def solve_fieller(
    means: tuple[float, float], covariances: tuple[float, float, float], *, quantile: float
) -> tuple[float, float] | None:
    """Every r for which the first mean minus r times the second does not differ from 0; None where they have
    no bound. `covariances` of the means: first with first, first with second, second with second."""
    (top, bottom), (v_top, covariance, v_bottom) = means, covariances
    square = quantile * quantile
    a = bottom * bottom - square * v_bottom
    b = top * bottom - square * covariance
    c = top * top - square * v_top
    if a <= 0:
        return None
    root = sqrt(max(0.0, b * b - a * c))
    return max(0.0, (b - root) / a), (b + root) / a

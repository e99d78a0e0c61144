"""Rates as JSON values."""

from __future__ import annotations

from pytest_ftgate.model.evalset import Json
from pytest_ftgate.model.rate import Rate


def describe_rate(rate: Rate | None, counted: str) -> dict[str, Json] | None:
    """A rate; `counted` ('passed' or 'failed') names its numerator, in trials."""
    if rate is None:
        return None
    return {
        "value": rate.value,
        "low": rate.low,
        "high": rate.high,
        "lower": rate.lower,
        "upper": rate.upper,
        counted: rate.hits,
        "graded": rate.graded,
        "cases": rate.cases,
        "errors": rate.errors,
        "planned": rate.planned,
    }

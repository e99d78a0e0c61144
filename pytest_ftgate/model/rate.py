"""A rate as it is reported."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A rate with its two-sided 95 % display interval. `value` is None where nothing was judged.

    `hits` is the numerator in trials (passes for accuracy, failures for a failure rate), `graded`
    the judged trials, `cases` the judged cases. `errors` = unanswered or crashed, `planned` = wanted.
    `lower` / `upper` are one-sided bounds at decision.alpha: what `proven` is read from.
    """

    value: float | None
    low: float | None
    high: float | None
    lower: float | None
    upper: float | None
    hits: int
    graded: int
    cases: int
    errors: int = 0
    planned: int = 0

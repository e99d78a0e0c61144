"""What one call under an arm × role takes, as measured: money, tokens, and answers that came too late."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_ftgate.model.rate import Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Cost of a call under an arm, and tokens of a call under `as_is`, over the cases that have both.

    The means, and the variances and covariances of the means (cases that share a group are one
    cluster), so that any price of a token gives the mean saving and its standard error. `t` is
    Student's two-sided 95 % quantile for the clusters; None (like the covariances) with fewer than two.
    """

    cases: int
    clusters: int
    t: float | None
    usd: float
    prompt_tokens: float
    completion_tokens: float
    usd_usd: float | None
    usd_prompt: float | None
    usd_completion: float | None
    prompt_prompt: float | None
    prompt_completion: float | None
    completion_completion: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsdDifference:
    """What a call costs here beyond the candidate's under the same arm, in USD, paired by case: mean and
    standard error. `error` and `t` are None with fewer than two clusters."""

    cases: int
    clusters: int
    t: float | None
    value: float
    error: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LateShare:
    """The share of answers that took longer than `limit_s`: a limit that a latency gate states."""

    limit_s: float
    share: Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSpending:
    """Means over cases of each case's mean over its answers: every case weighs the same.

    `usd` is None where the price of some answer is unknown, tokens where no answer said its usage.
    `usd_error`: standard error of `usd`; `t`: Student's two-sided 95 % quantile (both None with fewer
    than two clusters). `beside_as_is` is None where cost or the tokens of `as_is` are unknown.
    `over_candidate`: of roles other than the candidate.
    """

    cases: int
    clusters: int
    t: float | None = None
    usd: float | None = None
    usd_error: float | None = None
    prompt_tokens: float | None = None
    completion_tokens: float | None = None
    beside_as_is: Moments | None = None
    over_candidate: UsdDifference | None = None
    late: tuple[LateShare, ...] = ()

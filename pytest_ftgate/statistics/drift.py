"""Drift: whether the same cases, asked in the same way, are answered worse than they used to be.

A CUSUM of the standardised drop (Page 1954; STATISTICS 6.4): z = (acc0 - acc) / sqrt(w/n (1/k + 1/N)), w the
mean within-case variance of the pooled baseline runs and N their trials a case; C = max(0, C + z - 1), and an
alarm above 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum, sqrt

from pytest_ftgate.model.history import Tally

ALLOWANCE = 1.0
ALARM = 3.0
MIN_BASELINE, MIN_RUNS = 3, 5

Run = Mapping[int, Tally]
"""Hash of a case → its counts in one run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftStep:
    """One run after the baseline: accuracy of the baseline and of the run on the `cases` both have."""

    cases: int
    baseline: float
    value: float
    z: float
    cusum: float

    @property
    def is_alarm(self) -> bool:
        return self.cusum > ALARM


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """The first `baseline_runs` runs are what the others are held against, in their order."""

    baseline_runs: int
    steps: tuple[DriftStep, ...]

    @property
    def alarm(self) -> int | None:
        """Which run, from 0, first rang the alarm that still rings; None where none does."""
        if not self.steps or not self.steps[-1].is_alarm:
            return None
        quiet = [index for index, step in enumerate(self.steps) if not step.is_alarm]
        return self.baseline_runs + (quiet[-1] + 1 if quiet else 0)


def follow_drift(runs: Sequence[Run], *, baseline: int = MIN_BASELINE) -> Drift | None:
    """The drift over runs in their order; None before there are MIN_RUNS of them and one after the baseline.

    Raises ValueError for a baseline of fewer than MIN_BASELINE runs: it rings too often (a false alarm within
    20 runs in 9 % with one run, 7 % with three, 3 % with ten).
    """
    if baseline < MIN_BASELINE:
        raise ValueError(f"a baseline needs at least {MIN_BASELINE} runs, got {baseline}")
    if len(runs) < max(MIN_RUNS, baseline + 1):
        return None
    return Drift(baseline_runs=baseline, steps=tuple(list_steps(runs[:baseline], runs[baseline:])))


def list_steps(baseline: Sequence[Run], runs: Sequence[Run]) -> list[DriftStep]:
    """The CUSUM of `runs` against the pooled `baseline`: a step for each, also where no case is in common."""
    pooled = pool_runs(baseline)
    variance = estimate_within(pooled)
    steps: list[DriftStep] = []
    total = 0.0
    for run in runs:
        common = [case for case, tally in run.items() if tally.graded and case in pooled]
        if not common:
            steps.append(DriftStep(cases=0, baseline=0.0, value=0.0, z=0.0, cusum=total))
            continue
        count = len(common)
        before = fsum(pooled[case].passed / pooled[case].graded for case in common) / count
        now = fsum(run[case].passed / run[case].graded for case in common) / count
        draws = fsum(1 / run[case].graded + 1 / pooled[case].graded for case in common) / count
        z = (before - now) / sqrt(variance / count * draws)
        total = max(0.0, total + z - ALLOWANCE)
        steps.append(DriftStep(cases=count, baseline=before, value=now, z=z, cusum=total))
    return steps


def pool_runs(runs: Sequence[Run]) -> dict[int, Tally]:
    """The counts of all runs together; cases that none has judged are left out."""
    if len(runs) == 1:
        return {case: tally for case, tally in runs[0].items() if tally.graded}
    pooled: dict[int, Tally] = {}
    for run in runs:
        for case, tally in run.items():
            if not tally.graded:
                continue
            known = pooled.get(case)
            if known is not None:
                tally = Tally(
                    known.graded + tally.graded,
                    known.passed + tally.passed,
                    known.format_failed + tally.format_failed,
                )
            pooled[case] = tally
    return pooled


def estimate_within(pooled: Run) -> float:
    """The mean of x (1 - x) N / (N - 1) over the cases, and over one more that is a toss of a coin.

    That one keeps it above 0 where no case was seen to vary: one answer that differs is no proof then.
    """
    within = [
        (share := tally.passed / tally.graded) * (1 - share) * tally.graded / (tally.graded - 1)
        for tally in pooled.values()
        if tally.graded > 1
    ]
    return (fsum(within) + 0.25) / (len(within) + 1)

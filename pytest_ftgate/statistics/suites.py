"""General capability, suite by suite: is the candidate no worse than its base, or shown to be worse?

Each suite is paired non-inferiority (Yang, Sun & Hardin 2012, for clustered pairs; `statistics.paired`).
"Retained" in every suite is an intersection-union claim: each suite at alpha, no correction (Berger 1982).
"Lost" in any suite, or overall, is corrected over all of these tests (Holm 1979). Overall is the stratified
mean of the suites' differences under stated weights, its degrees of freedom by Satterthwaite (1946).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, fsum, sqrt

from pytest_ftgate.model.capability import CapabilityCard, Loss, Retention, SuiteResult
from pytest_ftgate.model.summary import CaseTally
from pytest_ftgate.statistics.holm import adjust
from pytest_ftgate.statistics.paired import Difference, estimate_pairs, measure_accuracies, pair_tallies
from pytest_ftgate.statistics.sample_size import plan_pairs

FEWEST = 2
"""Clusters (cases, or groups of cases) without which a difference has no error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteAnswers:
    """A suite's judged answers: of the candidate, and of the model it is held against.

    `margin`: the drop in accuracy that would not matter. `reason`: why it is not evaluated ('' where it is).
    """

    suite: str
    evalset: str
    path: str
    weight: float
    margin: float
    candidate: Sequence[CaseTally] = ()
    base: Sequence[CaseTally] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Measured:
    """A difference to be judged: of a suite, or of all."""

    found: Difference
    cases: int
    margin: float
    base: float

    @property
    def has_nothing_to_lose(self) -> bool:
        """Whether the base passes so little that a drop of the margin is impossible, whatever is answered."""
        return self.base <= self.margin


def compare_suites(
    suites: Sequence[SuiteAnswers],
    *,
    against: str,
    alpha: float,
    models: Mapping[str, tuple[str, ...]] | None = None,
) -> CapabilityCard | None:
    """The card of these suites; None where none of them can be evaluated. `models`: role → model ids."""
    measured = [_measure(suite) for suite in suites]
    known = [one for one in measured if one is not None]
    if not known:
        return None
    overall = _combine(suites, known) if len(known) == len(suites) > 1 else None
    tested = [*known, *([overall] if overall else [])]
    p_values = adjust([one.found.p_below() for one in tested])
    losses = [_judge(one, p, alpha, len(tested)) for one, p in zip(tested, p_values, strict=True)]
    remaining = iter(losses)
    results = tuple(
        _describe(suite, one, next(remaining) if one else None, against)
        for suite, one in zip(suites, measured, strict=True)
    )
    total = losses[-1] if overall else None
    return CapabilityCard(
        against=against,
        alpha=alpha,
        tests=len(tested),
        outcome=_judge_all(results, total),
        suites=results,
        overall=total,
        models=models or {},
    )


def _measure(suite: SuiteAnswers) -> _Measured | None:
    pairs = [] if suite.reason else pair_tallies(suite.candidate, suite.base)
    found = estimate_pairs(pairs) if pairs else None
    if found is None or found.freedom + 1 < FEWEST:
        return None
    return _Measured(found, len(pairs), suite.margin, measure_accuracies(pairs)[1])


def _combine(suites: Sequence[SuiteAnswers], measured: Sequence[_Measured]) -> _Measured:
    """The weighted mean of the differences; its margin is that of the suites, weighted likewise."""
    total = fsum(suite.weight for suite in suites)
    shares = [suite.weight / total for suite in suites]
    variances = [(share * one.found.error) ** 2 for share, one in zip(shares, measured, strict=True)]
    within = fsum(v * v / one.found.freedom for v, one in zip(variances, measured, strict=True))
    return _Measured(
        Difference(
            fsum(share * one.found.value for share, one in zip(shares, measured, strict=True)),
            sqrt(fsum(variances)),
            fsum(variances) ** 2 / within,
        ),
        sum(one.cases for one in measured),
        *(
            fsum(share * value for share, value in zip(shares, values, strict=True))
            for values in ([one.margin for one in measured], [one.base for one in measured])
        ),
    )


def _judge(one: _Measured, p_lost: float, alpha: float, tests: int) -> Loss:
    """A proven loss is one, however small; `no_regression` judges alike (DESIGN section 7).

    Two models that both fail everything are no proof that nothing was lost.
    """
    lower = one.found.lower(alpha)
    limit = 0.0 if one.has_nothing_to_lose else -one.margin
    outcome: Retention = "lost" if p_lost <= alpha else "retained" if lower > limit else "inconclusive"
    return Loss(
        outcome=outcome,
        margin=one.margin,
        cases=one.cases,
        difference=one.found.value,
        lower=lower,
        upper=one.found.upper(alpha),
        p_lost=p_lost,
        cases_needed=_plan(one, alpha, tests)
        if outcome == "inconclusive" and not one.has_nothing_to_lose
        else None,
    )


def _plan(one: _Measured, alpha: float, tests: int) -> int | None:
    """Cases at which the difference seen would be decided, whichever way is nearer.

    In proportion to today's cases: clusters keep their size, and suites their shares.
    """
    found = one.found
    wanted = [
        plan_pairs(found.spread, found.value + one.margin, alpha=alpha),
        plan_pairs(found.spread, -found.value, alpha=alpha / tests),
    ]
    fewest = min((count for count in wanted if count is not None), default=None)
    if fewest is None:
        return None
    return max(one.cases + 1, ceil(fewest * one.cases / (found.freedom + 1)))


def _describe(
    suite: SuiteAnswers, measured: _Measured | None, loss: Loss | None, against: str
) -> SuiteResult:
    own: float | None = None
    base: float | None = None
    reason = suite.reason or "fewer than two cases were judged in both"
    if loss and measured:
        own, base = measure_accuracies(pair_tallies(suite.candidate, suite.base))
        reason = ""
        if loss.outcome == "inconclusive" and measured.has_nothing_to_lose:
            reason = (
                f"{against} passes {100 * base:.1f} % of it, so no drop of {100 * loss.margin:g} points "
                "could show: look at its answers first"
            )
    return SuiteResult(
        suite=suite.suite,
        evalset=suite.evalset,
        path=suite.path,
        weight=suite.weight,
        loss=loss,
        base=base,
        candidate=own,
        reason=reason,
    )


def _judge_all(results: Sequence[SuiteResult], overall: Loss | None) -> Retention:
    outcomes = {result.outcome for result in results}
    if "lost" in outcomes or (overall is not None and overall.outcome == "lost"):
        return "lost"
    return "retained" if outcomes == {"retained"} else "inconclusive"

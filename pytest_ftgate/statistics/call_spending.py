"""What one call takes: means over cases, and what it takes to put an interval around a saving.

The case is the unit, cases that share a group are one cluster: Student's t on the clusters' sums of
residuals (Miller 2024, section 2.2; STATISTICS 6.3). Costs are no shares, so there are no pseudo-cases.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum, sqrt

from pytest_ftgate.model.spending import CallSpending, LateShare, Moments, UsdDifference
from pytest_ftgate.statistics.beta import student_quantile
from pytest_ftgate.statistics.intervals import Groups
from pytest_ftgate.statistics.rates import DISPLAY_ALPHA, measure_rate
from pytest_ftgate.statistics.tallies import CaseSpending

ByCase = Mapping[str, CaseSpending]


def measure_spending(
    own: ByCase,
    as_is: ByCase,
    candidate: ByCase | None,
    groups: Groups,
    *,
    limits_s: Iterable[float],
    alpha: float,
) -> CallSpending | None:
    """What a call of an arm × role takes; None where nothing was answered.

    `as_is`: of the same role. `candidate`: of the same arm, None for the candidate's own. `limits_s`:
    limits on latency, for each of which the share of later answers is measured.
    """
    if not own:
        return None
    usd = list_usd(own)
    prompt, completion = tokens = list_tokens(own)
    cost = _spread([usd], groups) if usd else None
    return CallSpending(
        cases=len(own),
        clusters=_count_clusters(own, groups),
        t=cost.t if cost else None,
        usd=cost.means[0] if cost else None,
        usd_error=_root(cost.covariances[0]) if cost else None,
        prompt_tokens=_mean(prompt),
        completion_tokens=_mean(completion),
        beside_as_is=_measure_moments(usd, *(tokens if as_is is own else list_tokens(as_is)), groups),
        over_candidate=None if candidate is None else _compare_usd(usd, list_usd(candidate), groups),
        late=tuple(_measure_late(own, limit, groups, alpha) for limit in sorted(set(limits_s))),
    )


def sum_usd(spending: ByCase) -> float | None:
    """What all answers cost; None where the price of one is not known."""
    return fsum(usd for case in spending.values() for usd in case.costs_usd) if _is_priced(spending) else None


def list_usd(spending: ByCase) -> dict[str, float]:
    """Case → USD of an answer; empty where the price of one answer is not known."""
    if not _is_priced(spending):
        return {}
    return {name: fsum(case.costs_usd) / case.answers for name, case in spending.items()}


def list_tokens(spending: ByCase) -> tuple[dict[str, float], dict[str, float]]:
    """Case → prompt tokens, case → completion tokens of an answer, for the cases that say them."""
    return (
        {name: case.prompt_tokens / case.metered for name, case in spending.items() if case.metered},
        {name: case.completion_tokens / case.metered for name, case in spending.items() if case.metered},
    )


def _is_priced(spending: ByCase) -> bool:
    cases = spending.values()
    return any(case.costs_usd for case in cases) and not any(case.unpriced for case in cases)


@dataclass(frozen=True, slots=True)
class _Spread:
    """Means of several quantities over the cases that have all of them, and what is known of their error.

    `covariances` of the means stand in the order 00, 01, 02, 11, 12, 22; None with fewer than two clusters.
    """

    cases: int
    clusters: int
    t: float | None
    means: Sequence[float]
    covariances: Sequence[float | None]


def _spread(quantities: Sequence[Mapping[str, float]], groups: Groups) -> _Spread | None:
    """None where no case has all the quantities."""
    cases = sorted(set(quantities[0]).intersection(*quantities[1:]))
    if not cases:
        return None
    means = [fsum(values[case] for case in cases) / len(cases) for values in quantities]
    sums = [
        _sum_residuals(cases, values, mean, groups) for values, mean in zip(quantities, means, strict=True)
    ]
    clusters = len(sums[0])
    products = [
        fsum(a * b for a, b in zip(first, second, strict=True))
        for index, first in enumerate(sums)
        for second in sums[index:]
    ]
    scale = clusters / (clusters - 1) / len(cases) ** 2 if clusters > 1 else None
    return _Spread(
        cases=len(cases),
        clusters=clusters,
        t=student_quantile(clusters - 1, 1 - DISPLAY_ALPHA) if clusters > 1 else None,
        means=means,
        covariances=[None if scale is None else scale * product for product in products],
    )


def _sum_residuals(
    cases: Sequence[str], values: Mapping[str, float], mean: float, groups: Groups
) -> list[float]:
    """Residuals from the mean, summed by cluster; clusters in the order in which the cases name them."""
    sums: dict[tuple[bool, str], float] = {}
    for case in cases:
        name = _name_cluster(case, groups)
        sums[name] = sums.get(name, 0.0) + values[case] - mean
    return list(sums.values())


def _count_clusters(cases: Iterable[str], groups: Groups) -> int:
    found = [groups.get(case) for case in cases]
    return found.count(None) + len({group for group in found if group is not None})


def _name_cluster(case: str, groups: Groups) -> tuple[bool, str]:
    group = groups.get(case)
    return (False, case) if group is None else (True, group)


def _measure_moments(
    usd: Mapping[str, float], prompt: Mapping[str, float], completion: Mapping[str, float], groups: Groups
) -> Moments | None:
    spread = _spread([usd, prompt, completion], groups)
    if spread is None:
        return None
    names = (
        "usd_usd",
        "usd_prompt",
        "usd_completion",
        "prompt_prompt",
        "prompt_completion",
        "completion_completion",
    )
    return Moments(
        cases=spread.cases,
        clusters=spread.clusters,
        t=spread.t,
        usd=spread.means[0],
        prompt_tokens=spread.means[1],
        completion_tokens=spread.means[2],
        **dict(zip(names, spread.covariances, strict=True)),
    )


def _compare_usd(
    own: Mapping[str, float], other: Mapping[str, float], groups: Groups
) -> UsdDifference | None:
    differences = {case: own[case] - other[case] for case in own if case in other}
    spread = _spread([differences], groups)
    if spread is None:
        return None
    return UsdDifference(
        cases=spread.cases,
        clusters=spread.clusters,
        t=spread.t,
        value=spread.means[0],
        error=_root(spread.covariances[0]),
    )


def _measure_late(own: ByCase, limit_s: float, groups: Groups, alpha: float) -> LateShare:
    timed = {name: len(case.latencies_s) for name, case in own.items() if case.latencies_s}
    late = {name: sum(seconds > limit_s for seconds in own[name].latencies_s) for name in timed}
    return LateShare(limit_s=limit_s, share=measure_rate(late, timed, groups, alpha=alpha))


def _mean(values: Mapping[str, float]) -> float | None:
    return fsum(values.values()) / len(values) if values else None


def _root(variance: float | None) -> float | None:
    return None if variance is None else sqrt(max(0.0, variance))

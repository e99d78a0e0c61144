"""What searches reached, and what the model made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pytest_ftgate.model.evalset import CANDIDATE
from pytest_ftgate.model.rate import Rate
from pytest_ftgate.model.retrieval import Retrieval, RetrievalSummary
from pytest_ftgate.model.summary import ArmSummary
from pytest_ftgate.statistics.intervals import Groups
from pytest_ftgate.statistics.rates import measure_rate

RECALL_AT = (1, 5, 10, 20)
"""Numbers of chunks that recall is told at, beside the arm's own k."""

_ORACLE = "context"


def measure_searches(
    searches: Sequence[Retrieval], arms: Sequence[ArmSummary], groups: Groups, *, alpha: float
) -> tuple[RetrievalSummary, ...]:
    """One summary a search. Without `arms` only the recall is known."""
    oracle = _find(arms, lambda arm: arm.kind == _ORACLE)
    return tuple(
        _measure(search, _find(arms, lambda arm: arm.arm == search.arm), oracle, groups, alpha)  # noqa: B023
        for search in searches
    )


def _find(arms: Sequence[ArmSummary], is_wanted: Callable[[ArmSummary], bool]) -> ArmSummary | None:
    candidates = (arm for arm in arms if arm.role == CANDIDATE and arm.tallies)
    return next((arm for arm in candidates if is_wanted(arm)), None)


def _measure(
    search: Retrieval, arm: ArmSummary | None, oracle: ArmSummary | None, groups: Groups, alpha: float
) -> RetrievalSummary:
    held = {case: len(found.ranks) - found.absent for case, found in search.gold.items()}
    reached = {case: search.holds(case) for case in search.gold}
    return RetrievalSummary(
        search=search,
        recall={at: _recall(search, held, at, groups, alpha) for at in sorted({*RECALL_AT, search.k})}
        if any(held.values())
        else {},
        marked=len(search.gold),
        missed=tuple(case for case, count in held.items() if count and not reached[case]),
        absent=tuple(case for case, count in held.items() if not count),
        accuracy_reached=_accuracy(arm, reached, True, groups, alpha),
        accuracy_missed=_accuracy(arm, reached, False, groups, alpha),
        oracle_reached=_accuracy(oracle, reached, True, groups, alpha),
        oracle_missed=_accuracy(oracle, reached, False, groups, alpha),
    )


def _recall(search: Retrieval, held: Mapping[str, int], at: int, groups: Groups, alpha: float) -> Rate:
    """recall@`at`: of the gold passages that the documents hold, by case."""
    graded = {case: count for case, count in held.items() if count}
    hits = {case: sum(rank is not None and rank <= at for rank in search.gold[case].ranks) for case in graded}
    return measure_rate(hits, graded, groups, alpha=alpha)


def _accuracy(
    arm: ArmSummary | None, reached: Mapping[str, bool], wanted: bool, groups: Groups, alpha: float
) -> Rate | None:
    """An arm's accuracy over the cases whose gold context the search reached, or did not; None for none."""
    tallies = [t for t in (arm.tallies if arm else ()) if reached.get(t.case) is wanted]
    if not tallies:
        return None
    passed = {tally.case: tally.passed for tally in tallies}
    return measure_rate(passed, {tally.case: tally.graded for tally in tallies}, groups, alpha=alpha)

"""The candidate against base and teacher: paired by case, in all and by tag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

from pytest_ftgate.model.comparison import RolePair, TagDifference
from pytest_ftgate.model.evalset import CANDIDATE, Evalset
from pytest_ftgate.model.summary import ArmSummary, CaseTally, Rate
from pytest_ftgate.statistics.paired import (
    Pair,
    compare_tallies,
    estimate_pairs,
    measure_accuracies,
    pair_tallies,
)
from pytest_ftgate.statistics.rates import adjust_level, measure_rate
from pytest_ftgate.statistics.ratios import bound_cost_ratio

COLLAPSE_TRIALS = 5
"""Fewer draws on each side cannot tell a collapse from chance: all of k passed here and none there has Fisher
p = 1 / C(2k, k), .05 at k = 3 and .004 at k = 5 (Fisher 1935; STATISTICS 6.1)."""

MIN_TAG_CASES = 5


def compare_roles(evalset: Evalset, arms: Sequence[ArmSummary], alpha: float) -> Iterable[RolePair]:
    """The candidate against every other role, under each arm that both answered."""
    judged = {(arm.arm, arm.role): arm for arm in arms if arm.tallies}
    tagged = group_by_tag((case.id, case.tags) for case in evalset.cases)
    for (name, role), other in judged.items():
        own = judged.get((name, CANDIDATE))
        if role == CANDIDATE or own is None:
            continue
        stopped = next((arm.looks for arm in (own, other) if arm.looks and arm.looks.is_stopped), None)
        pair = compare_pair(own, other, against=role, tagged=tagged, alpha=adjust_level(alpha, stopped))
        if pair is not None:
            yield pair


def compare_pair(
    own: ArmSummary,
    other: ArmSummary,
    *,
    against: str,
    tagged: Mapping[str, frozenset[str]],
    alpha: float,
) -> RolePair | None:
    """Two sets of answers to the same cases; None where no case is judged in both. `tagged`: tag → cases."""
    whole = compare_tallies(own.tallies, other.tallies, names=(own.arm, other.arm), alpha=alpha)
    if whole is None:
        return None
    both = pair_tallies(own.tallies, other.tallies)
    accuracy, others = measure_accuracies(both)
    alike = _measure_agreement(both, {*whole.fixed, *whole.broken}, alpha)
    cost = _divide(own.cost_usd_per_1k_cases, other.cost_usd_per_1k_cases)
    low, high = bound_cost_ratio(own.spending, other.spending) or (None, None)
    return RolePair(
        arm=own.arm,
        against=against,
        cases=whole.cases,
        difference=whole.difference,
        lower=whole.lower,
        upper=whole.upper,
        fixed=whole.fixed,
        broken=whole.broken,
        collapsed=find_collapsed(both),
        unassessed=sum(not _has_enough(*each) for each in both),
        own_accuracy=accuracy,
        other_accuracy=others,
        agreement=alike.value or 0.0,
        agreement_low=alike.low or 0.0,
        agreement_high=1.0 if alike.high is None else alike.high,
        cost_ratio=cost,
        cost_ratio_low=low,
        cost_ratio_high=high,
        cost_per_right_ratio=cost * others / accuracy if cost is not None and accuracy else None,
        latency_ratio=_divide(own.latency_p50_s, other.latency_p50_s),
        latency_p95_ratio=_divide(own.latency_p95_s, other.latency_p95_s),
        tags=dict(_compare_tags(both, tagged, alpha)),
    )


def _measure_agreement(both: Sequence[Pair], differing: Set[str], alpha: float) -> Rate:
    """The share of cases on which both pass or both fail most trials."""
    cases = {now.case: now.group for now, _ in both}
    groups = {case: group for case, group in cases.items() if group is not None}
    hits = {case: int(case not in differing) for case in cases}
    return measure_rate(hits, dict.fromkeys(cases, 1), groups, alpha=alpha)


def find_collapsed(pairs: Sequence[Pair]) -> tuple[str, ...] | None:
    """Cases with no pass now and nothing but passes before; None where every case has too few trials."""
    able = [(now, before) for now, before in pairs if _has_enough(now, before)]
    if not able:
        return None
    return tuple(
        sorted(now.case for now, before in able if now.passed == 0 and before.passed == before.graded)
    )


def _has_enough(now: CaseTally, before: CaseTally) -> bool:
    return min(now.graded, before.graded) >= COLLAPSE_TRIALS


def _compare_tags(
    both: Sequence[Pair], tagged: Mapping[str, frozenset[str]], alpha: float
) -> Iterable[tuple[str, TagDifference]]:
    for tag, cases in sorted(tagged.items()):
        pairs = [pair for pair in both if pair[0].case in cases]
        if len(pairs) < MIN_TAG_CASES:
            continue
        found = estimate_pairs(pairs)
        accuracy, others = measure_accuracies(pairs)
        yield (
            tag,
            TagDifference(
                cases=len(pairs),
                difference=found.value,
                lower=found.lower(alpha),
                upper=found.upper(alpha),
                own_accuracy=accuracy,
                other_accuracy=others,
            ),
        )


def group_by_tag(tags: Iterable[tuple[str, Iterable[str]]]) -> dict[str, frozenset[str]]:
    """(case, its tags) → tag to cases."""
    tagged: dict[str, set[str]] = {}
    for case, own in tags:
        for tag in own:
            tagged.setdefault(tag, set()).add(case)
    return {tag: frozenset(cases) for tag, cases in tagged.items()}


def _divide(own: float | None, other: float | None) -> float | None:
    return own / other if own is not None and other else None

"""The candidate against base and teacher: paired by case, in all and by tag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pytest_ftgate.model.comparison import RolePair, TagDifference
from pytest_ftgate.model.evalset import CANDIDATE, Evalset
from pytest_ftgate.model.summary import ArmSummary, CaseTally
from pytest_ftgate.statistics.paired import compare_tallies
from pytest_ftgate.statistics.rates import adjust_level

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
    theirs = {tally.case: tally for tally in other.tallies if tally.graded}
    both = [(tally, theirs[tally.case]) for tally in own.tallies if tally.graded and tally.case in theirs]
    alike = len(both) - len(whole.fixed) - len(whole.broken)
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
        agreement=alike / len(both),
        cost_ratio=_divide(own.cost_usd_per_1k_cases, other.cost_usd_per_1k_cases),
        latency_ratio=_divide(own.latency_p50_s, other.latency_p50_s),
        tags=dict(_compare_tags(both, tagged, alpha)),
    )


def find_collapsed(pairs: Sequence[tuple[CaseTally, CaseTally]]) -> tuple[str, ...] | None:
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
    both: Sequence[tuple[CaseTally, CaseTally]], tagged: Mapping[str, frozenset[str]], alpha: float
) -> Iterable[tuple[str, TagDifference]]:
    for tag, cases in sorted(tagged.items()):
        own = [now for now, _ in both if now.case in cases]
        if len(own) < MIN_TAG_CASES:
            continue
        other = [before for _, before in both if before.case in cases]
        found = compare_tallies(own, other, names=(CANDIDATE, tag), alpha=alpha)
        if found is not None:
            yield (
                tag,
                TagDifference(
                    cases=found.cases, difference=found.difference, lower=found.lower, upper=found.upper
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

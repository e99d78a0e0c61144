"""How failures of form and failure signatures went from one run to another, over the same cases.

A difference of rates is that of `paired.estimate_difference`: cases are the unit, repeats are not pooled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from pytest_ftgate.model.baseline import CaseOutcome
from pytest_ftgate.model.comparison import FormDrift, PatternDrift
from pytest_ftgate.statistics.baseline_arms import count_malformed
from pytest_ftgate.statistics.intervals import Groups
from pytest_ftgate.statistics.paired import estimate_difference

Outcomes: TypeAlias = Mapping[str, tuple[CaseOutcome, CaseOutcome]]
"""Case → what it came to now, and before."""

MAX_PATTERNS = 30

MAX_TESTED = 200
"""Signatures with the most trials in both runs together; a model may make up a new one for every answer."""


def measure_form_drift(both: Outcomes, groups: Groups, alpha: float) -> FormDrift:
    """The rates of format failures; `both` must hold a case."""
    now = {case: count_malformed(own) / own.graded for case, (own, _) in both.items()}
    before = {case: count_malformed(old) / old.graded for case, (_, old) in both.items()}
    found = estimate_difference({case: now[case] - before[case] for case in both}, groups)
    return FormDrift(
        before=sum(before.values()) / len(both),
        now=sum(now.values()) / len(both),
        difference=found.value,
        lower=found.lower(alpha),
        upper=found.upper(alpha),
    )


def find_pattern_drift(both: Outcomes, groups: Groups, alpha: float) -> tuple[tuple[PatternDrift, ...], int]:
    """Signatures that are new, gone or grown: the largest ones, and how many were left out."""
    counts: Counter[str] = Counter()
    for outcomes in both.values():
        for outcome in outcomes:
            counts.update(outcome.failures)
    signatures = sorted(counts, key=lambda signature: (-counts[signature], signature))
    tested = signatures[:MAX_TESTED]
    level = alpha / max(1, len(tested))
    found = [drift for signature in tested for drift in _compare(signature, both, groups, level)]
    found.sort(key=lambda drift: (not drift.is_proven, -max(drift.trials_now, drift.trials_before)))
    kept = found[:MAX_PATTERNS]
    return tuple(kept), len(found) - len(kept) + len(signatures) - len(tested)


def _compare(signature: str, both: Outcomes, groups: Groups, alpha: float) -> Iterable[PatternDrift]:
    now = {case: count for case, (own, _) in both.items() if (count := own.failures.get(signature, 0))}
    before = {case: count for case, (_, old) in both.items() if (count := old.failures.get(signature, 0))}
    differences = {
        case: now.get(case, 0) / own.graded - before.get(case, 0) / old.graded
        for case, (own, old) in both.items()
    }
    found = estimate_difference(differences, groups)
    has_grown = found.lower(alpha) > 0
    way: Literal["new", "gone", "grown"]
    if not before:
        way = "new"
    elif not now:
        way = "gone"
    elif has_grown:
        way = "grown"
    else:
        return
    yield PatternDrift(
        signature=signature,
        way=way,
        trials_before=sum(before.values()),
        trials_now=sum(now.values()),
        cases_before=len(before),
        cases_now=len(now),
        is_proven=found.upper(alpha) < 0 if way == "gone" else has_grown,
    )

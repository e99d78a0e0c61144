"""What question 3 asks: was every arm run, does a pattern survive them all, and does it explain enough."""

from __future__ import annotations

from pytest_ftgate.decision.conditions import compare, join, measure_distance
from pytest_ftgate.decision.enforcement import STRUCTURED
from pytest_ftgate.decision.knowledge import CONTEXT, MIN_CONTEXT_SHARE
from pytest_ftgate.decision.situation import Situation
from pytest_ftgate.decision.wording import format_percent, to_ascii
from pytest_ftgate.model.summary import Pattern
from pytest_ftgate.model.verdict import Condition

GIVE_CONTEXT = (
    f"give {format_percent(MIN_CONTEXT_SHARE)} of the cases their `context`, "
    "which also tells what a search reaches "
    "(or waive context with a reason under `decision.waive`)"
)
ENFORCE_SCHEMA = (
    "have the schema of structured enforced: a model, server or `mode` that does "
    "(or waive structured with a reason under `decision.waive`)"
)
_REPEAT = "two or more independent repeats of each case (repeats: 5)"
_VARY = "a higher temperature: repeats that are identical cannot show what recurs"

DISPLAY_ALPHA = 0.025
"""Each side of the 95 % interval that a share is shown with."""


def name_repeats(situation: Situation) -> str:
    """What would let recurrence be assessed: more repeats, or ones that are not all the same."""
    return _VARY if situation.has_identical_repeats else _REPEAT


def ask_ran(situation: Situation) -> Condition:
    """Whether every arm that tuning hangs on was run, was waived, or does not apply."""
    missing = situation.missing_arms
    covered = [kind for kind in situation.required_kinds if kind not in missing]
    parts = [
        Condition(name=f"ran:{kind}", text=_describe_covered(situation, kind), holds=True) for kind in covered
    ]
    for name in missing:
        gap = situation.context_gap if name == CONTEXT else None
        shown = to_ascii(name)
        remedy = GIVE_CONTEXT if gap else f"run {shown} (or waive it under `decision.waive`)"
        if name == STRUCTURED and situation.is_schema_unproven:
            remedy = ENFORCE_SCHEMA
        parts.append(
            Condition(
                name=f"ran:{name}",
                text=gap or f"{shown} does not count as run",
                holds=False,
                remedy=remedy,
            )
        )
    return join("all", "ran", "every arm that applies was run", parts)


def _describe_covered(situation: Situation, kind: str) -> str:
    if kind in situation.evalset.decision.waive:
        return f"{kind} is waived"
    own = [arm for arm in situation.summary.arms if arm.kind == kind]
    if any(arm.status == "run" for arm in own):
        return f"{kind} was run"
    if kind == CONTEXT:
        return "knowledge is given by another arm"
    return f"{kind} does not apply"


def ask_patterns(situation: Situation) -> Condition:
    """Whether a pattern that could justify tuning is confirmed."""
    asked = situation.usable_patterns or _find_nearest(situation)
    leaves = [_ask_pattern(situation, pattern) for pattern in asked]
    return join("any", "patterns", "a pattern survives every arm", leaves)


def _ask_pattern(situation: Situation, pattern: Pattern) -> Condition:
    """Whether a pattern is confirmed; of one that is not, only where its rate is all that is lacking."""
    alpha, p = situation.evalset.decision.alpha_fine_tune, pattern.p_holm
    shown = to_ascii(pattern.signature)[:80]
    if p is None or not (pattern.reproducible or (pattern.reproducible is False and p > alpha)):
        why_not = to_ascii(pattern.why_not)
        return Condition(
            name=f"pattern:{pattern.signature}",
            text=f"{shown}: {why_not}" if why_not else shown,
            holds=bool(pattern.reproducible),
            remedy=name_repeats(situation) if pattern.reproducible is None else "",
        )
    return compare(
        f"pattern:{pattern.signature}",
        shown,
        p,
        "<=",
        alpha,
        holds=bool(pattern.reproducible),
        unit="p",
        distance=measure_distance(p, alpha),
    )


def _find_nearest(situation: Situation) -> tuple[Pattern, ...]:
    """Where none is confirmed: the pattern that is closest to it."""
    others = [p for p in situation.summary.patterns.patterns if not p.reproducible and situation.is_usable(p)]
    return tuple(sorted(others, key=lambda p: (p.p_holm is None, p.p_holm or 0.0, p.signature))[:1])


def ask_share(situation: Situation) -> Condition:
    """Whether the patterns explain enough of the failures under the best arm.

    Where none is confirmed: what the nearest one would explain, if it were.
    """
    nearest = () if situation.usable_patterns else _find_nearest(situation)
    share, wanted = situation.usable_share, situation.evalset.decision.share
    share = nearest[0].share or 0.0 if nearest else share
    return compare(
        "share",
        "share of the failures that it would explain" if nearest else "share of the failures explained",
        share if nearest or situation.usable_patterns else None,
        ">=",
        wanted,
        holds=share >= wanted,
        distance=_measure_share_distance(situation, share, wanted),
    )


def _measure_share_distance(situation: Situation, share: float, wanted: float) -> float | None:
    low, high = (
        situation.summary.patterns.confirmed_share_low,
        situation.summary.patterns.confirmed_share_high,
    )
    if not situation.usable_patterns or low is None or high is None or high <= low:
        return None
    return abs(share - wanted) * 2 * measure_distance(DISPLAY_ALPHA, 0.5) / (high - low)


def ask_control(situation: Situation) -> tuple[Condition, ...]:
    """Whether the pattern search finds nothing where there is nothing to find, where that was tried."""
    control = situation.summary.patterns.control
    if control is None:
        return ()
    return (
        Condition(
            name="control",
            text=f"negative control: {control.found:,} of {control.shuffles:,} shuffles find a pattern",
            holds=control.holds,
            remedy="" if control.holds else "check decision.alpha_fine_tune and decision.floor",
        ),
    )


def ask_no_pattern(situation: Situation, below: Condition) -> Condition:
    """Whether no pattern recurs in all arms, and that could have been seen."""
    confirmed = [_ask_pattern(situation, pattern) for pattern in situation.summary.patterns.confirmed]
    nearest = [_ask_pattern(situation, pattern) for pattern in _find_nearest(situation)]
    is_assessed = not situation.has_unassessed_patterns
    parts = (
        below,
        join("none", "diffuse", "no pattern is confirmed", [*confirmed, *nearest]),
        Condition(
            name="assessed",
            text=f"{'all' if is_assessed else 'not all'} patterns are assessed for recurrence",
            holds=is_assessed,
            remedy="" if is_assessed else name_repeats(situation),
        ),
        _ask_repeats(situation),
    )
    return join("all", "no_pattern", "every arm is below the bar, and nothing recurs in all of them", parts)


def _ask_repeats(situation: Situation) -> Condition:
    repeats = situation.summary.repeats
    if situation.summary.further_trials:
        return Condition(name="repeats", text="cases were asked again", holds=True)
    return compare(
        "repeats",
        "repeats of each case",
        repeats,
        ">=",
        2,
        holds=repeats >= 2,
        unit="count",
        remedy="" if repeats >= 2 else name_repeats(situation),
    )

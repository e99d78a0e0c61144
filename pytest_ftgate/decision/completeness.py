"""What of a plan was not evaluated: the ground for `incomplete`, which always fails a build."""

from __future__ import annotations

from pytest_ftgate.decision.wording import format_count, format_percent, to_ascii
from pytest_ftgate.model.summary import ArmSummary, Summary

MAX_UNANSWERED = 0.02
"""Share of the trials of any arm × role that may stay without an answer (DESIGN section 6)."""


def describe_gaps(summary: Summary) -> tuple[str, ...]:
    """One phrase for each reason why the run is incomplete; empty where it is complete."""
    gaps = []
    if summary.total == 0:
        gaps.append("the evalset has no case to ask")
    if summary.stop:
        gaps.append(f"the run stopped early: {to_ascii(summary.stop)}")
    if summary.missing:
        gaps.append(f"{format_count(summary.missing, 'planned trial')} left no record")
    if summary.stale:
        gaps.append(f"{format_count(summary.stale, 'recorded answer')} stale (recorded for another request)")
    if summary.not_recorded:
        gaps.append(f"{format_count(summary.not_recorded, 'trial')} without a recorded answer")
    replayed = summary.stale + summary.not_recorded
    lost = [arm for arm in summary.arms if is_arm_incomplete(arm)]
    # What replay lacks is already said; naming the same trials again as unanswered would count them twice.
    if sum(arm.unanswered for arm in lost) > replayed or any(_crashed(arm) for arm in lost):
        gaps.extend(_describe_arm(arm, summary) for arm in lost)
    return tuple(gaps)


def is_arm_incomplete(arm: ArmSummary) -> bool:
    """Whether more than 2 % of the trials of this arm × role have no answer, or none that was judged."""
    lost = max(arm.unanswered, arm.accuracy.errors if arm.accuracy else 0)
    return arm.status == "run" and arm.planned > 0 and lost / arm.planned > MAX_UNANSWERED


def _crashed(arm: ArmSummary) -> bool:
    return arm.accuracy is not None and arm.accuracy.errors > arm.unanswered


def _describe_arm(arm: ArmSummary, summary: Summary) -> str:
    lost = max(arm.unanswered, arm.accuracy.errors if arm.accuracy else 0)
    what = "without an answer" if lost == arm.unanswered else "without an answer or a grade"
    why = max(summary.infra_errors, key=lambda name: summary.infra_errors[name], default="")
    cause = f", mostly {to_ascii(why)}" if why and arm.unanswered else ""
    return (
        f"{format_count(lost, 'trial')} of {arm.planned:,} ({format_percent(lost / arm.planned)}) {what} "
        f"in arm {arm.arm}, role {arm.role}{cause}; {format_percent(MAX_UNANSWERED)} may be"
    )

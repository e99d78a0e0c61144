"""What of a plan was not evaluated: the ground for `incomplete`, which always fails a build."""

from __future__ import annotations

from pytest_ftgate.decision.wording import format_count, format_percent, join_names, to_ascii
from pytest_ftgate.model.evalset import GateSpec
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
        gaps.append(
            f"{format_count(summary.stale, 'trial')} NOT EVALUATED: the recorded answer is stale "
            "(for another request)"
        )
    if summary.not_recorded:
        gaps.append(f"{format_count(summary.not_recorded, 'trial')} NOT EVALUATED: no recorded answer")
    replayed = summary.stale + summary.not_recorded
    lost = [arm for arm in summary.arms if is_arm_incomplete(arm)]
    # What replay lacks is already said; naming the same trials again as unanswered would count them twice.
    if sum(arm.unanswered for arm in lost) > replayed or any(_crashed(arm) for arm in lost):
        gaps.extend(_describe_arm(arm, summary) for arm in lost)
    return tuple(gaps)


def describe_selection(summary: Summary) -> str:
    """'3 of 200 cases selected' ('items' where several arms or roles make several items of a case)."""
    noun = "cases" if summary.total == summary.total_cases else "items"
    return f"{summary.selected:,} of {summary.total:,} {noun} selected"


def describe_absence(spec: GateSpec, arm: ArmSummary | None, summary: Summary) -> str:
    """Why nothing was judged of the arm and role of a gate, and what to do about it."""
    name, role = to_ascii(spec.arm), to_ascii(spec.role)
    if arm is not None:
        why = f" ({to_ascii(arm.reason)})" if arm.reason else ""
        remedy = "run it" if arm.status == "not_run" else "gate an arm that runs"
        return f"arm {name} of role {role} was not run{why}: {remedy}, or take the gate out"
    asking = [other.arm for other in summary.arms if other.role == spec.role and other.status == "run"]
    if not asking:
        return (
            f"role {role} has no model that answers: name one (models: {{{role}: vendor/name}}), "
            "or take the gate out"
        )
    shown = join_names([to_ascii(other) for other in asking])
    return f"role {role} is not asked by arm {name}, only by {shown}: gate one of these"


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

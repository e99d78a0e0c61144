"""The summary of one arm × role, from its counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor

from pytest_ftgate.model.evalset import CANDIDATE, DecisionSpec
from pytest_ftgate.model.response import SchemaEnforced
from pytest_ftgate.model.run import FollowUps, Looks, RunFacts
from pytest_ftgate.model.spending import CallSpending
from pytest_ftgate.model.summary import ArmSummary, BarTest, CaseTally, Rate
from pytest_ftgate.model.trial import Plan, PlannedArm
from pytest_ftgate.statistics.call_spending import sum_usd
from pytest_ftgate.statistics.intervals import Groups, Sample, build_sample
from pytest_ftgate.statistics.passk import estimate_by_case
from pytest_ftgate.statistics.rates import (
    build_empty_rate,
    build_rate,
    divide,
    hold_against_bar,
    measure_rate,
)
from pytest_ftgate.statistics.sample_size import estimate_icc
from pytest_ftgate.statistics.tallies import Counts, keep_cases

_WORST_FIRST: tuple[SchemaEnforced, ...] = ("unsupported", "unverified", "enforced")


@dataclass(frozen=True, slots=True)
class ArmFrame:
    """What all arms of an evalset share. `planned` is the number of trials by (arm, role)."""

    plan: Plan
    facts: RunFacts
    groups: Groups
    format_cases: frozenset[str]
    planned: Mapping[tuple[str, str], int]
    follow_ups: Mapping[tuple[str, str], FollowUps]

    @property
    def decision(self) -> DecisionSpec:
        return self.plan.evalset.decision


def summarise_arm(
    frame: ArmFrame, arm: PlannedArm, role: str, counts: Counts, spending: CallSpending | None
) -> ArmSummary:
    """The numbers of an arm that was run."""
    dropped = frame.facts.dropped.get((arm.name, role), 0)
    looks = frame.facts.looks.get((arm.name, role))
    stopped = looks if looks is not None and looks.is_stopped else None
    planned = frame.planned.get((arm.name, role), 0) - dropped - (stopped.trials_left_out if stopped else 0)
    graded = counts.graded
    sample = build_sample(graded, frame.groups) if graded else None
    taken = counts.spending.values()
    is_metered = any(case.metered for case in taken)
    latencies = sorted(seconds for case in taken for seconds in case.latencies_s)
    usd = spending.usd if spending else None
    return ArmSummary(
        arm=arm.name,
        role=role,
        kind=arm.kind,
        question=arm.question,
        status="run",
        reason=arm.reason,
        accuracy=_measure(frame, sample, counts, counts.passed, planned, looks),
        call_failures=_measure(frame, sample, counts, counts.call_failed, planned, stopped),
        format_failures=_measure_format(frame, counts, planned, stopped),
        citation_failures=_measure(frame, sample, counts, counts.uncited, planned, stopped)
        if counts.uncited
        else None,
        pass_hat_k=_measure_all_pass(frame, counts, planned, stopped),
        accuracy_test=_hold(frame, sample, counts, looks, lenient=False),
        lenient_test=_hold(frame, sample, counts, looks, lenient=True),
        planned=planned,
        unanswered=counts.unanswered,
        identical_repeats=counts.identical_repeats,
        repeats_dropped=dropped,
        cost_usd=sum_usd(counts.spending),
        cost_usd_per_1k_cases=None if usd is None else 1000 * usd,
        prompt_tokens=sum(case.prompt_tokens for case in taken) if is_metered else None,
        completion_tokens=sum(case.completion_tokens for case in taken) if is_metered else None,
        latency_p50_s=find_quantile(latencies, 0.5),
        latency_p95_s=find_quantile(latencies, 0.95),
        schema_enforced=arm.schema_enforced or _find_worst(counts.enforced),
        probe=frame.facts.probes.get(arm.name, ""),
        repeats=min(max((case.answers for case in taken), default=0), frame.plan.repeats),
        draw=arm.draw,
        icc=estimate_icc(counts.passed, graded),
        tallies=_build_tallies(frame, counts),
        looks=looks,
        follow_ups=frame.follow_ups.get((arm.name, role)),
        spending=spending,
    )


def summarise_idle_arm(frame: ArmFrame, arm: PlannedArm) -> ArmSummary:
    """An arm that was not run, with the reason; one that turned out not to apply is `skipped`."""
    reason, status, enforced = arm.reason, arm.status, arm.schema_enforced
    if arm.status == "run" and arm.name in frame.facts.not_needed:
        reason, status = frame.facts.not_needed[arm.name], "not_run"
    if arm.name in frame.facts.unsupported:
        status, enforced = "skipped", "unsupported"
    return ArmSummary(
        arm=arm.name,
        role=CANDIDATE,
        kind=arm.kind,
        question=arm.question,
        status=status,
        reason=reason,
        schema_enforced=enforced,
        probe=frame.facts.probes.get(arm.name, ""),
        draw=arm.draw,
    )


def _measure(
    frame: ArmFrame,
    sample: Sample | None,
    counts: Counts,
    hits: Mapping[str, int],
    planned: int,
    looks: Looks | None,
) -> Rate:
    if sample is None:
        return build_empty_rate(errors=counts.errors, planned=planned)
    alpha = frame.decision.alpha
    return build_rate(
        sample, hits, counts.graded, alpha=alpha, errors=counts.errors, planned=planned, looks=looks
    )


def _measure_format(frame: ArmFrame, counts: Counts, planned: int, looks: Looks | None) -> Rate | None:
    """The format-failure rate over the cases with a format grader; None where there is none."""
    if not frame.format_cases:
        return None
    return measure_rate(
        keep_cases(counts.format_failed, frame.format_cases),
        keep_cases(counts.graded, frame.format_cases),
        frame.groups,
        alpha=frame.decision.alpha,
        errors=counts.errors,
        planned=planned,
        looks=looks,
    )


def _measure_all_pass(frame: ArmFrame, counts: Counts, planned: int, looks: Looks | None) -> Rate:
    """Rate of cases that pass all their repeats, over the cases where all of them were judged."""
    draws = max(counts.graded.values(), default=0)
    values = estimate_by_case(counts.passed, counts.graded, draws) if draws else {}
    graded = dict.fromkeys(values, 1)
    hits = {case: 1 for case, value in values.items() if value == 1}
    return measure_rate(
        hits,
        graded,
        frame.groups,
        alpha=frame.decision.alpha,
        errors=counts.errors,
        planned=planned,
        looks=looks,
    )


def _hold(
    frame: ArmFrame, sample: Sample | None, counts: Counts, looks: Looks | None, *, lenient: bool
) -> BarTest | None:
    if sample is None:
        return None
    hits = dict(counts.passed)
    if lenient:
        for case, count in counts.call_failed.items():
            hits[case] = hits.get(case, 0) + count
    decision = frame.decision
    return hold_against_bar(
        sample.estimate(divide(hits, counts.graded)),
        frame.plan.evalset.bar,
        alpha=decision.alpha,
        alpha_m=decision.alpha / max(frame.plan.multiplicity, 1),
        alpha_ft=decision.alpha_fine_tune,
        looks=looks,
    )


def _build_tallies(frame: ArmFrame, counts: Counts) -> tuple[CaseTally, ...]:
    return tuple(
        CaseTally(
            case=case.id,
            graded=counts.graded[case.id],
            passed=counts.passed.get(case.id, 0),
            call_failed=counts.call_failed.get(case.id, 0),
            group=case.group,
        )
        for case in frame.plan.evalset.cases
        if case.id in counts.graded
    )


def _find_worst(seen: set[SchemaEnforced]) -> SchemaEnforced | None:
    return next((state for state in _WORST_FIRST if state in seen), None)


def find_quantile(ordered: Sequence[float], share: float) -> float | None:
    """The quantile of sorted values, interpolated linearly; None where there are none."""
    if not ordered:
        return None
    position = share * (len(ordered) - 1)
    below = floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])

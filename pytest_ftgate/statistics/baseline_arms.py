"""The numbers of a saved run: what a gate reads of a summary, from its counts alone."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_ftgate.model.baseline import Baseline, BaselineArm, CaseOutcome
from pytest_ftgate.model.grade import is_format_failure
from pytest_ftgate.model.run import Looks
from pytest_ftgate.model.summary import ArmSummary, CaseTally, Summary
from pytest_ftgate.statistics.rates import measure_rate


def summarise_baseline(baseline: Baseline) -> Summary:
    """The summary of a saved run; what its counts do not tell is left at its default."""
    groups = {case.id: case.group for case in baseline.cases.values() if case.group is not None}
    left_out = baseline.unjudging
    arms = tuple(
        summarise_baseline_arm(arm, groups, baseline.alpha, left_out=left_out) for arm in baseline.arms
    )
    return Summary(
        evalset=baseline.evalset,
        path=baseline.path,
        bar=baseline.bar,
        repeats=max((arm.repeats for arm in arms), default=0),
        multiplicity=len(arms),
        arms=arms,
        tied_to_prompt=baseline.tied_to_prompt,
        total_cases=len(baseline.cases),
    )


def summarise_baseline_arm(
    arm: BaselineArm, groups: Mapping[str, str], alpha: float, *, left_out: frozenset[str] = frozenset()
) -> ArmSummary:
    """The summary of one arm × role of a saved run; `left_out`: cases that are in no rate."""
    looks = Looks(look=arm.look, looks=arm.looks) if arm.looks else None
    graded = {
        case: outcome.graded for case, outcome in arm.cases.items() if outcome.graded and case not in left_out
    }
    passed = {case: arm.cases[case].passed for case in graded if arm.cases[case].passed}
    malformed = {case: count for case in graded if (count := count_malformed(arm.cases[case]))}
    return ArmSummary(
        arm=arm.arm,
        role=arm.role,
        kind=arm.kind,
        question=arm.question,
        status="run",
        accuracy=measure_rate(passed, graded, groups, alpha=alpha, looks=looks),
        format_failures=measure_rate(malformed, graded, groups, alpha=alpha) if arm.has_form else None,
        repeats=arm.repeats,
        cost_usd_per_1k_cases=arm.cost_usd_per_1k_cases,
        tallies=tuple(
            CaseTally(
                case=case,
                graded=count,
                passed=passed.get(case, 0),
                call_failed=_count_calls(arm.cases[case]),
                group=groups.get(case),
            )
            for case, count in graded.items()
        ),
        looks=looks,
    )


def count_malformed(outcome: CaseOutcome) -> int:
    """Trials of a case that are format failures."""
    return sum(count for signature, count in outcome.failures.items() if is_format_failure(signature))


def _count_calls(outcome: CaseOutcome) -> int:
    return sum(count for signature, count in outcome.failures.items() if signature.startswith("call:"))

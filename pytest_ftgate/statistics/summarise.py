"""All numbers of an evalset, patterns excepted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pytest_ftgate.model.evalset import AS_IS, CANDIDATE
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.run import RunFacts
from pytest_ftgate.model.spending import CallSpending
from pytest_ftgate.model.summary import ArmSummary, Paired, Summary
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.statistics.arms import ArmFrame, summarise_arm, summarise_idle_arm
from pytest_ftgate.statistics.breakdowns import (
    count_confusions,
    count_infra_errors,
    keep_as_is,
    list_models,
    measure_fields,
    measure_tags,
)
from pytest_ftgate.statistics.call_spending import measure_spending
from pytest_ftgate.statistics.intervals import Groups
from pytest_ftgate.statistics.judges import measure_judges
from pytest_ftgate.statistics.paired import compare_tallies
from pytest_ftgate.statistics.rates import adjust_level
from pytest_ftgate.statistics.role_pairs import compare_roles
from pytest_ftgate.statistics.sample_size import plan_cases
from pytest_ftgate.statistics.searches import measure_searches
from pytest_ftgate.statistics.spending import count_unpriced, measure_follow_ups, sum_serving, sum_spent
from pytest_ftgate.statistics.splits import compare_on_dev, describe_split, keep_dev, keep_judging
from pytest_ftgate.statistics.tallies import (
    Counts,
    count_further,
    count_records,
    find_format_cases,
    set_aside,
    set_further_aside,
)


def summarise(plan: Plan, records: Sequence[Record], facts: RunFacts) -> Summary:
    """The numbers of an evalset from its records, in any order. `patterns` is left empty.

    Only judged trials count in rates: an unanswered trial is missing, an ungraded case is not in n, and of
    each case the first `plan.repeats` repeats count. Cases of `split: dev` choose arms and are in no rate.
    """
    evalset, alpha = plan.evalset, plan.evalset.decision.alpha
    further = count_further(records, plan.repeats)
    records = set_further_aside(set_aside(records, facts.looks), plan.repeats)
    on_dev = count_records(keep_dev(evalset, records))
    records = keep_judging(evalset, records, partial=facts.partial)
    groups = {case.id: case.group for case in evalset.cases if case.group is not None}
    as_is = keep_as_is(records)
    fields = measure_fields(as_is, groups, alpha=alpha)
    # From here on the counts of all cases are in memory.
    counts = count_records(records)
    frame = _frame_arms(plan, records, facts, groups)
    arms = compare_on_dev(evalset, tuple(_summarise_arms(frame, counts)), on_dev, frame.groups)
    as_is_counts = counts.get((AS_IS, CANDIDATE), Counts())
    infra_errors = count_infra_errors(records)
    return Summary(
        evalset=evalset.name,
        path=evalset.path,
        bar=evalset.bar,
        repeats=plan.repeats,
        multiplicity=plan.multiplicity,
        arms=arms,
        paired=tuple(_compare_arms(arms, alpha)),
        role_pairs=tuple(compare_roles(evalset, arms, alpha)),
        selected=facts.selected,
        total=facts.total,
        partial=facts.partial,
        missing=facts.missing,
        stop=facts.stop,
        tied_to_prompt=all(record.tied_to_prompt for record in records),
        judged_cases=len(as_is_counts.graded),
        total_cases=len(evalset.cases),
        knowledge_tokens=plan.knowledge_tokens,
        retrievals=measure_searches(plan.retrievals, arms, frame.groups, alpha=alpha),
        cases_needed=_plan_cases(frame, arms),
        stale=infra_errors.get("infra:stale", 0),
        not_recorded=infra_errors.get("infra:not_recorded", 0),
        settings_hash=plan.settings_hash,
        resolved_models=list_models(records),
        confusion=count_confusions(as_is),
        fields=fields,
        tags=measure_tags(evalset, as_is_counts, frame.groups, alpha=alpha),
        infra_errors=infra_errors,
        requests_sent=facts.requests_sent,
        cost_usd=sum_spent(plan, records),
        serving_cost_usd=sum_serving(records),
        unpriced_calls=count_unpriced(records),
        judges=measure_judges(plan, records, frame.groups),
        further_trials=further,
        split=describe_split(evalset, arms, records, partial=facts.partial),
    )


def _frame_arms(plan: Plan, records: Sequence[Record], facts: RunFacts, groups: Groups) -> ArmFrame:
    return ArmFrame(
        plan=plan,
        facts=facts,
        groups=groups,
        format_cases=find_format_cases(plan, records),
        planned=_count_planned(plan),
        follow_ups=measure_follow_ups(records),
    )


def _count_planned(plan: Plan) -> Counter[tuple[str, str]]:
    planned: Counter[tuple[str, str]] = Counter()
    for item in plan.items:
        planned[(item.arm, item.role)] += len(item.trials)
    return planned


def _summarise_arms(frame: ArmFrame, counts: dict[tuple[str, str], Counts]) -> Iterable[ArmSummary]:
    for arm in frame.plan.arms:
        if arm.status != "run" or arm.name in frame.facts.not_needed:
            yield summarise_idle_arm(frame, arm)
            continue
        roles = [role for role in frame.plan.roles if (arm.name, role) in frame.planned]
        for role in roles or [CANDIDATE]:
            own = counts.get((arm.name, role)) or Counts()
            yield summarise_arm(frame, arm, role, own, _measure_spending(frame, arm.name, role, counts))


def _measure_spending(
    frame: ArmFrame, arm: str, role: str, counts: Mapping[tuple[str, str], Counts]
) -> CallSpending | None:
    """A limit on the latency of `as_is` holds for whatever arm would ship in its place."""
    limits = [
        float(limit)
        for gate in frame.plan.evalset.gates
        if gate.name == "latency" and gate.role == role and gate.arm in (AS_IS, arm)
        for limit in gate.options.values()
    ]
    empty = Counts()
    own, as_is = (counts.get((name, role), empty).spending for name in (arm, AS_IS))
    candidate = None if role == CANDIDATE else counts.get((arm, CANDIDATE), empty).spending
    return measure_spending(own, as_is, candidate, frame.groups, limits_s=limits, alpha=frame.decision.alpha)


def _compare_arms(arms: Sequence[ArmSummary], alpha: float) -> Iterable[Paired]:
    """Every arm against `as_is`, every question-2 arm against every question-1 arm, by one role."""
    judged = [arm for arm in arms if arm.tallies]
    for first in judged:
        for second in judged:
            if first.role != second.role or first.arm == second.arm:
                continue
            if second.arm == AS_IS or (first.question, second.question) == (2, 1):
                names = (first.arm, second.arm)
                # Where one of them was stopped, what they have in common was seen at its look.
                stopped = next((a.looks for a in (first, second) if a.looks and a.looks.is_stopped), None)
                paired = compare_tallies(
                    first.tallies,
                    second.tallies,
                    names=names,
                    alpha=adjust_level(alpha, stopped),
                    role=first.role,
                )
                if paired is not None:
                    yield paired


def _plan_cases(frame: ArmFrame, arms: Sequence[ArmSummary]) -> int | None:
    """Cases that would decide: to prove the best undecided arm where it is above the bar, else to
    prove every undecided arm below it.

    None where nothing is undecided or no number of cases would do.
    """
    bar, decision = frame.plan.evalset.bar, frame.decision
    judged = [(test, arm) for arm in arms if arm.role == CANDIDATE and (test := arm.accuracy_test)]
    if any(test.lower_m >= bar and arm.is_chosen is not False for test, arm in judged):
        return None
    undecided = [(test.value, arm) for test, arm in judged if test.upper_ft >= bar]
    claimed = [entry for entry in undecided if entry[1].is_chosen is not False]
    best = max((value for value, _ in claimed), default=0.0)
    alpha = decision.alpha_fine_tune
    if best >= bar:
        undecided = [entry for entry in claimed if entry[0] == best][:1]
        alpha = decision.alpha / max(frame.plan.multiplicity, 1)
    elif any(value >= bar for value, _ in undecided):
        # An arm that dev passed over: more cases would not make its answer a proof.
        return None
    wanted = 0
    for value, arm in undecided:
        cases = plan_cases(value, bar, repeats=max(arm.repeats, 1), icc=_find_icc(arm), alpha=alpha)
        if cases is None:
            return None
        wanted = max(wanted, cases, len(arm.tallies) + 1)
    return wanted or None


def _find_icc(arm: ArmSummary) -> float:
    """The arm's intraclass correlation; 0.5 where it cannot be seen, 1 where repeats are identical."""
    if arm.identical_repeats:
        return 1.0
    return 0.5 if arm.icc is None else arm.icc

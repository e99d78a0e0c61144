"""Patterns of an evalset: from records to what is reproducible and specific."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from pytest_ftgate.model.evalset import CANDIDATE, Case
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.summary import ArmPattern, Pattern, PatternSet, Rate, Summary
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.patterns.control import run_control
from pytest_ftgate.patterns.examples import choose_examples
from pytest_ftgate.patterns.folding import fold, list_parts
from pytest_ftgate.patterns.hints import find_hint
from pytest_ftgate.patterns.mining import LEVELS, Candidate, Failing, gather_trials, list_candidates
from pytest_ftgate.patterns.protocols import PatternStatistics
from pytest_ftgate.patterns.recurrence import (
    choose_cases,
    count_further,
    count_recurring,
    measure_recurrence,
)
from pytest_ftgate.patterns.reproducibility import Assessment, assess_candidates
from pytest_ftgate.patterns.signature import find_expected, name_label
from pytest_ftgate.patterns.survey import Survey, build_survey

MAX_LISTED = 25
"""Patterns listed beside the confirmed ones."""

CASE_BOUND = 0.5


def find_patterns(
    plan: Plan,
    records: Sequence[Record],
    summary: Summary,
    statistics: PatternStatistics,
    *,
    listed: int = MAX_LISTED,
    is_controlled: bool = False,
    shown: Sequence[Record] = (),
) -> PatternSet:
    """Failure patterns of the candidate over all arms run, most frequent first.

    `summary` is that of the same records. The result does not depend on the order of the records. Beside the
    confirmed ones at most `listed` others are described. `is_controlled`: the search is also made where it
    has nothing to find. `shown`: records whose failing trials are the examples of a pattern that they have;
    they count nowhere.
    """
    survey = build_survey(plan, records, summary, statistics)
    if survey is None:
        return PatternSet()
    candidates = list_candidates(survey.trials[arm] for arm in survey.arms)
    assessments = assess_candidates(candidates, survey) if candidates else []
    confirmed = frozenset(one.candidate.signature for one in assessments if one.reproducible)
    hits = _count_shown(survey, confirmed)
    share, low, high = _measure_share(survey, hits)
    is_specific = share is not None and share >= survey.decision.share
    cases = {case.id: case for case in plan.evalset.cases}
    chosen = _choose(assessments, survey, listed)
    gathered = gather_trials(shown, survey.arms, plan.repeats).values()
    beside = [trial for trials in gathered for trial in trials.failing]
    told = fold(chosen)
    return PatternSet(
        patterns=tuple(
            replace(
                _describe(one, survey, cases, is_specific=is_specific, beside=beside),
                told_by=told.get(one.candidate.signature),
            )
            for one in chosen
        ),
        confirmed_share=share,
        confirmed_share_low=low,
        confirmed_share_high=high,
        best_arm=survey.best,
        ceiling=_find_ceiling(survey, hits),
        p_best=min(
            (one.p_holm for one in assessments if one.reproducible and one.p_holm is not None), default=None
        ),
        lacks_recurrence=any(one.open_arms for one in assessments),
        control=run_control(survey) if is_controlled else None,
    )


def find_unrecurring(
    plan: Plan, records: Sequence[Record], summary: Summary, statistics: PatternStatistics, *, most: int
) -> dict[str, tuple[str, ...]]:
    """Arm → cases to ask again: those hit by signatures that lack nothing but recurrence.

    At most `most` cases of each signature and arm.
    """
    survey = build_survey(plan, records, summary, statistics)
    candidates = list_candidates(survey.trials[arm] for arm in survey.arms) if survey else []
    if survey is None or not candidates:
        return {}
    lacking = [one for one in assess_candidates(candidates, survey) if one.open_arms]
    return choose_cases([(one.open_arms, one.candidate.hits) for one in lacking], survey, most)


def _choose(assessments: Iterable[Assessment], survey: Survey, listed: int) -> list[Assessment]:
    """What is listed: all confirmed candidates, and the most frequent others that add something.

    Those that could not be assessed go before those that are refuted: the verdict hangs on them.
    """
    ranked = sorted(
        (one for one in assessments if not one.is_covered),
        key=lambda one: (
            -_count_trials(one.candidate, survey),
            LEVELS.index(one.candidate.level),
            one.candidate.signature,
        ),
    )
    others = [one for one in ranked if not one.reproducible]
    others = sorted(others, key=lambda one: one.reproducible is not None)[:listed]
    kept = {id(one) for one in others}
    return [one for one in ranked if one.reproducible or id(one) in kept]


def _count_trials(candidate: Candidate, survey: Survey) -> int:
    """Failing trials of the arms with answers of their own: no answer counts twice."""
    return sum(sum(candidate.hits.get(arm, {}).values()) for arm in survey.sources)


def _count_shown(survey: Survey, names: Collection[str]) -> Counter[str]:
    """Case id → the best arm's failing trials that show any of `names`, each trial once."""
    failing = survey.trials[survey.best].failing
    return Counter(trial.case for trial in failing if not trial.names.isdisjoint(names))


def _measure_share(
    survey: Survey, hits: Mapping[str, int]
) -> tuple[float | None, float | None, float | None]:
    """Share of `hits` among the best arm's failing trials, with its interval."""
    if not survey.failures:
        return None, None, None
    return survey.statistics.share(hits, survey.failures, survey.groups)


def _find_ceiling(survey: Survey, hits: Mapping[str, int]) -> float | None:
    """The best arm's accuracy if `hits` passed: the most that curing them can give (STATISTICS 3.5)."""
    left = Counter(survey.failures)
    left.subtract(hits)
    rate = survey.rates[survey.best].rate(left).value
    return None if rate is None or not hits else 1 - rate


def _measure_expected(candidate: Candidate, survey: Survey) -> Rate | None:
    """Of a confusion A→B: its rate among the cases that expect A (STATISTICS 3.2)."""
    label = find_expected(candidate.signature) if candidate.level == "leaf" else None
    if label is None:
        return None
    trials = survey.trials[survey.best]
    graded = {
        case: trials.graded[case]
        for case, expected in trials.labels.items()
        if case in trials.graded and name_label(expected) == label
    }
    hits = candidate.hits.get(survey.best, {})
    if not graded or not set(hits) <= set(graded):
        return None
    return survey.statistics.over(graded, survey.groups, alpha=survey.decision.alpha).rate(hits)


def _describe(
    assessment: Assessment,
    survey: Survey,
    cases: Mapping[str, Case],
    *,
    is_specific: bool,
    beside: Sequence[Failing],
) -> Pattern:
    candidate = assessment.candidate
    best_hits = candidate.hits.get(survey.best, {})
    further = count_further(survey, survey.best, candidate.signature)
    recurrence = measure_recurrence(best_hits, further, survey, survey.best)
    parts, part_count = list_parts(candidate, survey.sources)
    share = low = high = None
    if survey.failures:
        share, low, high = survey.statistics.share(best_hits, survey.failures, survey.groups)
    return Pattern(
        signature=candidate.signature,
        kind=candidate.kind,
        level=candidate.level,
        trials=_count_trials(candidate, survey),
        cases=len({trial.case for trial in candidate.trials}),
        arms=tuple(_describe_arm(assessment, arm, survey) for arm in survey.arms),
        rate=survey.rates[survey.best].rate(best_hits),
        recurrence=recurrence,
        form=_name_form(recurrence),
        share=share,
        share_low=low,
        share_high=high,
        rate_expected=_measure_expected(candidate, survey),
        p_holm=assessment.p_holm,
        reproducible=assessment.reproducible,
        specific=is_specific if assessment.reproducible else None,
        why_not=assessment.why_not,
        examples=choose_examples(
            [trial for trial in beside if candidate.signature in trial.names] or candidate.trials,
            candidate.signature,
            cases,
            survey.best,
        ),
        hint=find_hint(candidate.signature, knowledge_needed=not survey.decision.knowledge.none),
        tags=survey.statistics.tag_excess(best_hits, survey.tags, survey.groups, alpha=survey.decision.alpha),
        parts=parts,
        part_count=part_count,
    )


def _describe_arm(assessment: Assessment, arm: str, survey: Survey) -> ArmPattern:
    candidate = assessment.candidate
    hits = candidate.hits.get(arm, {})
    further = count_further(survey, arm, candidate.signature)
    agreement = assessment.agreements.get(arm)
    return ArmPattern(
        arm=arm,
        role=CANDIDATE,
        rate=survey.rates[arm].rate(hits),
        p_floor=assessment.p_by_arm[arm],
        trials=sum(hits.values()),
        cases=len(hits),
        recurring_cases=count_recurring(hits, further),
        recurrence=measure_recurrence(hits, further, survey, arm),
        agreement=agreement.index if agreement else None,
        agreement_p=agreement.p if agreement else None,
    )


def _name_form(recurrence: float | None) -> Literal["case-bound", "stochastic"] | None:
    """case-bound: these inputs always break; stochastic: a share of all trials, any input."""
    if recurrence is None:
        return None
    return "case-bound" if recurrence >= CASE_BOUND else "stochastic"

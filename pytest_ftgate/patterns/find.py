"""Patterns of an evalset: from records to what is reproducible and specific."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from pytest_ftgate.model.evalset import CANDIDATE, Case
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.summary import ArmPattern, Pattern, PatternSet, Summary
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.patterns.examples import choose_examples
from pytest_ftgate.patterns.folding import fold, list_parts
from pytest_ftgate.patterns.hints import find_hint
from pytest_ftgate.patterns.mining import LEVELS, Candidate, list_candidates
from pytest_ftgate.patterns.protocols import PatternStatistics
from pytest_ftgate.patterns.reproducibility import Assessment, assess_candidates
from pytest_ftgate.patterns.survey import Survey, build_survey

MAX_LISTED = 25
"""Patterns listed beside the confirmed ones."""

CASE_BOUND = 0.5


def find_patterns(
    plan: Plan, records: Sequence[Record], summary: Summary, statistics: PatternStatistics
) -> PatternSet:
    """Failure patterns of the candidate over all arms run, most frequent first.

    `summary` is that of the same records. The result does not depend on the order of the records.
    """
    survey = build_survey(plan, records, summary, statistics)
    if survey is None:
        return PatternSet()
    candidates = list_candidates(survey.trials[arm] for arm in survey.arms)
    assessments = assess_candidates(candidates, survey) if candidates else []
    confirmed = frozenset(one.candidate.signature for one in assessments if one.reproducible)
    share, low, high = _measure_share(survey, confirmed)
    is_specific = share is not None and share >= survey.decision.share
    cases = {case.id: case for case in plan.evalset.cases}
    chosen = _choose(assessments, survey)
    told = fold(chosen)
    return PatternSet(
        patterns=tuple(
            replace(
                _describe(one, survey, cases, is_specific=is_specific),
                told_by=told.get(one.candidate.signature),
            )
            for one in chosen
        ),
        confirmed_share=share,
        confirmed_share_low=low,
        confirmed_share_high=high,
        best_arm=survey.best,
        p_best=min(
            (one.p_holm for one in assessments if one.reproducible and one.p_holm is not None), default=None
        ),
    )


def _choose(assessments: Iterable[Assessment], survey: Survey) -> list[Assessment]:
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
    others = sorted(others, key=lambda one: one.reproducible is not None)[:MAX_LISTED]
    kept = {id(one) for one in others}
    return [one for one in ranked if one.reproducible or id(one) in kept]


def _count_trials(candidate: Candidate, survey: Survey) -> int:
    """Failing trials of the arms with answers of their own: no answer counts twice."""
    return sum(sum(candidate.hits.get(arm, {}).values()) for arm in survey.sources)


def _measure_share(survey: Survey, names: Collection[str]) -> tuple[float | None, float | None, float | None]:
    """Share of the best arm's failing trials that show any of `names`, each trial once."""
    if not survey.failures:
        return None, None, None
    hits: Counter[str] = Counter()
    for trial in survey.trials[survey.best].failing:
        if not trial.names.isdisjoint(names):
            hits[trial.case] += 1
    return survey.statistics.share(hits, survey.failures, survey.groups)


def _describe(
    assessment: Assessment, survey: Survey, cases: Mapping[str, Case], *, is_specific: bool
) -> Pattern:
    candidate = assessment.candidate
    best_hits = candidate.hits.get(survey.best, {})
    recurrence = _measure_recurrence(best_hits, survey, survey.best)
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
        p_holm=assessment.p_holm,
        reproducible=assessment.reproducible,
        specific=is_specific if assessment.reproducible else None,
        why_not=assessment.why_not,
        examples=choose_examples(candidate.trials, candidate.signature, cases, survey.best),
        hint=find_hint(candidate.signature, knowledge_needed=not survey.decision.knowledge.none),
        tags=survey.statistics.tag_excess(best_hits, survey.tags, survey.groups, alpha=survey.decision.alpha),
        parts=parts,
        part_count=part_count,
    )


def _describe_arm(assessment: Assessment, arm: str, survey: Survey) -> ArmPattern:
    hits = assessment.candidate.hits.get(arm, {})
    agreement = assessment.agreements.get(arm)
    return ArmPattern(
        arm=arm,
        role=CANDIDATE,
        rate=survey.rates[arm].rate(hits),
        p_floor=assessment.p_by_arm[arm],
        trials=sum(hits.values()),
        cases=len(hits),
        recurring_cases=sum(count >= 2 for count in hits.values()),
        recurrence=_measure_recurrence(hits, survey, arm),
        agreement=agreement.index if agreement else None,
        agreement_p=agreement.p if agreement else None,
    )


def _measure_recurrence(hits: Mapping[str, int], survey: Survey, arm: str) -> float | None:
    """Chance that another draw of a case hits, given that one did: R of STATISTICS 3.3.

    None where no hit case was drawn twice, or the repeats are identical and are one draw.
    """
    graded = survey.trials[arm].graded
    chances = sum(count * (graded[case] - 1) for case, count in hits.items())
    if not chances or arm in survey.identical:
        return None
    return sum(count * (count - 1) for count in hits.values()) / chances


def _name_form(recurrence: float | None) -> Literal["case-bound", "stochastic"] | None:
    """case-bound: these inputs always break; stochastic: a share of all trials, any input."""
    if recurrence is None:
        return None
    return "case-bound" if recurrence >= CASE_BOUND else "stochastic"

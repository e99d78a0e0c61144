"""A run against a baseline: the statistics of two roles, over the cases that are the same in both runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pytest_ftgate.model.baseline import BASELINE, Baseline, BaselineArm, CaseOutcome
from pytest_ftgate.model.comparison import BaselinePair, Flip, RolePair
from pytest_ftgate.model.evalset import AS_IS
from pytest_ftgate.model.run import Looks
from pytest_ftgate.model.summary import ArmSummary, CaseTally
from pytest_ftgate.statistics.baseline_arms import summarise_baseline_arm
from pytest_ftgate.statistics.case_matching import keep_comparable, match_cases
from pytest_ftgate.statistics.pattern_drift import Outcomes, find_pattern_drift, measure_form_drift
from pytest_ftgate.statistics.rates import adjust_level
from pytest_ftgate.statistics.role_pairs import compare_pair, group_by_tag

MAX_FLIPS = 100
"""Flips of each way that are told with their texts."""


@dataclass(frozen=True, slots=True)
class ArmChoice:
    """An arm × role now, and the arm of the baseline that it is held against."""

    arm: str
    role: str
    against: str


def choose_arms(now: Baseline, before: Baseline) -> list[ArmChoice]:
    """Every arm × role of both runs; one that a gate reads and that is new, against arm `as_is`."""
    gated = {(gate.arm, gate.role) for gate in now.gates}
    chosen = []
    for arm in now.arms:
        if before.arm(arm.arm, arm.role) is not None:
            chosen.append(ArmChoice(arm.arm, arm.role, arm.arm))
        elif (arm.arm, arm.role) in gated and before.arm(AS_IS, arm.role) is not None:
            chosen.append(ArmChoice(arm.arm, arm.role, AS_IS))
    return chosen


def compare_baselines(
    now: Baseline, before: Baseline, chosen: Iterable[ArmChoice] | None = None
) -> tuple[BaselinePair, ...]:
    """Each chosen arm (by default those of `choose_arms`) of the run `now` against the run `before`."""
    same, unlike = match_cases(now, before)
    pairs = []
    for choice in choose_arms(now, before) if chosen is None else chosen:
        own, other = now.arm(choice.arm, choice.role), before.arm(choice.against, choice.role)
        if own is None or other is None:
            continue
        kept, rest = keep_comparable(same, now, before, own, other)
        both = {case: (own.cases[case], other.cases[earlier]) for case, earlier in kept.items()}
        pair = _compare_arms(own, other, now, both)
        pairs.append(
            replace(
                pair,
                not_comparable=tuple(sorted((*unlike, *rest), key=lambda left: (left.why, left.case))),
                changes=(*_list_changes(own, other), *_tell_untied(before)),
            )
        )
    return tuple(pairs)


def _compare_arms(own: BaselineArm, other: BaselineArm, now: Baseline, both: Outcomes) -> BaselinePair:
    groups = {case.id: case.group for case in now.cases.values() if case.group is not None}
    alpha = _choose_alpha(now.alpha, own, other)
    tagged = group_by_tag((case.id, case.tags) for case in now.cases.values())
    compared = compare_pair(
        _keep(summarise_baseline_arm(own, groups, alpha), {case: now for case, (now, _) in both.items()}),
        _keep(summarise_baseline_arm(other, {}, alpha), {case: old for case, (_, old) in both.items()}),
        against=BASELINE,
        tagged=tagged,
        alpha=alpha,
    )
    named = BaselinePair(arm=own.arm, role=own.role, against_arm=other.arm)
    if compared is None:
        return named
    has_form = own.has_form and other.has_form
    patterns, left_out = find_pattern_drift(both, groups, alpha)
    return replace(
        named,
        pair=compared,
        flips=tuple(_list_flips(compared, both, now)),
        form=measure_form_drift(both, groups, alpha) if has_form else None,
        patterns=patterns,
        patterns_left_out=left_out,
    )


def _choose_alpha(alpha: float, own: BaselineArm, other: BaselineArm) -> float:
    """That of the look, where one of the two was stopped early."""
    stopped = (arm for arm in (own, other) if 0 < arm.look < arm.looks)
    first = next(stopped, None)
    return alpha if first is None else adjust_level(alpha, Looks(look=first.look, looks=first.looks))


def _keep(arm: ArmSummary, outcomes: Mapping[str, CaseOutcome]) -> ArmSummary:
    """The arm with these cases alone, under the names that they have now."""
    groups = {tally.case: tally.group for tally in arm.tallies}
    tallies = tuple(
        CaseTally(case=case, graded=outcome.graded, passed=outcome.passed, group=groups.get(case))
        for case, outcome in outcomes.items()
    )
    return replace(arm, tallies=tallies)


def _list_flips(pair: RolePair, both: Outcomes, now: Baseline) -> Iterable[Flip]:
    for way, cases in (("broken", pair.broken), ("fixed", pair.fixed)):
        for case in cases[:MAX_FLIPS]:
            own, other = both[case]
            failing = own if way == "broken" else other
            yield Flip(
                case=case,
                way=way,  # type: ignore[arg-type]
                passed_before=other.passed,
                graded_before=other.graded,
                passed_now=own.passed,
                graded_now=own.graded,
                signature=min(failing.failures, key=lambda s: (-failing.failures[s], s), default=None),
                input=now.cases[case].input,
                expected=now.cases[case].expected,
                before=other.answer,
                now=own.answer,
            )


def _tell_untied(before: Baseline) -> Iterable[str]:
    if not before.tied_to_prompt:
        yield "the baseline's answers are not tied to a prompt: recorded without the hash of their request"


def _list_changes(own: BaselineArm, other: BaselineArm) -> Iterable[str]:
    """What besides the cases is not as it was; all of it may be the cause of a difference."""
    if own.arm != other.arm:
        yield f"arm: {other.arm} then, {own.arm} now"
    if own.prompt != other.prompt:
        yield "the prompt was changed"
    if own.model != other.model:
        yield f"model: {other.model} then, {own.model} now"
    elif own.models != other.models and own.models and other.models:
        yield f"another model answered: {', '.join(other.models)} then, {', '.join(own.models)} now"
    known = set(other.fingerprints)
    if own.model == other.model and known and own.fingerprints and not known & set(own.fingerprints):
        yield "the vendor's system_fingerprint is another one: the model itself may have changed"
    if own.repeats != other.repeats:
        yield f"repeats: {other.repeats} then, {own.repeats} now"

"""The ladder: conditions in order, the first that applies is the verdict; then what the build makes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from pytest_ftgate.decision.economics import add_plan
from pytest_ftgate.decision.excuses import settle_gates
from pytest_ftgate.decision.flips import choose_step, describe_closest, find_flips
from pytest_ftgate.decision.prices import build_economics
from pytest_ftgate.decision.prompting import (
    tell_bar_met,
    tell_better_prompt,
    tell_broken_call,
    tell_missing_knowledge,
    tell_repaired,
)
from pytest_ftgate.decision.readiness import tell_faulty, tell_incomplete, tell_not_asked, tell_too_few
from pytest_ftgate.decision.rules import evaluate_gates
from pytest_ftgate.decision.search_advice import advise_on_search
from pytest_ftgate.decision.situation import Situation
from pytest_ftgate.decision.steps import build_steps
from pytest_ftgate.decision.tuning import (
    tell_fine_tune,
    tell_inconclusive,
    tell_no_pattern,
    tell_partial_pattern,
)
from pytest_ftgate.model.evalset import Evalset
from pytest_ftgate.model.summary import Summary
from pytest_ftgate.model.verdict import Judgement, Verdict
from pytest_ftgate.registry import Registries

TELL: Mapping[str, Callable[[Situation], Verdict]] = {
    "not_asked": tell_not_asked,
    "incomplete": tell_incomplete,
    "faulty": tell_faulty,
    "bar_met": tell_bar_met,
    "repaired": tell_repaired,
    "broken_call": tell_broken_call,
    "better_prompt": tell_better_prompt,
    "add_context": tell_missing_knowledge,
    "knowing": tell_missing_knowledge,
    "too_few": tell_too_few,
    "fine_tune_justified": tell_fine_tune,
    "partial_pattern": tell_partial_pattern,
    "no_pattern": tell_no_pattern,
}
"""Who words the verdict of a step, by the name of its condition; where no step holds, `inconclusive`."""


def decide(
    evalset: Evalset,
    summary: Summary,
    *,
    strict: bool,
    evidence: str | None,
    registries: Registries,
    evidence_default: str | None = None,
    baseline: Summary | None = None,
) -> Judgement:
    """The verdict and the gates of an evalset.

    `evidence` is the command line's rule, which goes before a gate's own; `evidence_default` the
    ini's, which comes after it. The verdict never follows a point estimate, whatever the rule.
    """
    situation = Situation(evalset=evalset, summary=summary, registries=registries)
    verdict = find_verdict(situation)
    gates = evaluate_gates(
        evalset,
        summary,
        registries.gates,
        strict=strict,
        evidence=evidence,
        evidence_default=evidence_default,
        baseline=baseline,
    )
    return Judgement(
        verdict=verdict,
        gates=settle_gates(gates, verdict, situation, strict=strict),
        economics=build_economics(situation, verdict),
    )


def find_verdict(situation: Situation) -> Verdict:
    """The first step that holds, with its price where tuning or distilling comes up."""
    steps = build_steps(situation)
    place = choose_step(steps)
    tell = tell_inconclusive if place is None else TELL[steps[place].condition.name]
    flips = find_flips(steps)
    verdict = replace(tell(situation), steps=steps, flips=flips, closest_condition=describe_closest(flips))
    advice = advise_on_search(situation, verdict.decision)
    verdict = replace(verdict, changes=(*verdict.changes, *advice))
    return add_plan(situation, verdict)

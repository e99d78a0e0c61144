"""The ladder: conditions in order, the first that applies is the verdict; then what the build makes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pytest_ftgate.decision.economics import build_tuning_plan, misses_target
from pytest_ftgate.decision.excuses import settle_gates
from pytest_ftgate.decision.prompting import (
    find_bar_met,
    find_better_prompt,
    find_broken_call,
    find_missing_knowledge,
    find_repaired,
)
from pytest_ftgate.decision.readiness import find_faulty, find_incomplete, find_not_asked, find_too_few
from pytest_ftgate.decision.rules import evaluate_gates
from pytest_ftgate.decision.situation import Situation
from pytest_ftgate.decision.tuning import (
    find_fine_tune,
    find_inconclusive,
    find_no_pattern,
    find_partial_pattern,
)
from pytest_ftgate.model.evalset import Evalset
from pytest_ftgate.model.summary import Summary
from pytest_ftgate.model.verdict import Judgement, Verdict
from pytest_ftgate.registry import Registries

CONDITIONS: tuple[Callable[[Situation], Verdict | None], ...] = (
    find_not_asked,
    find_incomplete,
    find_faulty,
    find_bar_met,
    find_repaired,
    find_broken_call,
    find_better_prompt,
    find_missing_knowledge,
    find_too_few,
    find_fine_tune,
    find_partial_pattern,
    find_no_pattern,
)
"""DESIGN section 8, top to bottom. Where none applies the verdict is `inconclusive`."""


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
    return Judgement(verdict=verdict, gates=settle_gates(gates, verdict, situation, strict=strict))


def find_verdict(situation: Situation) -> Verdict:
    """The first condition that applies, with its price where tuning or distilling comes up."""
    for condition in CONDITIONS:
        verdict = condition(situation)
        if verdict is not None:
            break
    else:
        verdict = find_inconclusive(situation)
    if verdict.decision in ("bar_met", "improve_prompt") and misses_target(situation, verdict):
        verdict = replace(verdict, also=("distill",))
    if verdict.decision == "fine_tune_justified" or "distill" in verdict.also:
        verdict = replace(verdict, plan=build_tuning_plan(situation, verdict))
    return verdict

"""What a verdict makes of failing gates: excused by `fine_tune_justified`, else told what to do instead."""

from __future__ import annotations

from dataclasses import replace

from pytest_ftgate.decision.evidence import TOLERANCE
from pytest_ftgate.decision.rules import COMPLETE
from pytest_ftgate.decision.situation import Situation
from pytest_ftgate.decision.wording import join_names, to_ascii
from pytest_ftgate.model.evalset import CANDIDATE
from pytest_ftgate.model.grade import is_format_failure, kind_of
from pytest_ftgate.model.verdict import GateResult, Verdict

_ADVICE = {
    "fix_call": "mend the call or the parsing",
    "improve_prompt": "switch to arm {arm}",
    "add_context": "put the knowledge in the prompt (arm {arm}) and cache it",
    "use_rag": "retrieve the knowledge (arm {arm})",
    "not_ready": "mend the evalset first",
    "partial_pattern": "mend the failures outside the patterns first",
    "no_pattern": "try a better model, data or task; tuning has nothing specific to fix",
    "inconclusive": "more evidence is needed before tuning is an answer",
}


def settle_gates(
    gates: tuple[GateResult, ...], verdict: Verdict, situation: Situation, *, strict: bool
) -> tuple[GateResult, ...]:
    """Failing gates that the verdict explains become `xfailed` (never under `strict`).

    Under `strict` `fine_tune_justified` fails the build: where no gate does so, `complete` says it.
    """
    settled = tuple(_settle_gate(gate, verdict, situation, strict=strict) for gate in gates)
    if not strict or verdict.decision != "fine_tune_justified" or any(g.outcome == "failed" for g in settled):
        return settled
    reason = "--ftgate-strict fails on fine_tune_justified"
    return tuple(replace(g, outcome="failed", reason=reason) if g.name == COMPLETE else g for g in settled)


def _settle_gate(gate: GateResult, verdict: Verdict, situation: Situation, *, strict: bool) -> GateResult:
    if gate.outcome != "failed" or gate.name not in ("accuracy", "format_failures"):
        return gate
    if verdict.decision == "fine_tune_justified":
        if not strict and _is_explained(gate, situation):
            return replace(gate, outcome="xfailed", reason=f"{gate.reason}; fine-tune justified")
        return gate
    if gate.value is None:
        return gate  # It says itself why there is no value; what the verdict advises would not give one.
    advice = _advise(verdict, situation)
    return replace(gate, reason=f"{gate.reason}; instead: {advice}") if advice else gate


def _advise(verdict: Verdict, situation: Situation) -> str | None:
    """The cheapest thing that could make the gate pass."""
    if verdict.missing_arms and verdict.decision in ("inconclusive", "no_pattern", "partial_pattern"):
        unrun = join_names([to_ascii(name) for name in situation.unrun_arms])
        if unrun:
            return f"run {unrun} first"
        is_context = situation.context_gap is not None
        return "give more cases their context" if is_context else "have the schema of structured enforced"
    if verdict.decision == "not_ready" and verdict.cases_needed:
        return f"add {verdict.changes[0]}"
    advice = _ADVICE.get(verdict.decision)
    return advice.format(arm=to_ascii(verdict.recommended_arm or "")) if advice else None


def _is_explained(gate: GateResult, situation: Situation) -> bool:
    """An accuracy below the bar is what the verdict says. Format failures need patterns of their own."""
    if gate.role != CANDIDATE or gate.value is None or gate.limit is None:
        return False
    if gate.name == "accuracy":
        return gate.value < gate.limit
    explained = measure_format_patterns(situation, gate.arm)
    return gate.value - explained <= gate.limit + TOLERANCE


def measure_format_patterns(situation: Situation, arm: str) -> float:
    """The rate of format failures under `arm` that confirmed patterns account for, at least.

    A leaf, its roll-up and its family hold the same trials, so of each kind only the level that
    accounts for most is taken.
    """
    rates: dict[str, dict[str, float]] = {}
    for pattern in situation.usable_patterns:
        if not is_format_failure(pattern.signature):
            continue
        levels = rates.setdefault(kind_of(pattern.signature), {})
        for under in pattern.arms:
            if under.arm == arm and under.role == CANDIDATE:
                levels[pattern.level] = levels.get(pattern.level, 0.0) + (under.rate.value or 0.0)
    return sum(max(levels.values(), default=0.0) for levels in rates.values())

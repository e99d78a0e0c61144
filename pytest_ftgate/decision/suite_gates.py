"""Gate `no_regression` of a suite of the capability card: judged with all the suites of the run.

By itself each of seven suites would call an unchanged model worse in 5 % of runs, and one of them in 30 %.
"""

from __future__ import annotations

from dataclasses import replace

from pytest_ftgate.decision.evidence import PROVE_PASS
from pytest_ftgate.decision.role_rules import MARGIN
from pytest_ftgate.decision.wording import UNTIED, format_count
from pytest_ftgate.model.capability import CapabilityCard, Loss
from pytest_ftgate.model.evalset import AS_IS, CANDIDATE, Evalset, GateSpec
from pytest_ftgate.model.verdict import GateResult, Judgement

NAME, BASE = "no_regression", "base"


def find_suite_margin(evalset: Evalset) -> float:
    """The drop that would not matter: of the evalset's gate against the base, else that gate's default."""
    gate = next(filter(_is_suite_gate, evalset.gates), None)
    return MARGIN if gate is None else float(gate.options.get("margin", MARGIN))


def hold_suite_gates(evalset: Evalset, judgement: Judgement, card: CapabilityCard) -> Judgement:
    """The judgement with the gate of its suite decided by the card; as it is where that is not on it."""
    suite = next((suite for suite in card.suites if suite.evalset == evalset.name), None)
    loss = suite.loss if suite else None
    if suite is None or loss is None or not any(map(_is_suite_gate, evalset.gates)):
        return judgement
    gates = tuple(
        _hold(gate, loss, card, suite.reason)
        if (gate.name, gate.arm, gate.role) == (NAME, AS_IS, CANDIDATE)
        else gate
        for gate in judgement.gates
    )
    return replace(judgement, gates=gates)


def _is_suite_gate(spec: GateSpec) -> bool:
    where = (spec.name, spec.arm, spec.role, spec.options.get("against", BASE))
    return where == (NAME, AS_IS, CANDIDATE, BASE)


def _hold(gate: GateResult, loss: Loss, card: CapabilityCard, undecidable: str) -> GateResult:
    """The same rule as the gate's own, with the corrected p-value in place of its upper bound."""
    if gate.outcome == "skipped" or gate.value is None:
        return gate
    is_proven = loss.outcome != "inconclusive"
    passed = loss.outcome == "retained" or (not is_proven and gate.evidence != PROVE_PASS)
    untied = UNTIED if gate.reason.endswith(UNTIED) else ""
    return replace(
        gate,
        outcome="passed" if passed else "failed",
        proven=is_proven,
        reason=f"{_explain(loss, card, undecidable)}{untied}",
    )


def _explain(loss: Loss, card: CapabilityCard, undecidable: str) -> str:
    bounds = f"{100 * loss.lower:+.1f} .. {100 * loss.upper:+.1f}"
    found = f"{100 * loss.difference:+.1f} points against {card.against} ({bounds})"
    found += f" on {format_count(loss.cases, 'case')}"
    if loss.outcome == "retained":
        return f"{found}: retained, a drop of {100 * loss.margin:g} points is excluded"
    if undecidable:
        return f"{found}: {undecidable}"
    corrected = f"p = {loss.p_lost:.2g}"
    if card.tests > 1:
        corrected += f", corrected for the {card.tests} tests of this run"
    if loss.outcome == "lost":
        return f"{found}: lost ({corrected})"
    needed = f"; about {format_count(loss.cases_needed, 'case')} would decide" if loss.cases_needed else ""
    return f"{found}: neither a drop nor its absence is proven ({corrected}){needed}"

"""Gate `no_regression` of a suite follows the capability card."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decision_world import build_evalset

from pytest_ftgate.decision.suite_gates import find_suite_margin, hold_suite_gates
from pytest_ftgate.model.capability import CapabilityCard, Loss, SuiteResult
from pytest_ftgate.model.evalset import GateSpec
from pytest_ftgate.model.verdict import GateResult, Judgement, Verdict

EVALSET = build_evalset(gates=(GateSpec(name="no_regression", options={"against": "base", "margin": 0.03}),))
RAW = GateResult(
    name="no_regression", arm="as_is", role="candidate", outcome="failed", value=-0.05, limit=-0.03,
    proven=True, reason="-5.0 points against base: proven worse; answers not tied to this prompt",
)  # fmt: skip


def judge(gate: GateResult, outcome: str, *, tests: int = 8, evalset=EVALSET) -> GateResult:
    loss = Loss(
        outcome=outcome, margin=0.03, cases=100, difference=-0.05, lower=-0.09, upper=-0.01, p_lost=0.2,
        cases_needed=300 if outcome == "inconclusive" else None,
    )  # fmt: skip
    card = CapabilityCard(
        against="base", alpha=0.05, tests=tests, outcome=outcome,
        suites=(SuiteResult(suite="s", evalset=EVALSET.name, path="p", weight=1, loss=loss),),
    )  # fmt: skip
    judgement = Judgement(verdict=Verdict(decision="not_asked", reason=""), gates=(gate,))
    return hold_suite_gates(evalset, judgement, card).gates[0]


@pytest.mark.parametrize(
    ("outcome", "evidence", "expected", "proven"),
    [
        ("lost", "estimate", "failed", True),
        ("retained", "prove-pass", "passed", True),
        ("inconclusive", "estimate", "passed", False),
        ("inconclusive", "prove-pass", "failed", False),
    ],
)
def test_the_gate_follows_the_card(outcome: str, evidence: str, expected: str, proven: bool) -> None:
    held = judge(replace(RAW, evidence=evidence), outcome)
    assert (held.outcome, held.proven, held.value) == (expected, proven, -0.05)
    assert held.reason.endswith("; answers not tied to this prompt")
    assert ("corrected for the 8 tests" in held.reason) == (outcome != "retained")
    assert ("about 300 cases would decide" in held.reason) == (outcome == "inconclusive")


def test_one_suite_alone_is_corrected_for_nothing() -> None:
    assert "corrected" not in judge(RAW, "lost", tests=1).reason


@pytest.mark.parametrize(
    "gate",
    [
        GateResult(name="accuracy", arm="as_is", role="candidate", outcome="failed", value=0.1),
        GateResult(name="no_regression", arm="few_shot", role="candidate", outcome="failed", value=-0.1),
        GateResult(name="no_regression", arm="as_is", role="candidate", outcome="skipped"),
        GateResult(name="no_regression", arm="as_is", role="candidate", outcome="failed", reason="crashed"),
    ],
)
def test_other_gates_and_those_that_were_not_judged_stay_as_they_are(gate: GateResult) -> None:
    assert judge(gate, "retained") == gate


def test_a_gate_against_the_baseline_is_none_of_the_card_s() -> None:
    against = build_evalset(
        gates=(GateSpec(name="no_regression", options={"against": "baseline", "margin": 0.2}),)
    )
    assert judge(RAW, "retained", evalset=against) == RAW
    assert (find_suite_margin(against), find_suite_margin(EVALSET)) == (0.05, 0.03)


def test_a_suite_that_can_decide_nothing_says_why() -> None:
    loss = Loss(
        outcome="inconclusive", margin=0.03, cases=100, difference=0, lower=-0.02, upper=0.02, p_lost=1.0
    )
    suite = SuiteResult(
        suite="s", evalset=EVALSET.name, path="p", weight=1, loss=loss, reason="base fails all"
    )
    card = CapabilityCard(against="base", alpha=0.05, tests=1, outcome="inconclusive", suites=(suite,))
    judgement = Judgement(verdict=Verdict(decision="not_asked", reason=""), gates=(RAW,))
    (gate,) = hold_suite_gates(EVALSET, judgement, card).gates
    assert (gate.outcome, gate.proven) == ("passed", False)
    assert ": base fails all; answers not tied" in gate.reason

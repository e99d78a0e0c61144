"""Gates `no_regression`, `parity` and `collapse`: what fails, what passes, what is only not proven."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decision_world import build_arm, build_evalset, build_registries, build_summary

from pytest_ftgate.decision.rules import evaluate_gates
from pytest_ftgate.model.comparison import RolePair
from pytest_ftgate.model.evalset import GateSpec
from pytest_ftgate.model.verdict import GateResult

PAIR = RolePair(
    arm="as_is", against="base", cases=100, difference=0.0, lower=-0.03, upper=0.03, agreement=0.9
)


def judge(
    name: str, options: dict[str, object], pair: RolePair | None, *, strict: bool = False
) -> GateResult:
    spec = GateSpec(name=name, options=options)  # type: ignore[arg-type]
    summary = replace(build_summary(build_arm("as_is", 0.85)), role_pairs=(pair,) if pair else ())
    evalset = build_evalset(gates=(spec,))
    results = evaluate_gates(evalset, summary, build_registries().gates, strict=strict, evidence=None)
    return next(result for result in results if result.name == name)


@pytest.mark.parametrize(
    ("difference", "lower", "upper", "outcome", "strict", "proven"),
    [
        (-0.06, -0.10, -0.02, "failed", "failed", True),
        (-0.01, -0.04, 0.02, "passed", "passed", True),
        (-0.03, -0.08, 0.02, "passed", "failed", False),
        (0.10, 0.05, 0.15, "passed", "passed", True),
        # Proven worse, though by less than the margin: still a regression that is proven.
        (-0.02, -0.03, -0.01, "failed", "failed", True),
    ],
)
def test_no_regression_follows_bounds_never_the_estimate(
    difference: float, lower: float, upper: float, outcome: str, strict: str, proven: bool
) -> None:
    pair = replace(PAIR, difference=difference, lower=lower, upper=upper)
    result = judge("no_regression", {"against": "base"}, pair)
    assert (result.outcome, result.proven) == (outcome, proven)
    assert (result.value, result.limit) == (difference, -0.05)
    assert judge("no_regression", {"against": "base"}, pair, strict=True).outcome == strict


@pytest.mark.parametrize(
    ("lower", "margin", "outcome", "word"),
    [
        (-0.02, 0.03, "passed", "the student may replace the teacher"),
        (-0.04, 0.03, "failed", "the student may not replace the teacher"),
    ],
)
def test_parity_passes_only_where_a_shortfall_is_excluded(
    lower: float, margin: float, outcome: str, word: str
) -> None:
    pair = replace(PAIR, against="teacher", lower=lower)
    result = judge("parity", {"margin": margin}, pair)
    assert result.outcome == outcome
    assert word in result.reason


def test_collapse_names_the_cases_and_is_skipped_where_it_cannot_be_assessed() -> None:
    result = judge("collapse", {}, replace(PAIR, collapsed=("c-17", "c-18")))
    assert (result.outcome, result.value) == ("failed", 2.0)
    assert "c-17, c-18" in result.reason
    assert judge("collapse", {}, replace(PAIR, collapsed=())).outcome == "passed"
    skipped = judge("collapse", {}, replace(PAIR, collapsed=None))
    assert skipped.outcome == "skipped"
    assert "5 repeats" in skipped.reason


@pytest.mark.parametrize(
    ("name", "options"),
    [("no_regression", {"against": "base"}), ("parity", {}), ("collapse", {"against": "base"})],
)
def test_without_the_other_model_the_gate_fails_and_says_how_to_give_it(
    name: str, options: dict[str, object]
) -> None:
    result = judge(name, options, None)
    assert result.outcome == "failed"
    assert "--ftgate-use-model" in result.reason


def test_an_undecided_comparison_says_how_many_cases_would_do() -> None:
    pair = replace(PAIR, lower=-0.09, upper=0.04, fixed=("a",) * 8, broken=("b",) * 12)
    # 6.18 x 0.2 / 0.05^2 = 494.4 (STATISTICS 6.2: 504 simulated for q = .20)
    assert "about 495 cases" in judge("no_regression", {}, pair).reason

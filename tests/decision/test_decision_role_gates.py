"""Gates `no_regression`, `parity` and `collapse`: what fails, what passes, what is only not proven."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decision_world import build_arm, build_evalset, build_registries, build_summary

from pytest_ftgate.decision.paired_cases import count_needed
from pytest_ftgate.decision.rules import evaluate_gates
from pytest_ftgate.model.comparison import AgainstBaseline, BaselinePair, NotCompared, RolePair
from pytest_ftgate.model.evalset import GateSpec
from pytest_ftgate.model.verdict import GateResult
from pytest_ftgate.statistics.sample_size import plan_pairs

PAIR = RolePair(
    arm="as_is",
    against="base",
    cases=100,
    difference=0.0,
    lower=-0.03,
    upper=0.03,
    agreement=0.9,
    own_accuracy=0.85,
    other_accuracy=0.85,
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


@pytest.mark.parametrize(("lower", "proven", "parity"), [(-0.02, False, "failed"), (0.01, True, "passed")])
def test_two_models_that_fail_alike_are_no_proof_that_nothing_was_lost(
    lower: float, proven: bool, parity: str
) -> None:
    pair = replace(PAIR, difference=lower + 0.02, lower=lower, other_accuracy=0.01)
    result = judge("no_regression", {"against": "base"}, pair)
    assert (result.outcome, result.proven) == ("passed", proven)
    assert ("base passes 1 %, so no drop of 5 points could show" in result.reason) == (not proven)
    assert judge("no_regression", {"against": "base"}, pair, strict=True).outcome == parity
    assert judge("parity", {}, replace(pair, against="teacher")).outcome == parity


def test_no_regression_fails_of_too_few_cases_to_show_one() -> None:
    result = judge("no_regression", {"against": "base"}, replace(PAIR, cases=2, lower=-1.0, upper=1.0))
    assert result.outcome == "failed"
    assert "on 2 cases: fewer than 3 cases, of which no answers could show a drop" in result.reason


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


def hold(name: str, baseline: AgainstBaseline | None, **options: object) -> GateResult:
    """The gate's result where the run has this comparison with a baseline, and no other role."""
    spec = GateSpec(name=name, options=options)
    summary = replace(build_summary(build_arm("as_is", 0.85)), baseline=baseline)
    results = evaluate_gates(
        build_evalset(gates=(spec,)), summary, build_registries().gates, strict=False, evidence=None
    )
    return next(result for result in results if result.name == name)


@pytest.mark.parametrize("name", ["no_regression", "collapse"])
def test_without_another_role_a_gate_is_held_against_the_baseline(name: str) -> None:
    unnamed = hold(name, None)
    assert (unnamed.outcome, unnamed.proven) == ("skipped", None)
    assert "--ftgate-compare NAME" in unnamed.reason
    absent = AgainstBaseline(name="main", found=False, why="there is no baseline main yet")
    assert (hold(name, absent).outcome, hold(name, absent).reason) == ("skipped", absent.why)
    required = hold(name, replace(absent, is_required=True))
    assert required.outcome == "failed"
    assert "--ftgate-require-baseline" in required.reason
    # Another role, where the evalset has it, goes before the baseline unless that is stated.
    assert judge(name, {}, replace(PAIR, collapsed=())).outcome == "passed"
    assert judge(name, {"against": "baseline"}, replace(PAIR, collapsed=())).outcome == "skipped"


@pytest.mark.parametrize("name", ["no_regression", "collapse"])
def test_a_baseline_of_which_nothing_can_be_compared_fails(name: str) -> None:
    left = tuple(NotCompared(case=case, why="params") for case in "ab")
    compared = BaselinePair(arm="as_is", role="candidate", against_arm="as_is", not_comparable=left)
    result = hold(name, AgainstBaseline(name="main", pairs=(compared,)))
    assert result.outcome == "failed"
    assert "2 cases cannot be compared (2 asked with other params)" in result.reason
    assert "pytest-ftgate bless" in result.reason
    empty = hold(name, AgainstBaseline(name="main"))
    assert empty.outcome == "failed"
    assert "no answers of arm as_is, role candidate" in empty.reason


@pytest.mark.parametrize("name", ["no_regression", "collapse"])
def test_a_run_without_an_answer_does_not_blame_the_baseline(name: str) -> None:
    arm = replace(build_arm("as_is", 0.85), accuracy_test=None)
    summary = replace(build_summary(arm), baseline=AgainstBaseline(name="main"))
    evalset = build_evalset(gates=(GateSpec(name=name),))
    gates = evaluate_gates(evalset, summary, build_registries().gates, strict=False, evidence=None)
    result = next(gate for gate in gates if gate.name == name)
    assert result.outcome == "failed"
    assert "no answer of arm as_is, role candidate was judged in this run" in result.reason


def test_baseline_gates_follow_the_same_bounds_and_name_what_was_left_out() -> None:
    left = (NotCompared(case="x", why="new"),)
    compared = BaselinePair(
        arm="as_is", role="candidate", against_arm="as_is", pair=PAIR, not_comparable=left
    )
    found = AgainstBaseline(name="main", pairs=(compared,))
    result = hold("no_regression", found, against="baseline")
    assert (result.outcome, result.proven, result.value) == ("passed", True, 0.0)
    assert "against baseline main" in result.reason
    assert "1 case cannot be compared (1 not in the baseline)" in result.reason
    worse = replace(compared, pair=replace(PAIR, upper=-0.01, difference=-0.05, broken=("c1",)))
    result = hold("no_regression", replace(found, pairs=(worse,)))
    assert result.outcome == "failed"
    assert "proven worse (broken: c1)" in result.reason
    gone = replace(compared, pair=replace(PAIR, collapsed=("c1", "c2"), unassessed=3))
    result = hold("collapse", replace(found, pairs=(gone,)))
    assert (result.outcome, result.value) == ("failed", 2.0)
    assert "2 cases always passed in baseline main, never now (they are: c1, c2)" in result.reason
    assert "3 cases with fewer than 5 trials not assessed" in result.reason


def test_an_undecided_comparison_says_how_many_cases_would_do() -> None:
    pair = replace(PAIR, lower=-0.09, upper=0.04, fixed=("a",) * 8, broken=("b",) * 12)
    # 504 were simulated for q = .20; 6.18 q / margin^2 alone, without the pseudo-cases, gives 495.
    assert "about 505 cases" in judge("no_regression", {}, pair).reason


@pytest.mark.parametrize(
    ("differing", "margin"), [(0.0, 0.05), (0.1, 0.05), (0.2, 0.05), (0.31, 0.1), (1.0, 0.02)]
)
def test_the_cases_needed_are_those_of_the_statistics(differing: float, margin: float) -> None:
    assert count_needed(differing, margin) == plan_pairs(max(differing, 0.05), margin, alpha=0.05)

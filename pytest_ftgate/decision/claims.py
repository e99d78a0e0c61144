"""What is claimed of single arms: that they reach the bar, or that they are below it."""

from __future__ import annotations

from pytest_ftgate.model.evalset import AS_IS
from pytest_ftgate.model.summary import ArmSummary


def is_claim(arm: ArmSummary) -> bool:
    """Whether the arm's reaching the bar may be claimed: with `split: dev` only where dev chose it."""
    return arm.is_chosen is not False


def is_proven_at_bar(arm: ArmSummary, bar: float) -> bool:
    """Whether the arm's accuracy is proven to reach the bar.

    `as_is` is one claim fixed before the run (what ships, what the accuracy gate reads): tested at
    alpha. Any other arm is chosen among several: tested at alpha / M (STATISTICS section 4).
    """
    return is_claim(arm) and is_at_bar(arm, bar)


def is_at_bar(arm: ArmSummary, bar: float) -> bool:
    """Whether the bound that a claim would need reaches the bar, claim or not."""
    test = arm.accuracy_test
    if arm.status != "run" or test is None:
        return False
    return (test.lower if arm.arm == AS_IS else test.lower_m) >= bar


def is_proven_below(arm: ArmSummary, bar: float) -> bool:
    """Whether the arm is proven below the bar at alpha_fine_tune, `call:*` failures counted as passes."""
    tests = (arm.accuracy_test, arm.lenient_test)
    return all(test is not None and test.upper_ft < bar for test in tests)


def value_of(arm: ArmSummary) -> float:
    """The arm's accuracy; -1 where nothing was judged."""
    return arm.accuracy_test.value if arm.accuracy_test is not None else -1.0


def rank_cost(arm: ArmSummary) -> tuple[int, float]:
    """Sort key, cheapest first: by measured cost, where unknown by tokens; unmeasured arms last."""
    if arm.cost_usd_per_1k_cases is not None:
        return (0, arm.cost_usd_per_1k_cases)
    if arm.prompt_tokens is not None and arm.planned:
        return (1, (arm.prompt_tokens + (arm.completion_tokens or 0)) / arm.planned)
    return (2, 0.0)

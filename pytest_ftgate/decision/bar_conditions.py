"""What questions 1 and 2 ask: which arms are proven at the bar, and which below it."""

from __future__ import annotations

from pytest_ftgate.decision.claims import is_proven_at_bar, is_proven_below
from pytest_ftgate.decision.conditions import compare, join, measure_distance
from pytest_ftgate.decision.situation import Situation
from pytest_ftgate.decision.wording import to_ascii
from pytest_ftgate.model.evalset import AS_IS
from pytest_ftgate.model.summary import ArmSummary, BarTest, Paired
from pytest_ftgate.model.verdict import Condition


def ask_as_is(situation: Situation) -> Condition:
    """Whether the prompt as it is reaches the bar."""
    arms = [situation.as_is] if situation.as_is is not None else []
    text = "as_is is proven at the bar" + ("" if arms else " (it was not run)")
    return join("any", "bar_met", text, [_ask_bar(situation, arm) for arm in arms])


def _ask_bar(situation: Situation, arm: ArmSummary) -> Condition:
    """Whether an arm is proven at the bar."""
    is_as_is, test = arm.arm == AS_IS, arm.accuracy_test
    alpha = _choose_alpha(situation, arm)
    value = None if test is None else test.lower if is_as_is else test.lower_m
    return compare(
        f"lower:{arm.arm}",
        f"lower bound of {to_ascii(arm.arm)}",
        value,
        ">=",
        situation.bar,
        holds=is_proven_at_bar(arm, situation.bar),
        distance=None if test is None else measure_distance(test.p_above, alpha),
    )


def _choose_alpha(situation: Situation, arm: ArmSummary) -> float:
    alpha = situation.evalset.decision.alpha
    return alpha if arm.arm == AS_IS else alpha / max(1, situation.summary.multiplicity)


def ask_repair(situation: Situation) -> Condition:
    """Whether parsing the same answers tolerantly is enough."""
    arms = [arm for arm in situation.claimed_arms if arm.kind == "repair" and arm.arm != AS_IS]
    text = "a tolerant parser lifts the same answers to the bar" + (
        "" if arms else " (no arm repair was run)"
    )
    return join("any", "repaired", text, [_ask_bar(situation, arm) for arm in arms])


def ask_call(situation: Situation) -> Condition:
    """Whether only failures of the call keep every arm from the bar."""
    arms = situation.claimed_arms
    proven = [_ask_bar(situation, arm) for arm in arms]
    # Without a failure of the call, an arm's answer is the same as that to the question before.
    broken = [(arm, arm.lenient_test) for arm in arms if arm.lenient_test != arm.accuracy_test]
    alpha = situation.evalset.decision.alpha / max(1, situation.summary.multiplicity)
    lifted = [
        compare(
            f"lenient:{arm.arm}",
            f"lower bound of {to_ascii(arm.arm)} with call failures as passes",
            test.lower_m,
            ">=",
            situation.bar,
            holds=test.lower_m >= situation.bar,
            distance=measure_distance(test.p_above, alpha),
        )
        for arm, test in broken
        if test is not None
    ]
    text = "an arm is, once call failures count as passes" + ("" if broken else " (no call failed)")
    parts = (
        join("none", "unproven", "no arm is proven at the bar", proven),
        join("any", "lifted", text, lifted),
    )
    return join("all", "broken_call", "failures of the call stand between an arm and the bar", parts)


def ask_prompts(situation: Situation) -> Condition:
    """Whether another arm of question 1 reaches the bar."""
    claimed = [arm for arm in situation.claimed_arms if arm.question == 1 and arm.arm != AS_IS]
    arms = [arm for arm in claimed if arm.kind != "repair"]
    asked = [_ask_bar(situation, arm) for arm in arms]
    chosen = " (the one that dev chose)" if situation.summary.split else ""
    text = "another prompt is proven at the bar" + (chosen if arms else " (none was run)")
    return join("any", "better_prompt", text, asked)


def ask_knowledge(situation: Situation) -> Condition:
    """Whether an arm of question 2 reaches the bar, and is better than every prompt arm."""
    arms = [arm for arm in situation.claimed_arms if arm.question == 2]
    text = "with the data in context the bar is reached, and no prompt does as well"
    text += "" if arms else " (no such arm was run)"
    return join("any", "knowing", text, [_ask_knowing_arm(situation, arm) for arm in arms])


def _ask_knowing_arm(situation: Situation, arm: ArmSummary) -> Condition:
    text = f"{to_ascii(arm.arm)} is at the bar, and better than every prompt"
    return join("all", f"knowing:{arm.arm}", text, (_ask_bar(situation, arm), *ask_better(situation, arm)))


def ask_better(situation: Situation, arm: ArmSummary) -> list[Condition]:
    """Whether an arm is shown to be better than each prompt arm."""
    pairs = {p.second: p for p in situation.summary.paired if (p.first, p.role) == (arm.arm, arm.role)}
    prompts = [prompt.arm for prompt in situation.prompt_arms if prompt.accuracy_test is not None]
    return [_ask_lead(situation, arm.arm, prompt, pairs.get(prompt)) for prompt in prompts]


def _ask_lead(situation: Situation, arm: str, prompt: str, pair: Paired | None) -> Condition:
    """Whether an arm is shown to be better than a prompt arm on the same cases."""
    return compare(
        f"better:{arm}>{prompt}",
        f"lower bound of {to_ascii(arm)} minus {to_ascii(prompt)}" + ("" if pair else " (not compared)"),
        None if pair is None else pair.lower,
        ">",
        0.0,
        holds=pair is not None and pair.lower > 0,
        distance=None if pair is None else _measure_lead(pair, situation.evalset.decision.alpha),
    )


def _measure_lead(pair: Paired, alpha: float) -> float | None:
    """Standard errors between the lower bound of a difference and 0; its interval is two-sided at 2 alpha."""
    width = pair.upper - pair.lower
    return abs(pair.lower) * 2 * measure_distance(alpha, 0.5) / width if width > 0 else None


def ask_below(situation: Situation) -> Condition:
    """Whether every arm that was run is proven below the bar."""
    as_is = situation.as_is is not None
    parts = [
        Condition(
            name="ran:as_is",
            text=f"as_is was {'' if as_is else 'not '}run",
            holds=as_is,
            remedy="" if as_is else "run as_is",
        )
    ]
    parts += [_ask_upper(situation, arm) for arm in situation.arms]
    return join("all", "below", "every arm run is proven below the bar", parts)


def _ask_upper(situation: Situation, arm: ArmSummary) -> Condition:
    tests: list[BarTest] = [t for t in (arm.accuracy_test, arm.lenient_test) if t is not None]
    is_lenient = arm.lenient_test != arm.accuracy_test
    p = max((test.p_below for test in tests), default=None)
    return compare(
        f"upper:{arm.arm}",
        f"upper bound of {to_ascii(arm.arm)}{' with call failures as passes' if is_lenient else ''}",
        max((test.upper_ft for test in tests), default=None),
        "<",
        situation.bar,
        holds=is_proven_below(arm, situation.bar),
        distance=None if p is None else measure_distance(p, situation.evalset.decision.alpha_fine_tune),
    )

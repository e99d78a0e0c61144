"""Questions 1 and 2: does the prompt, the call, another prompt, or the data in context reach the bar?"""

from __future__ import annotations

from collections.abc import Iterable

from pytest_ftgate.decision.bar_conditions import ask_better
from pytest_ftgate.decision.claims import rank_cost
from pytest_ftgate.decision.draws import describe_other_draws, name_shots
from pytest_ftgate.decision.knowledge import MIN_CACHED_TOKENS, RETRIEVAL
from pytest_ftgate.decision.missed_limits import read_call_failures
from pytest_ftgate.decision.readiness import EXPLAIN
from pytest_ftgate.decision.search_advice import describe_shortfall
from pytest_ftgate.decision.situation import Situation
from pytest_ftgate.decision.wording import (
    describe_accuracy,
    format_count,
    format_percent,
    format_usd,
    to_ascii,
)
from pytest_ftgate.model.evalset import AS_IS
from pytest_ftgate.model.summary import ArmSummary, BarTest
from pytest_ftgate.model.verdict import Verdict

_SMALL_CHANGES = "if the knowledge changes or must be cited, say so under decision.knowledge: then it is RAG"
_SHIP_ALL = "measure the prompt as it will ship, with all of it: an arm with a `prompt` of its own"
_LARGE_CHANGES = "knowledge of under 10,000 tokens that never changes could stand in the prompt, cached"


def _correct_p(situation: Situation, p_above: float) -> float:
    """Bonferroni over the arms planned; for the arm that the verdict names, not the best of them."""
    return min(1.0, max(1, situation.summary.multiplicity) * p_above)


def _take(arms: Iterable[ArmSummary]) -> tuple[ArmSummary, BarTest]:
    """The first arm, with its test: a verdict is told only where its condition holds, so there is one."""
    return next((arm, arm.accuracy_test) for arm in arms if arm.accuracy_test is not None)


def tell_bar_met(situation: Situation) -> Verdict:
    """`as_is` is proven at the bar."""
    arm, test = _take(arm for arm in situation.arms if arm.arm == AS_IS)
    bar = format_percent(situation.bar)
    cases = format_count(arm.accuracy.cases if arm.accuracy else 0, "case")
    return situation.answer(
        "bar_met",
        f"The prompt as it is reaches the bar of {bar}: {describe_accuracy(arm)} on {cases}.",
        recommended_arm=arm.arm,
        p=test.p_above,
        changes=("an accuracy of as_is that is no longer proven at the bar",),
    )


def tell_repaired(situation: Situation) -> Verdict:
    """Arm `repair`, the same answers under a tolerant parser, is proven at the bar."""
    arm, test = _take(arm for arm in situation.proven_arms if arm.kind == "repair")
    return situation.answer(
        "fix_call",
        f"The same answers reach the bar of {format_percent(situation.bar)} once they are parsed tolerantly: "
        f"{describe_accuracy(arm)}, against {describe_accuracy(situation.as_is)} as parsed now.",
        recommended_arm=arm.arm,
        p=_correct_p(situation, test.p_above),
        changes=("parse the output tolerantly in your application; the prompt and the model can stay",),
        next_command=EXPLAIN,
    )


def tell_broken_call(situation: Situation) -> Verdict:
    """No arm is proven at the bar, but one would be if `call:*` failures were passes.

    That holds for limits on latency and cost too: an answer that only missed one is right, and what mends
    it is the call. They are told apart in words and remedies.
    """
    lifted = [
        (arm, arm.lenient_test)
        for arm in situation.claimed_arms
        if arm.lenient_test is not None and arm.lenient_test.lower_m >= situation.bar
    ]
    arm, test = min(lifted, key=lambda pair: (pair[0].arm != AS_IS, rank_cost(pair[0])))
    failures = read_call_failures(situation, arm)
    return situation.answer(
        "fix_call",
        f"{failures.what} stand between arm {to_ascii(arm.arm)} and the bar of "
        f"{format_percent(situation.bar)}: {describe_accuracy(arm)} now, "
        f"{format_percent(test.value)} if {failures.condition}.",
        recommended_arm=arm.arm,
        p=_correct_p(situation, test.p_above),
        changes=failures.remedies,
        next_command=EXPLAIN,
    )


def tell_better_prompt(situation: Situation) -> Verdict:
    """Another arm of question 1 is proven at the bar; the cheapest such arm is named."""
    arm, test = _take(a for a in situation.proven_arms if a.question == 1 and a.arm != AS_IS)
    name = to_ascii(arm.arm)
    chosen, where = (", chosen on dev,", " on holdout") if arm.is_chosen else ("", "")
    return situation.answer(
        "improve_prompt",
        f"Prompting is enough: arm {name}{chosen} reaches the bar of {format_percent(situation.bar)}{where} "
        f"with {describe_accuracy(arm)}, where as_is has {describe_accuracy(situation.as_is)}."
        f"{describe_other_draws(arm, situation.arms, situation.bar)}",
        recommended_arm=arm.arm,
        p=_correct_p(situation, test.p_above),
        changes=(f"make {name} the prompt of the evalset{name_shots(arm)}",),
        next_command=EXPLAIN,
    )


def tell_missing_knowledge(situation: Situation) -> Verdict:
    """An arm of question 2 is proven at the bar, and better than every prompt arm (paired by case).

    Where knowledge is to be retrieved, an arm that did so goes before the oracle.
    """
    is_small = situation.is_static_and_small
    proven = [
        arm
        for arm in situation.proven_arms
        if arm.question == 2 and all(leaf.holds for leaf in ask_better(situation, arm))
    ]
    arm, test = _take(proven if is_small else sorted(proven, key=lambda arm: arm.kind != RETRIEVAL))
    how = (
        f"it is small and static ({_describe_size(situation)}), so put it in the prompt and cache it"
        f"{_describe_price(situation)}"
        if is_small
        else f"{_describe_knowledge(situation)}, so retrieve it (RAG)"
    )
    name, chosen = to_ascii(arm.arm), ", chosen on dev" if arm.is_chosen else ""
    p = max(_correct_p(situation, test.p_above), situation.evalset.decision.alpha)
    return situation.answer(
        "add_context" if is_small else "use_rag",
        f"The model lacks the knowledge: with it in the context (arm {name}{chosen}) "
        f"{describe_accuracy(arm)} reaches the bar of {format_percent(situation.bar)}, and no prompt does as "
        f"well; {how}."
        f"{'' if is_small else describe_shortfall(situation, arm)}",
        recommended_arm=arm.arm,
        p=p,
        changes=(_SMALL_CHANGES, _SHIP_ALL) if is_small else (_LARGE_CHANGES,),
        next_command=EXPLAIN,
    )


def _describe_size(situation: Situation) -> str:
    tokens = situation.summary.knowledge_tokens
    return "size unknown" if tokens is None else format_count(tokens, "token")


def _describe_price(situation: Situation) -> str:
    """' ($1.26 more per 1,000 calls, $0.13 read from the cache)', as far as that is known."""
    size = situation.summary.knowledge
    price = size.usd_per_1k_calls if size is not None else None
    if size is None or price is None:
        return ""
    cached = size.cached_usd_per_1k_calls
    if size.tokens < MIN_CACHED_TOKENS:
        rest = f"; most vendors cache prompts from {MIN_CACHED_TOKENS:,} tokens on"
    else:
        rest = "" if cached is None else f", {format_usd(cached)} read from the cache"
    return f" ({format_usd(price)} more per 1,000 calls{rest})"


def _describe_knowledge(situation: Situation) -> str:
    knowledge = situation.evalset.decision.knowledge
    if knowledge.citations:
        return "citations are wanted"
    if knowledge.changes is not None and not situation.is_static_and_small:
        return f"the knowledge ({_describe_size(situation)}) changes: {to_ascii(knowledge.changes)}"
    if situation.summary.knowledge_tokens is None:
        return "its size is unknown"
    return f"it is large ({_describe_size(situation)})"

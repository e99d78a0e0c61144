"""Questions 1 and 2: does the prompt, the call, another prompt, or the data in context reach the bar?"""

from __future__ import annotations

from pytest_ftgate.decision.missed_limits import read_call_failures
from pytest_ftgate.decision.readiness import EXPLAIN
from pytest_ftgate.decision.situation import Situation, is_proven_at_bar, rank_cost
from pytest_ftgate.decision.wording import format_count, format_interval, format_percent, to_ascii
from pytest_ftgate.model.evalset import AS_IS
from pytest_ftgate.model.summary import ArmSummary
from pytest_ftgate.model.verdict import Verdict

_SMALL_CHANGES = "if the knowledge changes or must be cited, say so under decision.knowledge: then it is RAG"
_LARGE_CHANGES = "knowledge of under 10,000 tokens that never changes could stand in the prompt, cached"


def describe_accuracy(arm: ArmSummary | None) -> str:
    """'61.2 % (53.9 .. 68.1)', or what stands in for it."""
    return format_interval(arm.accuracy) if arm is not None and arm.accuracy is not None else "nothing judged"


def _correct_p(situation: Situation, p_above: float) -> float:
    """Bonferroni over the arms planned; for the arm that the verdict names, not the best of them."""
    return min(1.0, max(1, situation.summary.multiplicity) * p_above)


def _margin_text(name: str, lower: float, bar: float) -> str:
    return f"lower bound of {name}: {format_percent(lower)} against the bar of {format_percent(bar)}"


def find_bar_met(situation: Situation) -> Verdict | None:
    """`as_is` is proven at the bar."""
    arm, bar = situation.as_is, situation.bar
    if arm is None or arm.accuracy_test is None or not is_proven_at_bar(arm, bar):
        return None
    cases = format_count(arm.accuracy.cases if arm.accuracy else 0, "case")
    return situation.answer(
        "bar_met",
        f"The prompt as it is reaches the bar of {format_percent(bar)}: {describe_accuracy(arm)} on {cases}.",
        recommended_arm=arm.arm,
        p=arm.accuracy_test.p_above,
        closest_condition=_margin_text(arm.arm, arm.accuracy_test.lower, bar),
        changes=("an accuracy of as_is that is no longer proven at the bar",),
    )


def find_repaired(situation: Situation) -> Verdict | None:
    """Arm `repair`, the same answers under a tolerant parser, is proven at the bar."""
    arm = next((a for a in situation.proven_arms if a.kind == "repair"), None)
    if arm is None or arm.accuracy_test is None:
        return None
    return situation.answer(
        "fix_call",
        f"The same answers reach the bar of {format_percent(situation.bar)} once they are parsed tolerantly: "
        f"{describe_accuracy(arm)}, against {describe_accuracy(situation.as_is)} as parsed now.",
        recommended_arm=arm.arm,
        p=_correct_p(situation, arm.accuracy_test.p_above),
        closest_condition=_margin_text(arm.arm, arm.accuracy_test.lower_m, situation.bar),
        changes=("parse the output tolerantly in your application; the prompt and the model can stay",),
        next_command=EXPLAIN,
    )


def find_broken_call(situation: Situation) -> Verdict | None:
    """No arm is proven at the bar, but one would be if `call:*` failures were passes.

    That holds for limits on latency and cost too: an answer that only missed one is right, and what mends
    it is the call. They are told apart in words and remedies.
    """
    if situation.proven_arms:
        return None
    lifted = [
        a for a in situation.arms if a.lenient_test is not None and a.lenient_test.lower_m >= situation.bar
    ]
    arm = min(lifted, key=lambda a: (a.arm != AS_IS, rank_cost(a)), default=None)
    if arm is None or arm.lenient_test is None:
        return None
    failures = read_call_failures(situation, arm)
    return situation.answer(
        "fix_call",
        f"{failures.what} stand between arm {to_ascii(arm.arm)} and the bar of "
        f"{format_percent(situation.bar)}: {describe_accuracy(arm)} now, "
        f"{format_percent(arm.lenient_test.value)} if {failures.condition}.",
        recommended_arm=arm.arm,
        p=_correct_p(situation, arm.lenient_test.p_above),
        closest_condition=_margin_text(
            f"{arm.arm}, if {failures.condition}", arm.lenient_test.lower_m, situation.bar
        ),
        changes=failures.remedies,
        next_command=EXPLAIN,
    )


def find_better_prompt(situation: Situation) -> Verdict | None:
    """Another arm of question 1 is proven at the bar; the cheapest such arm is named."""
    arm = next((a for a in situation.proven_arms if a.question == 1 and a.arm != AS_IS), None)
    if arm is None or arm.accuracy_test is None:
        return None
    name = to_ascii(arm.arm)
    return situation.answer(
        "improve_prompt",
        f"Prompting is enough: arm {name} reaches the bar of {format_percent(situation.bar)} with "
        f"{describe_accuracy(arm)}, where as_is has {describe_accuracy(situation.as_is)}.",
        recommended_arm=arm.arm,
        p=_correct_p(situation, arm.accuracy_test.p_above),
        closest_condition=_margin_text(name, arm.accuracy_test.lower_m, situation.bar),
        changes=(f"make {name} the prompt of the evalset",),
        next_command=EXPLAIN,
    )


def find_missing_knowledge(situation: Situation) -> Verdict | None:
    """An arm of question 2 is proven at the bar, and better than every prompt arm (paired by case)."""
    arm = next((a for a in situation.proven_arms if a.question == 2 and _beats_prompts(situation, a)), None)
    if arm is None or arm.accuracy_test is None:
        return None
    is_small = situation.is_static_and_small
    how = (
        f"it is small and static ({_describe_size(situation)}), so put it in the prompt and cache it"
        if is_small
        else f"{_describe_knowledge(situation)}, so retrieve it (RAG)"
    )
    name = to_ascii(arm.arm)
    p = max(_correct_p(situation, arm.accuracy_test.p_above), situation.evalset.decision.alpha)
    return situation.answer(
        "add_context" if is_small else "use_rag",
        f"The model lacks the knowledge: with it in the context (arm {name}) {describe_accuracy(arm)} "
        f"reaches the bar of {format_percent(situation.bar)}, and no prompt does as well; {how}.",
        recommended_arm=arm.arm,
        p=p,
        closest_condition=_margin_text(name, arm.accuracy_test.lower_m, situation.bar),
        changes=(_SMALL_CHANGES if is_small else _LARGE_CHANGES,),
        next_command=EXPLAIN,
    )


def _beats_prompts(situation: Situation, arm: ArmSummary) -> bool:
    lowers = {
        pair.second: pair.lower
        for pair in situation.summary.paired
        if pair.first == arm.arm and pair.role == arm.role
    }
    prompts = [a for a in situation.prompt_arms if a.accuracy_test is not None]
    return all(lowers.get(prompt.arm, -1.0) > 0 for prompt in prompts)


def _describe_size(situation: Situation) -> str:
    tokens = situation.summary.knowledge_tokens
    return "size unknown" if tokens is None else format_count(tokens, "token")


def _describe_knowledge(situation: Situation) -> str:
    knowledge = situation.evalset.decision.knowledge
    if knowledge.citations:
        return "citations are wanted"
    if knowledge.changes is not None and not situation.is_static_and_small:
        return f"the knowledge ({_describe_size(situation)}) changes: {to_ascii(knowledge.changes)}"
    if situation.summary.knowledge_tokens is None:
        return "its size is unknown"
    return f"it is large ({_describe_size(situation)})"

"""The conditions of DESIGN section 8, top to bottom, as trees over the numbers of a situation."""

from __future__ import annotations

from pytest_ftgate.decision.bar_conditions import (
    ask_as_is,
    ask_below,
    ask_call,
    ask_knowledge,
    ask_prompts,
    ask_repair,
)
from pytest_ftgate.decision.completeness import describe_gaps, describe_selection
from pytest_ftgate.decision.conditions import compare, join
from pytest_ftgate.decision.knowledge import SMALL_KNOWLEDGE_TOKENS
from pytest_ftgate.decision.pattern_conditions import (
    ask_control,
    ask_no_pattern,
    ask_patterns,
    ask_ran,
    ask_share,
)
from pytest_ftgate.decision.situation import Situation
from pytest_ftgate.decision.wording import to_ascii
from pytest_ftgate.model.verdict import Condition, Step


def build_steps(situation: Situation) -> tuple[Step, ...]:
    """All steps in their order; the verdict is that of the first whose condition holds."""
    knowing, small = ask_knowledge(situation), _ask_size(situation)
    below, patterns, share = ask_below(situation), ask_patterns(situation), ask_share(situation)
    ran, control = ask_ran(situation), ask_control(situation)
    spread = join("none", "little_explained", "they explain too little", (share,))
    return (
        Step(decision="not_asked", condition=_ask_selection(situation)),
        Step(decision="incomplete", condition=_ask_gaps(situation)),
        Step(decision="not_ready", condition=_ask_faults(situation)),
        Step(decision="bar_met", condition=ask_as_is(situation)),
        Step(decision="fix_call", condition=ask_repair(situation)),
        Step(decision="fix_call", condition=ask_call(situation)),
        Step(decision="improve_prompt", condition=ask_prompts(situation)),
        Step(
            decision="add_context",
            condition=join(
                "all", "add_context", "the data in context is enough, and it is small", (knowing, small)
            ),
        ),
        Step(decision="use_rag", condition=knowing),
        Step(decision="not_ready", condition=_ask_cases(situation)),
        Step(
            decision="fine_tune_justified",
            condition=join(
                "all",
                "fine_tune_justified",
                "every arm is below the bar, and patterns explain why",
                (ran, below, patterns, share, *control),
            ),
        ),
        Step(
            decision="partial_pattern",
            condition=join(
                "all", "partial_pattern", "patterns explain some of it", (below, patterns, spread, *control)
            ),
        ),
        Step(decision="no_pattern", condition=ask_no_pattern(situation, below)),
    )


def _ask_selection(situation: Situation) -> Condition:
    is_off, summary = not situation.evalset.decision.enabled, situation.summary
    off = Condition(
        name="off",
        text=f"the decision is {'off' if is_off else 'on'}",
        holds=is_off,
        remedy="take `decision: off` out" if is_off else "",
    )
    partial = Condition(
        name="partial",
        text=describe_selection(summary) if summary.partial else "all items are selected",
        holds=summary.partial,
        remedy="run all items" if summary.partial else "",
    )
    return join("any", "not_asked", "no question is asked", (off, partial))


def _ask_gaps(situation: Situation) -> Condition:
    summary = situation.summary
    remedy = "evaluate every planned trial" if summary.total else ""
    gaps = [
        Condition(name=f"gap:{place}", text=text, holds=True, remedy=remedy)
        for place, text in enumerate(describe_gaps(summary), 1)
    ]
    return join("any", "incomplete", "something that was planned is not evaluated", gaps)


def _ask_faults(situation: Situation) -> Condition:
    faults = [
        Condition(
            name=f"fault:{place}",
            text=to_ascii(finding.what).rstrip("."),
            holds=True,
            remedy=to_ascii(finding.remedy) or "mend it",
        )
        for place, finding in enumerate(f for f in situation.summary.findings if f.blocks)
    ]
    return join("any", "faulty", "a fault of the evalset voids its accuracy", faults)


def _ask_size(situation: Situation) -> Condition:
    knowledge, tokens = situation.evalset.decision.knowledge, situation.summary.knowledge_tokens
    size = compare(
        "tokens",
        "tokens of knowledge" if tokens is not None else "the knowledge is of unknown size",
        tokens,
        "<",
        SMALL_KNOWLEDGE_TOKENS,
        holds=tokens is not None and tokens < SMALL_KNOWLEDGE_TOKENS,
        unit="count",
    )
    is_static = situation.is_static
    static = Condition(
        name="static",
        text="the knowledge is static" if is_static else "the knowledge changes",
        holds=is_static,
        remedy="say under decision.knowledge "
        + ("that it changes" if is_static else "that it never changes"),
    )
    uncited = Condition(
        name="uncited",
        text="citations are wanted" if knowledge.citations else "no citations are wanted",
        holds=not knowledge.citations,
        remedy="say under decision.knowledge whether citations are wanted",
    )
    return join("all", "small", "the knowledge fits a cached prompt", (size, static, uncited))


def _ask_cases(situation: Situation) -> Condition:
    judged, wanted = situation.judged_cases, situation.evalset.decision.min_cases
    enough = compare(
        "cases",
        "judged cases with expected outputs",
        judged,
        ">=",
        wanted,
        holds=judged >= wanted,
        unit="count",
        remedy="" if judged >= wanted else f"add {wanted - judged:,}",
    )
    return join("none", "too_few", "there are too few cases for a diagnosis", (enough,))

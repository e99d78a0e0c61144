"""Random situations with bounds as the statistics make them, and every condition turned in its numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from decision_world import (
    BAR,
    build_arm,
    build_evalset,
    build_pattern,
    build_rate,
    build_summary,
    decide_with,
    idle_arm,
)
from hypothesis import strategies as st

from pytest_ftgate.model.evalset import Evalset, Knowledge
from pytest_ftgate.model.finding import Finding
from pytest_ftgate.model.summary import ArmSummary, BarTest, Paired, Pattern, PatternSet, Summary
from pytest_ftgate.statistics.beta import student_quantile
from pytest_ftgate.statistics.intervals import Estimate
from pytest_ftgate.statistics.rates import hold_against_bar

ALPHA, ALPHA_FT = 0.05, 0.04
NAMES = ("few_shot", "structured", "rewritten", "repair", "context")
KINDS = {"rewritten": "prompt"}

World = tuple[Evalset, Summary]


def hold(value: float, effective: float, arms: int) -> BarTest:
    return hold_against_bar(
        Estimate(value, effective), BAR, alpha=ALPHA, alpha_m=ALPHA / arms, alpha_ft=ALPHA_FT
    )


@st.composite
def make_arm(draw: Any, name: str, arms: int, effective: float) -> ArmSummary:
    status = "run" if name == "as_is" else draw(st.sampled_from(["run", "run", "run", "not_run"]))
    if status != "run":
        return idle_arm(name, status)
    value = draw(st.integers(0, 600)) / 600
    lenient = min(1.0, value + draw(st.sampled_from([0.0, 0.0, 0.2])))
    enforced = draw(st.sampled_from(["enforced", "unverified"])) if name == "structured" else None
    return build_arm(
        name,
        value,
        kind=KINDS.get(name, name),
        accuracy=build_rate(value),
        accuracy_test=hold(value, effective, arms),
        lenient_test=hold(lenient, effective, arms),
        schema_enforced=enforced,
        cost_usd_per_1k_cases=draw(st.sampled_from([None, 0.2, 0.9])),
    )


@st.composite
def make_pattern(draw: Any, signature: str, repeats: int) -> Pattern:
    p = draw(st.floats(1e-6, 1))
    reproducible = draw(st.sampled_from([True, False, None])) if p <= ALPHA_FT else False
    if signature.startswith("call"):
        reproducible = False
    elif repeats == 1:
        reproducible = None
    return build_pattern(signature, reproducible=reproducible, p_holm=p, share=draw(st.floats(0.05, 0.5)))


def join_patterns(patterns: tuple[Pattern, ...]) -> PatternSet:
    confirmed = [pattern for pattern in patterns if pattern.reproducible]
    share = min(1.0, sum(pattern.share or 0 for pattern in confirmed)) if confirmed else None
    low, high = (None, None) if share is None else (max(0, share - 0.1), min(1, share + 0.1))
    return PatternSet(
        patterns=patterns, confirmed_share=share, confirmed_share_low=low, confirmed_share_high=high
    )


def compare(arms: tuple[ArmSummary, ...]) -> tuple[Paired, ...]:
    error = 0.04
    margin = student_quantile(119, 1 - ALPHA) * error
    return tuple(
        Paired(first=a.arm, second=b.arm, role="candidate", cases=120, difference=d, lower=d - margin,
               upper=d + margin)
        for a in arms for b in arms
        if a.question == 2 and b.question == 1 and a.accuracy_test and b.accuracy_test
        for d in [a.accuracy_test.value - b.accuracy_test.value]
    )  # fmt: skip


@st.composite
def make_worlds(draw: Any) -> World:
    names = ["as_is", *(name for name in NAMES if draw(st.booleans()))]
    effective = draw(st.sampled_from([60.0, 150.0, 400.0]))
    arms = tuple(draw(make_arm(name, len(names), effective)) for name in names)
    repeats = draw(st.sampled_from([5, 5, 5, 1]))
    signatures = ("label:confusion:a→b", "format:fenced", "value:text", "call:truncated")
    patterns = tuple(draw(make_pattern(name, repeats)) for name in signatures if draw(st.booleans()))
    knowledge = draw(
        st.sampled_from(
            [
                Knowledge(),
                Knowledge(stated=True, none=True),
                Knowledge(stated=True, changes="weekly"),
                Knowledge(stated=True, changes="never", citations=True),
            ]
        )
    )
    waive = draw(st.sampled_from([{}, {"context": "no data"}, {"few_shot": "done by hand"}]))
    is_on = draw(st.sampled_from([True] * 9 + [False]))
    evalset = build_evalset(
        decision=decide_with(knowledge=knowledge, waive=waive, enabled=is_on), cases=build_evalset().cases[:2]
    )
    rare = st.sampled_from([0] * 9 + [3])
    faults = tuple(
        Finding(rule="empty-passes", severity="error", what=f"fault {place}", blocks=True, remedy="mend it")
        for place in range(draw(rare))
    )
    return evalset, build_summary(
        *arms,
        patterns=join_patterns(patterns),
        paired=compare(tuple(arm for arm in arms if arm.status == "run")),
        findings=faults,
        missing=draw(rare),
        stale=draw(rare),
        partial=bool(draw(rare)),
        judged_cases=draw(st.sampled_from([120, 120, 120, 49])),
        repeats=repeats,
        knowledge_tokens=draw(st.sampled_from([None, 500, 50_000])),
    )


def turn(world: World, name: str, *, holds: bool) -> World:
    """The world in which the leaf of that name, which `holds` now, is the other way round."""
    evalset, summary = world
    kind, _, rest = name.partition(":")
    if kind in ("lower", "lenient", "upper"):
        return evalset, replace(
            summary,
            arms=tuple(_turn_arm(arm, kind, holds) if arm.arm == rest else arm for arm in summary.arms),
        )
    if kind == "better":
        first, _, second = rest.partition(">")
        lower = 0.0 if holds else 1e-9
        pairs = (
            replace(pair, lower=lower) if (pair.first, pair.second) == (first, second) else pair
            for pair in summary.paired
        )
        return evalset, replace(summary, paired=tuple(pairs))
    if kind == "pattern":
        patterns = (
            replace(p, reproducible=not holds) if p.signature == rest else p
            for p in summary.patterns.patterns
        )
        return evalset, replace(summary, patterns=join_patterns(tuple(patterns)))
    return _TURNS[kind](evalset, summary, rest, holds)


def _turn_arm(arm: ArmSummary, kind: str, holds: bool) -> ArmSummary:
    bound = BAR - 1e-9 if holds else BAR
    strict, lenient = arm.accuracy_test, arm.lenient_test
    assert strict
    assert lenient
    if kind == "lower":
        lower, lower_m = (bound, min(strict.lower_m, bound)) if arm.arm == "as_is" else (strict.lower, bound)
        turned = replace(strict, lower=lower, lower_m=lower_m)
        # Where no call failed, the two tests are one.
        return replace(arm, accuracy_test=turned, lenient_test=turned if strict == lenient else lenient)
    if kind == "lenient":
        return replace(arm, lenient_test=replace(lenient, lower_m=bound))
    upper = BAR if holds else BAR - 1e-9
    return replace(
        arm,
        accuracy_test=replace(strict, upper_ft=min(strict.upper_ft, upper)),
        lenient_test=replace(lenient, upper_ft=upper),
    )


def _run_arm(evalset: Evalset, summary: Summary, name: str, holds: bool) -> World:
    """The arm run and far below the bar; waived where it is the only way (`context` for too few cases)."""
    below = build_arm(name, 0.2, kind=KINDS.get(name, name))
    others = tuple(arm for arm in summary.arms if arm.arm != name)
    return evalset, replace(summary, arms=(*others, below))


def _set_share(evalset: Evalset, summary: Summary, name: str, holds: bool) -> World:
    share = 0.4999 if holds else 0.5
    confirmed = summary.patterns.confirmed
    kept = tuple(
        replace(p, share=min(p.share or 0, share)) if p in confirmed else p for p in summary.patterns.patterns
    )
    return evalset, replace(summary, patterns=replace(summary.patterns, patterns=kept, confirmed_share=share))


def _repeat(evalset: Evalset, summary: Summary, name: str, holds: bool) -> World:
    patterns = tuple(replace(p, reproducible=bool(p.reproducible)) for p in summary.patterns.patterns)
    return evalset, replace(summary, repeats=5, patterns=join_patterns(patterns))


def _know(**changes: Any) -> Any:
    def turned(evalset: Evalset, summary: Summary, name: str, holds: bool) -> World:
        told = {key: value[holds] for key, value in changes.items()}
        knowledge = replace(evalset.decision.knowledge, **told)
        return replace(evalset, decision=replace(evalset.decision, knowledge=knowledge)), summary

    return turned


_TURNS: dict[str, Any] = {
    "off": lambda e, s, n, h: (replace(e, decision=replace(e.decision, enabled=h)), s),
    "partial": lambda e, s, n, h: (e, replace(s, partial=not h)),
    "gap": lambda e, s, n, h: (e, replace(s, missing=0, stale=0, not_recorded=0, stop=None)),
    "fault": lambda e, s, n, h: (e, replace(s, findings=())),
    "cases": lambda e, s, n, h: (e, replace(s, judged_cases=49 if h else 50)),
    "ran": _run_arm,
    "share": _set_share,
    "assessed": _repeat,
    "repeats": _repeat,
    "static": _know(changes=("never", "weekly")),
    "uncited": _know(citations=(False, True)),
}

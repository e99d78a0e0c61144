"""Scripted evalsets and summaries: small worlds in which each verdict is the right one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pytest_ftgate.decision.builtin import register
from pytest_ftgate.model.evalset import (
    ArmSpec,
    Case,
    DecisionSpec,
    Evalset,
    GateSpec,
    GraderSpec,
    Knowledge,
    ModelSpec,
)
from pytest_ftgate.model.finding import Finding
from pytest_ftgate.model.retrieval import GoldRanks, Retrieval, RetrievalSummary
from pytest_ftgate.model.spending import CallSpending, LateShare, Moments
from pytest_ftgate.model.summary import (
    ArmPattern,
    ArmSummary,
    BarTest,
    Example,
    Paired,
    Pattern,
    PatternSet,
    Rate,
    Summary,
)
from pytest_ftgate.registry import Registries
from pytest_ftgate.statistics.beta import student_quantile

BAR = 0.8
QUESTION_2 = ("context", "retrieval")
COVARIANCES = (
    "usd_usd",
    "usd_prompt",
    "usd_completion",
    "prompt_prompt",
    "prompt_completion",
    "completion_completion",
)


def build_registries() -> Registries:
    registries = Registries()
    register(registries.gates)
    return registries


def build_evalset(**changes: Any) -> Evalset:
    base = Evalset(
        path="evals/tickets.evalset.yaml",
        name="tickets",
        models={"candidate": ModelSpec(model="openai/gpt-4o-mini")},
        graders=(GraderSpec(name="label"),),
        arms=(ArmSpec(name="as_is", kind="as_is"),),
        gates=(GateSpec(name="accuracy", options={"min": BAR}),),
        cases=tuple(
            Case(id=f"tk-{i:03}", input="hi", expected="refund", has_expected=True, context="c")
            for i in range(120)
        ),
    )
    return replace(base, **changes)


def decide_with(**changes: Any) -> DecisionSpec:
    return replace(DecisionSpec(), **changes)


def build_rate(
    value: float | None,
    half: float = 0.06,
    *,
    lower: float | None = None,
    upper: float | None = None,
    **changes: Any,
) -> Rate:
    if value is None:
        return Rate(value=None, low=None, high=None, lower=None, upper=None, hits=0, graded=0, cases=0)
    base = Rate(
        value=value,
        low=max(0.0, value - half),
        high=min(1.0, value + half),
        lower=max(0.0, value - half * 0.85) if lower is None else lower,
        upper=min(1.0, value + half * 0.85) if upper is None else upper,
        hits=round(600 * value),
        graded=600,
        cases=120,
        errors=0,
        planned=600,
    )
    return replace(base, **changes)


def build_test(value: float, half: float = 0.06) -> BarTest:
    low, high = value - half, value + half
    return BarTest(
        value=value,
        lower=max(0.0, low),
        lower_m=max(0.0, low - 0.02),
        upper=min(1.0, high),
        upper_ft=min(1.0, high + 0.003),
        p_above=0.001 if low - 0.02 >= BAR else 0.03 if low >= BAR else 0.4,
        p_below=0.002 if high + 0.003 < BAR else 0.5,
    )


def build_arm(
    name: str, value: float | None, *, lenient: float | None = None, half: float = 0.06, **changes: Any
) -> ArmSummary:
    kind = changes.pop("kind", name)
    base = ArmSummary(
        arm=name,
        role="candidate",
        kind=kind,
        question=2 if kind in QUESTION_2 else 1,
        status="run",
        accuracy=build_rate(value, half),
        format_failures=build_rate(0.03, 0.02),
        call_failures=build_rate(0.0),
        pass_hat_k=build_rate(value, half),
        accuracy_test=None if value is None else build_test(value, half),
        lenient_test=None if value is None else build_test(value if lenient is None else lenient, half),
        planned=600,
        unanswered=0,
        identical_repeats=False,
        cost_usd=0.25,
        cost_usd_per_1k_cases=0.41,
        prompt_tokens=60_000,
        completion_tokens=6_000,
        latency_p50_s=0.8,
        latency_p95_s=1.2,
        schema_enforced="enforced" if kind == "structured" else None,
        repeats=5,
        icc=0.5,
    )
    arm = replace(base, **changes)
    return arm if "spending" in changes else replace(arm, spending=build_spending(arm))


def build_spending(arm: ArmSummary, *, error: float = 0.02, cases: int = 120) -> CallSpending:
    """What 600 answers of `arm` came to a call; `error` relative; tokens of `as_is` are 100 and 10."""
    usd = None if arm.cost_usd_per_1k_cases is None else arm.cost_usd_per_1k_cases / 1000
    is_metered = arm.prompt_tokens is not None
    t = student_quantile(cases - 1, 0.975) if cases > 1 else None
    beside = None
    if usd is not None and is_metered:
        a, b, c = error * usd, error * 100, error * 10
        products = (a * a, 0.5 * a * b, 0.4 * a * c, b * b, 0.3 * b * c, c * c)
        beside = Moments(
            cases=cases,
            clusters=cases,
            t=t,
            usd=usd,
            prompt_tokens=100,
            completion_tokens=10,
            **dict(zip(COVARIANCES, products if cases > 1 else [None] * 6, strict=True)),
        )
    return CallSpending(
        cases=cases,
        clusters=cases,
        t=None if usd is None else t,
        usd=usd,
        usd_error=None if usd is None or cases < 2 else error * usd,
        prompt_tokens=arm.prompt_tokens / 600 if is_metered else None,
        completion_tokens=arm.completion_tokens / 600 if is_metered else None,
        beside_as_is=beside,
        late=(late_share(0.5, 0.9), late_share(2.0, 0.0)),
    )


def late_share(limit_s: float, share: float) -> LateShare:
    return LateShare(limit_s=limit_s, share=build_rate(share))


def idle_arm(name: str, status: str, reason: str = "") -> ArmSummary:
    return ArmSummary(
        arm=name,
        role="candidate",
        kind=name,
        question=2 if name in QUESTION_2 else 1,
        status=status,
        reason=reason,  # type: ignore[arg-type]
    )


def build_pattern(
    signature: str = "label:confusion:refund→charge",
    *,
    share: float = 0.71,
    reproducible: bool | None = True,
    arms: tuple[str, ...] = ("as_is", "few_shot", "structured", "context"),
    rate: float = 0.24,
    **changes: Any,
) -> Pattern:
    base = Pattern(
        signature=signature,
        kind=signature.split(":", 1)[0],
        level="leaf",
        trials=140,
        cases=41,
        arms=tuple(
            ArmPattern(
                arm=arm, role="candidate", rate=build_rate(rate), p_floor=0.001, trials=140, cases=41,
                recurring_cases=30, recurrence=0.7,
            )
            for arm in arms
        ),
        rate=build_rate(rate),
        recurrence=0.7,
        form="case-bound",
        share=share,
        share_low=share - 0.1,
        share_high=min(1.0, share + 0.1),
        p_holm=0.01,
        reproducible=reproducible,
        specific=share >= 0.5 if reproducible else None,
        examples=(
            Example(case="tk-017", arm="as_is", role="candidate", repeat=1, output="charge",
                    expected="refund", input="I was billed after I had cancelled the subscription in May"),
        ),
    )  # fmt: skip
    return replace(base, **changes)


def pattern_set(*patterns: Pattern, share: float | None = None) -> PatternSet:
    confirmed = [p for p in patterns if p.reproducible]
    total = sum(p.share or 0 for p in confirmed) if share is None else share
    return PatternSet(
        patterns=patterns, confirmed_share=total if confirmed else None, best_arm="context", p_best=0.002
    )


def build_summary(*arms: ArmSummary, patterns: PatternSet = PatternSet(), **changes: Any) -> Summary:  # noqa: B008
    base = Summary(
        evalset="tickets",
        path="evals/tickets.evalset.yaml",
        bar=BAR,
        repeats=5,
        multiplicity=max(1, len(arms)),
        arms=arms,
        patterns=patterns,
        selected=120 * len(arms),
        total=120 * len(arms),
        judged_cases=120,
        total_cases=120,
        resolved_models={"candidate": ("openai/gpt-4o-mini",)},
        settings_hash="ab" * 32,
        requests_sent=2950,
        cost_usd=0.83,
    )
    return replace(base, **changes)


def all_arms(as_is: float, few_shot: float, structured: float, context: float) -> tuple[ArmSummary, ...]:
    return (
        build_arm("as_is", as_is, format_failures=build_rate(0.225)),
        build_arm("few_shot", few_shot, cost_usd_per_1k_cases=0.97),
        build_arm("structured", structured, format_failures=build_rate(0.0, 0.005)),
        build_arm("context", context, cost_usd_per_1k_cases=1.8, prompt_tokens=300_000),
    )


LOW = all_arms(0.612, 0.68, 0.663, 0.691)


def beats(first: str, *seconds: str, lower: float = 0.05) -> tuple[Paired, ...]:
    return tuple(
        Paired(first=first, second=second, role="candidate", cases=120, difference=lower + 0.1, lower=lower,
               upper=lower + 0.2, fixed=("tk-001",), broken=())
        for second in seconds
    )  # fmt: skip


def justified() -> Summary:
    return build_summary(*LOW, patterns=pattern_set(build_pattern()))


def worlds() -> Mapping[str, tuple[Evalset, Summary]]:
    """A world for each verdict; two for those with two ways to get there."""
    evalset = build_evalset()
    blocking = Finding(
        rule="shot-is-case",
        severity="error",
        what="2 few-shot examples are also cases",
        cases=("tk-001", "tk-002"),
        remedy="take them out of the examples",
        blocks=True,
    )
    in_context = (*all_arms(0.5, 0.55, 0.52, 0.92),)
    beaten = beats("context", "as_is", "few_shot", "structured")
    static = build_evalset(decision=decide_with(knowledge=_knowledge("never")))
    weekly = build_evalset(decision=decide_with(knowledge=_knowledge("weekly")))
    return {
        "not_asked": (build_evalset(decision=decide_with(enabled=False)), justified()),
        "not_asked partial": (evalset, replace(justified(), partial=True, selected=3, total=120)),
        "incomplete": (evalset, replace(justified(), missing=12)),
        "not_ready": (evalset, replace(justified(), findings=(blocking,))),
        "not_ready few": (evalset, replace(justified(), judged_cases=49)),
        "bar_met": (evalset, build_summary(*all_arms(0.9, 0.9, 0.9, 0.9))),
        "fix_call repair": (evalset, build_summary(*LOW, build_arm("repair", 0.93))),
        "fix_call": (evalset, build_summary(build_arm("as_is", 0.6, lenient=0.93), *LOW[1:])),
        "improve_prompt": (evalset, build_summary(*all_arms(0.6, 0.93, 0.7, 0.7))),
        "add_context": (static, build_summary(*in_context, paired=beaten, knowledge_tokens=2_000)),
        "use_rag": (weekly, build_summary(*in_context, paired=beaten, knowledge_tokens=2_000)),
        "fine_tune_justified": (evalset, justified()),
        "partial_pattern": (evalset, build_summary(*LOW, patterns=pattern_set(build_pattern(share=0.3)))),
        "no_pattern": (
            evalset,
            build_summary(*LOW, patterns=pattern_set(build_pattern("value:text", reproducible=False))),
        ),
        "inconclusive": (evalset, build_summary(*all_arms(0.78, 0.79, 0.77, 0.78), cases_needed=720)),
    }


def _knowledge(changes: str) -> Knowledge:
    return Knowledge(stated=True, changes=changes)


def build_search(
    *, reached: int = 0, missed: int = 0, absent: int = 0, arm: str = "retrieval", **changes: Any
) -> RetrievalSummary:
    """A search over so many cases c0, c1, ...: gold context at rank 1, missed, or in no document."""
    states = [GoldRanks(ranks=(1,))] * reached + [GoldRanks(ranks=(None,))] * missed
    states += [GoldRanks(ranks=(None,), absent=1)] * absent
    gold = {f"c{number}": state for number, state in enumerate(states)}
    search = Retrieval(
        arm=arm,
        files=3,
        chunks=40,
        tokens=9_000,
        chunk_words=200,
        overlap_words=40,
        rank="bm25",
        embedder=None,
        k=4,
        depth=20,
        gold=gold,
    )
    held = reached + missed
    found = RetrievalSummary(
        search=search,
        recall={at: build_rate(reached / held, cases=held) for at in (1, 4, 20)} if held else {},
        marked=len(gold),
        missed=tuple(list(gold)[reached:held]),
        absent=tuple(list(gold)[held:]),
    )
    return replace(found, **changes)

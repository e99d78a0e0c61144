"""Reports of the scripted worlds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from decision_world import build_evalset, build_pattern, build_registries, justified, pattern_set, worlds

from pytest_ftgate.decision.questions import decide
from pytest_ftgate.model.comparison import (
    AgainstBaseline,
    BaselinePair,
    Flip,
    FormDrift,
    NotCompared,
    PatternDrift,
    RolePair,
)
from pytest_ftgate.model.evalset import Evalset
from pytest_ftgate.model.finding import Finding
from pytest_ftgate.model.summary import Example, Summary
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.reports.report import build_report

SCHEMAS = Path(__file__).parents[2] / "schemas"

HOSTILE = (
    "\x1b[31mred\x1b[0m \x07\x00 \u202egnp.exe\u202c <script>alert(1)</script> ](javascript:x) @everyone "
    "\n::set-output name=x::y\n  ::add-mask::z\r\n##[error]no `````` | \ud800 日本語 "
    "https://evil.test www.evil.test"
)


def load_schema(name: str) -> Any:
    return json.loads((SCHEMAS / name).read_text(encoding="utf-8"))


def report_of(evalset: Evalset, summary: Summary, **header: Any) -> dict[str, Any]:
    judgement = decide(evalset, summary, strict=False, evidence=None, registries=build_registries())
    plan = Plan(
        evalset=evalset, items=(), arms=(), roles=("candidate",), repeats=5, multiplicity=4, graders={}
    )
    return build_report(header, [(plan, summary, judgement)])


def world_report(name: str) -> dict[str, Any]:
    return report_of(*worlds()[name], run="20260101T000000.000Z-abcdef")


def planned_report() -> dict[str, Any]:
    """Fine-tune justified, with every figure of the plan."""
    economics = {"calls_per_month": 300_000, "fine_tune": {"method": "lora", "params_b": 8}}
    return report_of(build_evalset(economics=economics), justified())


def hostile_comparison() -> AgainstBaseline:
    """A comparison with a baseline whose every text is hostile."""
    held = RolePair(
        arm="as_is", against="baseline", cases=9, difference=-0.1, lower=-0.3, upper=0.1,
        own_accuracy=0.8, other_accuracy=0.9, cost_ratio=2.0,
        fixed=(f"f{HOSTILE}",), broken=(f"b{HOSTILE}",),
    )  # fmt: skip
    counts = {"passed_before": 5, "graded_before": 5, "passed_now": 0, "graded_now": 5}
    texts = {"signature": HOSTILE, "input": HOSTILE, "expected": HOSTILE, "before": HOSTILE, "now": HOSTILE}
    drift = {"trials_before": 0, "trials_now": 3, "cases_before": 0, "cases_now": 2, "is_proven": False}
    pair = BaselinePair(
        arm="as_is",
        role="candidate",
        against_arm="as_is",
        pair=held,
        flips=tuple(Flip(case=f"{way}{HOSTILE}", way=way, **counts, **texts) for way in ("fixed", "broken")),
        not_comparable=(NotCompared(case=HOSTILE, why="new"),),
        form=FormDrift(before=0.0, now=0.3, difference=0.3, lower=0.1, upper=0.5),
        patterns=tuple(PatternDrift(signature=HOSTILE, way=way, **drift) for way in ("new", "gone", "grown")),
        changes=(f"model: {HOSTILE} then, {HOSTILE} now",),
    )
    return AgainstBaseline(name=f"x{HOSTILE}", pairs=(pair,))


def hostile_report() -> dict[str, Any]:
    """Hostile text wherever a model, a vendor or an evalset can put it."""
    example = Example(
        case="tk-1", arm="as_is", role="candidate", repeat=1, output=HOSTILE, expected=HOSTILE, input=HOSTILE
    )
    patterns = tuple(
        build_pattern(f"label:confusion:{HOSTILE}→{i}", share=0.3, examples=(example,), hint=HOSTILE)
        for i in range(3)
    )
    base = justified()
    arms = tuple(replace(arm, reason=HOSTILE) for arm in base.arms)
    idle = replace(arms[1], arm=f"x{HOSTILE}", status="skipped", schema_enforced=None)
    summary = replace(
        base,
        arms=(*arms, idle),
        patterns=pattern_set(*patterns, share=0.9),
        findings=(Finding(rule="x", severity="warning", what=HOSTILE, cases=(HOSTILE,), remedy=HOSTILE),),
        confusion={HOSTILE: {HOSTILE + "2": 3}},
        tags={HOSTILE: arms[0].accuracy},
        fields={HOSTILE: arms[0].accuracy},
        resolved_models={"candidate": (HOSTILE,)},
        baseline=hostile_comparison(),
        tied_to_prompt=False,
    )
    return report_of(build_evalset(), summary)

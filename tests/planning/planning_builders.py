"""Evalsets and settings for the tests of planning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_ftgate.model.evalset import ArmSpec, Case, DecisionSpec, Evalset, GraderSpec, ModelSpec
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.trial import Plan, Trial
from pytest_ftgate.planning.builtin import register
from pytest_ftgate.planning.plan import build_plan
from pytest_ftgate.registry import Registries

PROMPT = (
    {"role": "system", "content": "Answer refund or charge."},
    {"role": "user", "content": "Text: {{ input }}"},
)
EXAMPLES = (
    {"input": "give it back", "expected": "refund"},
    {"input": "why was I billed", "expected": "charge"},
    {"input": "money returned when", "expected": "refund"},
)
SCHEMA = {
    "type": "object",
    "properties": {
        "total": {"type": "number"},
        "lineItems": {"type": "array", "items": {"required": ["sku"]}},
    },
    "required": ["total"],
}


def make_registries() -> Registries:
    registries = Registries()
    register(registries.arms)
    return registries


def make_case(
    case_id: str = "c1", text: Any = "where is my money", expected: Any = "refund", **more: Any
) -> Case:
    return Case(id=case_id, input=text, expected=expected, has_expected=True, **more)


def make_arm(name: str, *, kind: str | None = None, prompt: Any = None, **options: Any) -> ArmSpec:
    return ArmSpec(name=name, kind=kind or name, options=options, prompt=prompt)


def make_evalset(
    *arms: ArmSpec,
    cases: Sequence[Case] = (),
    prompt: Sequence[Mapping[str, Any]] = PROMPT,
    graders: Sequence[GraderSpec] = (GraderSpec(name="label"),),
    waive: Mapping[str, str] | None = None,
    **more: Any,
) -> Evalset:
    more.setdefault("models", {"candidate": ModelSpec(model="vendor/m", params={"temperature": 0})})
    return Evalset(
        path="evals/x.evalset.yaml",
        name="x",
        prompt=tuple(prompt),
        graders=tuple(graders),
        arms=(ArmSpec(name="as_is", kind="as_is"), *arms),
        cases=tuple(cases) or (make_case(), make_case("c2", "a strange bill", "charge")),
        decision=DecisionSpec(waive=waive or {}),
        **more,
    )


def make_settings(**more: Any) -> Settings:
    more.setdefault("rootdir", "/nowhere")
    more.setdefault("repeats", 1)
    return Settings(directory="/nowhere/.ftgate", **more)


def plan(evalset: Evalset, **settings: Any) -> Plan:
    return build_plan(evalset, make_settings(**settings), make_registries())


def trials_of(made: Plan, arm: str, role: str = "candidate") -> list[Trial]:
    return [trial for item in made.items if (item.arm, item.role) == (arm, role) for trial in item.trials]


def said(made: Plan, arm: str, case: str = "c1") -> list[tuple[str, Any]]:
    """(role, content) of the first trial's messages."""
    trial = next(trial for trial in trials_of(made, arm) if trial.key.case == case)
    return [(message["role"], message.get("content")) for message in trial.request.messages]

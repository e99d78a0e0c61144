"""The decision as the report has it: what was asked, step by step, and what would give another verdict."""

from __future__ import annotations

from dataclasses import asdict

from pytest_ftgate.model.evalset import Json
from pytest_ftgate.model.verdict import Condition, Verdict

_LEAF_KEYS = ("value", "limit", "relation", "unit", "distance", "remedy")


def describe_steps(verdict: Verdict) -> list[Json]:
    """Each step with its condition, in the order in which they were asked."""
    return [
        {"decision": step.decision, "condition": _describe_condition(step.condition)}
        for step in verdict.steps
    ]


def describe_flips(verdict: Verdict) -> list[Json]:
    """What would give another verdict, closest first."""
    return [asdict(flip) for flip in verdict.flips]


def _describe_condition(condition: Condition) -> dict[str, Json]:
    told: dict[str, Json] = {"name": condition.name, "text": condition.text, "holds": condition.holds}
    if condition.rule is None:
        return told | {key: getattr(condition, key) for key in _LEAF_KEYS}
    return told | {"rule": condition.rule, "parts": [_describe_condition(part) for part in condition.parts]}

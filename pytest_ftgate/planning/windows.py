"""Prompts that are longer than what the model reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_ftgate.model.trial import Plan
from pytest_ftgate.planning.token_estimates import estimate_prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlong:
    """Cases whose prompt under an arm × role is estimated above the `window`; tokens, `longest` of them."""

    arm: str
    role: str
    window: int
    longest: int
    cases: tuple[str, ...]


def find_overlong(plan: Plan, windows: Mapping[str, int]) -> list[Overlong]:
    """One entry an arm × role with such cases. `windows`: role → tokens that its model reads at most."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for item in plan.items:
        window = windows.get(item.role)
        if window is None or item.trials[0].source_arm is not None:
            continue
        tokens = estimate_prompt(item.trials[0].request)
        if tokens > window:
            found.setdefault((item.arm, item.role), {})[item.case] = round(tokens)
    return [
        Overlong(arm=arm, role=role, window=windows[role], longest=max(sizes.values()), cases=tuple(sizes))
        for (arm, role), sizes in found.items()
    ]

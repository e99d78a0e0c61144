"""The plan for tuning or distilling, in a few plain sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_ftgate.reports.numbers import format_count, format_range


def describe_plan(plan: Mapping[str, Any]) -> list[str]:
    """The plan's sentences: method and price, break-even, examples, what the figures are worth."""
    sentences = [_describe_method(plan), _describe_break_even(plan), _describe_examples(plan)]
    checks = plan.get("next_checks") or []
    if checks:
        sentences.append(f"Afterwards: {'; '.join(checks)}.")
    sentences.append(f"Figures of the plan: {plan['source']}.")
    return [sentence for sentence in sentences if sentence]


def _describe_method(plan: Mapping[str, Any]) -> str:
    start = "Distill: " if plan["purpose"] == "distill" else "Plan: "
    if not plan["params_b"]:
        return (
            f"{start}{plan['label']}; state economics.fine_tune.params_b for memory and training cost. "
            f"Set-up {format_range(plan['setup_usd'], money=True)}."
        )
    parts = [f"{plan['label']} on {plan['params_b']:g}B"]
    if plan["vram_gb"]:
        gpus = format_count(plan["gpus"], f"GPU of {plan['gpu_gb']:g} GB", f"GPUs of {plan['gpu_gb']:g} GB")
        parts.append(f"~{format_range(plan['vram_gb'], unit=' GB')} VRAM ({gpus})")
    if plan["training_usd"]:
        hours = f" in about {plan['hours']:.2g} h" if plan["hours"] else ""
        parts.append(f"{format_range(plan['training_usd'], money=True)} to train{hours}")
    parts.append(f"{format_range(plan['setup_usd'], money=True)} to set up")
    return f"{start}{', '.join(parts)}."


def _describe_break_even(plan: Mapping[str, Any]) -> str:
    if not plan["calls_per_month"]:
        return "Break-even: state economics.calls_per_month."
    volume = f"{plan['calls_per_month']:,.0f} calls a month"
    if plan["monthly_usd"] is None:
        return f"Break-even at {volume}: not known, because no cost was measured."
    if plan["break_even_weeks"] is None:
        return f"Break-even at {volume}: none, a tuned model would not be cheaper to serve."
    weeks = format_range(plan["break_even_weeks"])
    return f"Breaks even in {weeks} weeks at {volume}."


def _describe_examples(plan: Mapping[str, Any]) -> str:
    examples = plan["examples"]
    wanted = examples["wanted"]
    text = format_range(wanted) if isinstance(wanted, list) and len(wanted) == 2 else str(wanted)
    return (
        f"Training examples: {examples['at_hand']:,} at hand beside the {examples['judging_cases']:,} cases "
        f"that judge, {text} wanted."
    )

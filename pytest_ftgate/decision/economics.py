"""The price of tuning or distilling: a modest plan from measured tokens and reference figures."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

from pytest_ftgate.decision.situation import Situation
from pytest_ftgate.model.evalset import AS_IS, Json
from pytest_ftgate.model.summary import ArmSummary
from pytest_ftgate.model.verdict import Verdict

Range: TypeAlias = tuple[float, float]

WEEKS_PER_MONTH = 365.25 / 12 / 7
DEFAULT_METHOD = "lora"


@cache
def read_figures() -> Mapping[str, Any]:
    """The reference figures that come with the package, with their source and date."""
    text = files("pytest_ftgate.decision").joinpath("reference_figures.json").read_text(encoding="utf-8")
    figures: Mapping[str, Any] = json.loads(text)
    return figures


def misses_target(situation: Situation, verdict: Verdict) -> bool:
    """Whether the arm to ship misses a stated price or latency, at a stated volume of calls."""
    arm = situation.summary.arm(verdict.recommended_arm or AS_IS)
    if arm is None or not _read_number(situation.evalset.economics.get("calls_per_month")):
        return False
    measured = {
        "p50_s": arm.latency_p50_s,
        "p95_s": arm.latency_p95_s,
        "usd_per_1k_cases": arm.cost_usd_per_1k_cases,
    }
    for spec in situation.evalset.gates:
        if spec.name not in ("latency", "cost") or spec.arm not in (AS_IS, arm.arm):
            continue
        for name, limit in spec.options.items():
            value = measured.get(name)
            if value is not None and value > float(limit):
                return True
    return False


def build_tuning_plan(situation: Situation, verdict: Verdict) -> dict[str, Json]:
    """What tuning (or distilling) would take. Ranges are [low, high]; null = not stated or not measured.

    `economics.fine_tune` may override: method, params_b, vram_gb, training_usd, hours, setup_usd,
    serving_usd_per_m_tokens, serving_usd_per_month, examples_wanted. Costs and hours are scaled
    linearly by model size from the size that the figures were given for: an assumption, said so.
    """
    is_distilling = "distill" in verdict.also
    stated = situation.evalset.economics.get("fine_tune")
    stated = stated if isinstance(stated, Mapping) else {}
    method = str(stated.get("method", DEFAULT_METHOD)).lower()
    figures = read_figures()["methods"].get(method) or read_figures()["methods"][DEFAULT_METHOD]
    params_b = _read_number(stated.get("params_b"))
    vram = _read_range(stated.get("vram_gb")) or _scale(figures["vram_gb_per_billion"], params_b)
    training = figures["training_usd"]
    scale = params_b / training["params_b"] if params_b else None
    hours = _read_number(stated.get("hours")) or (
        training["hours"] * scale if scale and training["hours"] else None
    )
    setup_name = "distillation" if is_distilling else "lora_pipeline"
    setup = _read_range(stated.get("setup_usd")) or _range_of(read_figures()["setup_usd"][setup_name])
    training_usd = _read_range(stated.get("training_usd")) or _scale(training["usd"], scale)
    plan: dict[str, Json] = {
        "purpose": "distill" if is_distilling else "fine_tune",
        "method": method,
        "label": figures["label"],
        "params_b": params_b,
        "vram_gb": _round_range(vram),
        "gpus": math.ceil(round(vram[1], 6) / read_figures()["gpu_gb"]) if vram else None,
        "gpu_gb": read_figures()["gpu_gb"],
        "training_usd": _round_range(training_usd),
        "hours": _round(hours),
        "setup_usd": _round_range(setup),
        "quality_of_full": list(figures["quality_of_full"]),
        "examples": _count_examples(situation, stated, is_distilling=is_distilling),
        "token_overhead": _measure_overhead(situation),
        "next_checks": _list_checks(situation),
        "source": read_figures()["source"],
        "assumptions": ["training cost and hours are scaled linearly by model size"],
    }
    plan.update(_estimate_break_even(situation, verdict, stated, setup, training_usd))
    return plan


def _estimate_break_even(
    situation: Situation,
    verdict: Verdict,
    stated: Mapping[str, Json],
    setup: Range | None,
    training_usd: Range | None,
) -> dict[str, Json]:
    """Weeks until set-up and training are paid back by cheaper calls; null where a figure is missing.

    weeks = up-front cost / (spend today - spend tuned, a month) * weeks a month. The high end is null
    where the dearest serving saves nothing.
    """
    calls = _read_number(situation.evalset.economics.get("calls_per_month"))
    today_arm = situation.summary.arm(verdict.recommended_arm or AS_IS)
    tuned_tokens = _tokens_per_trial(situation.as_is)
    result: dict[str, Json] = {
        "calls_per_month": calls,
        "monthly_usd": None,
        "tuned_monthly_usd": None,
        "break_even_weeks": None,
    }
    if not calls or today_arm is None or today_arm.cost_usd_per_1k_cases is None or tuned_tokens is None:
        return result
    today = calls * today_arm.cost_usd_per_1k_cases / 1000
    prices = _read_range(stated.get("serving_usd_per_m_tokens")) or _range_of(
        read_figures()["serving_usd_per_m_tokens"]["tuned_self_hosted"]
    )
    fixed = _read_number(stated.get("serving_usd_per_month")) or 0.0
    tuned = (fixed + calls * tuned_tokens * prices[0] / 1e6, fixed + calls * tuned_tokens * prices[1] / 1e6)
    result |= {"monthly_usd": _round(today), "tuned_monthly_usd": _round_range(tuned)}
    if setup is None or today <= tuned[0]:
        return result
    upfront = [setup[i] + (training_usd[i] if training_usd else 0.0) for i in (0, 1)]
    low = upfront[0] / (today - tuned[0]) * WEEKS_PER_MONTH
    high = upfront[1] / (today - tuned[1]) * WEEKS_PER_MONTH if today > tuned[1] else None
    result["break_even_weeks"] = [_round(low), _round(high)]
    return result


def _count_examples(
    situation: Situation, stated: Mapping[str, Json], *, is_distilling: bool
) -> dict[str, Json]:
    """Training examples: few-shot examples are at hand; cases judge, so they are not for training."""
    pools = [arm.options.get("examples") for arm in situation.evalset.arms]
    at_hand = max((len(pool) for pool in pools if isinstance(pool, Sequence)), default=0)
    figures = read_figures()
    wanted: Json = (
        figures["distillation"]["examples"] if is_distilling else figures["examples_wanted"]["tune"]
    )
    own = stated.get("examples_wanted")
    return {
        "at_hand": at_hand,
        "judging_cases": situation.summary.judged_cases,
        "wanted": list(wanted) if own is None else own,
    }


def _measure_overhead(situation: Situation) -> dict[str, Json]:
    """Tokens a trial costs under each arm beyond those of `as_is`."""
    base = _tokens_per_trial(situation.as_is)
    if base is None:
        return {}
    measured = {arm.arm: _tokens_per_trial(arm) for arm in situation.arms if arm.arm != AS_IS}
    return {name: _round(tokens - base) for name, tokens in measured.items() if tokens is not None}


def _tokens_per_trial(arm: ArmSummary | None) -> float | None:
    """Mean prompt + completion tokens of an answered trial."""
    if arm is None or arm.prompt_tokens is None or arm.planned <= arm.unanswered:
        return None
    return (arm.prompt_tokens + (arm.completion_tokens or 0)) / (arm.planned - arm.unanswered)


def _list_checks(situation: Situation) -> list[Json]:
    bar = f"{100 * situation.bar:g} %"
    return [
        f"run this evalset on the tuned model: as_is must be proven at {bar}",
        "run general-capability evalsets (mathematics, coding, knowledge) on the base and the tuned model",
        "keep every case of this evalset out of the training data",
    ]


def _read_number(value: Json) -> float | None:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or value <= 0
    ):
        return None
    return float(value)


def _read_range(value: Json) -> Range | None:
    """A number, or a list of two: [low, high]."""
    single = _read_number(value)
    if single is not None:
        return (single, single)
    if isinstance(value, list | tuple) and len(value) == 2:
        low, high = _read_number(value[0]), _read_number(value[1])
        if low is not None and high is not None:
            return (min(low, high), max(low, high))
    return None


def _range_of(figures: Sequence[float]) -> Range:
    return (float(figures[0]), float(figures[1]))


def _scale(figures: Sequence[float], factor: float | None) -> Range | None:
    return None if factor is None else (figures[0] * factor, figures[1] * factor)


def _round(value: float | None) -> float | None:
    """Three significant digits: the figures bear no more."""
    return None if value is None else float(f"{value:.3g}")


def _round_range(value: Range | None) -> list[Json] | None:
    return None if value is None else [_round(value[0]), _round(value[1])]

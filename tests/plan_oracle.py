"""Every figure of prices and plan, recomputed from report.json alone: docs/economics.md written once more.

Nothing of the package is imported. `recompute` gives path → value for every number of `economics` and of the
verdict's `plan` that is no input; `INPUTS` are those that are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from scipy.stats import t as student

WEEKS_A_MONTH = 365.25 / 12 / 7
INPUTS = tuple(
    re.compile(pattern)
    for pattern in (
        r"(economics|plan)\.calls_per_month",
        r"(economics|plan)\.figures\.\d+\.value\.[01]",
        r"economics\.targets\.\d+\.limit",
        r"(plan|economics\.switch)\.params_b",
        r"plan\.examples\.(at_hand|wanted\.[01])",
    )
)


def flatten(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every leaf that is a number, a truth value or null, by its path; and every `payback`."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "payback":
                yield f"{path}.{key}", inner
            yield from flatten(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from flatten(inner, f"{path}.{place}")
    elif not isinstance(value, str):
        yield path, value


def leaves(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The leaves of both parts of an evalset's entry, inputs left out."""
    parts = (("economics", entry["economics"]), ("plan", entry["verdict"]["plan"]))
    found = {path: leaf for name, part in parts for path, leaf in flatten(part, name)}
    return {path: leaf for path, leaf in found.items() if not any(rule.fullmatch(path) for rule in INPUTS)}


def find_differences(entry: Mapping[str, Any]) -> list[str]:
    """What the report says of prices and plan, and is not what comes out here; [] where all is right."""
    found, expected = leaves(entry), recompute(entry)
    return [
        f"{path}: {found.get(path, 'absent')} in the report, {expected.get(path, 'absent')} recomputed"
        for path in sorted({*found, *expected})
        if path not in found or path not in expected or not _is_equal(found[path], expected[path])
    ]


def _is_equal(found: Any, expected: Any) -> bool:
    if isinstance(found, int | float) and isinstance(expected, int | float):
        return math.isclose(found, expected, rel_tol=1e-6, abs_tol=1e-12)
    return bool(found == expected)


def recompute(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What the leaves must be."""
    parts = {"economics": _economics(entry), "plan": _plan(entry)}
    return {path: leaf for name, part in parts.items() for path, leaf in flatten(part, name)
            if not any(rule.fullmatch(path) for rule in INPUTS)}  # fmt: skip


def _find_arm(entry: Mapping[str, Any], arm: str, role: str = "candidate") -> Any:
    return next((a for a in entry["arms"] if (a["arm"], a["role"]) == (arm, role)), None)


def _quantile(clusters: int) -> float | None:
    return float(student.ppf(0.975, clusters - 1)) if clusters > 1 else None


def _interval(mean: float, error: float | None, clusters: int, times: float = 1) -> dict[str, Any]:
    half = None if error is None else _quantile(clusters) * error
    ends = [None, None] if half is None else [times * (mean - half), times * (mean + half)]
    return {"value": times * mean, "low": ends[0], "high": ends[1]}


def _over(cost: list[float] | None, gain: list[float] | None) -> list[float | None] | None:
    if cost is None or gain is None:
        return None
    ends = [c / g if g > 0 and c <= 1e12 * g else None for c, g in zip(cost, reversed(gain), strict=True)]
    return None if ends[0] is None else ends


def _weeks(upfront: list[float] | None, monthly: list[float] | None) -> list[float | None] | None:
    months = _over(upfront, monthly)
    return None if months is None else [None if m is None else m * WEEKS_A_MONTH for m in months]


def _payback(upfront: list[float] | None, monthly: list[float] | None) -> str:
    if upfront is None or monthly is None:
        return "unknown"
    ends = _over(upfront, monthly)
    return "none" if ends is None else "not_shown" if ends[1] is None else "shown"


class _Figures:
    def __init__(self, figures: list[dict[str, Any]]) -> None:
        self.values = {figure["name"]: figure["value"] for figure in figures}

    def get(self, *names: str) -> list[float] | None:
        return next((self.values[name] for name in names if name in self.values), None)

    def of(self, method: str, key: str, chosen: str) -> list[float] | None:
        names = [f"fine_tune.{key}"] if method == chosen else []
        return self.get(*names, f"methods.{method}.{key}")


# -- what the arms cost --------------------------------------------------------------------------


def _economics(entry: Mapping[str, Any]) -> Any:
    told = entry["economics"]
    if told is None:
        return None
    calls = told["calls_per_month"]
    return {
        "volume": told["volume"],
        "arms": [
            _arm(entry, arm, calls) for arm in entry["arms"] if arm["status"] == "run" and arm["spending"]
        ],
        "targets": [_target(entry, target, calls) for target in told["targets"]],
        "switch": _switch(entry, _Figures(told["figures"]), calls),
    }


def _tokens(spending: Any) -> float | None:
    if not spending or spending["prompt_tokens"] is None:
        return None
    return spending["prompt_tokens"] + spending["completion_tokens"]


def _arm(entry: Mapping[str, Any], arm: Any, calls: float | None) -> Any:
    own = arm["spending"]
    base = (_find_arm(entry, "as_is", arm["role"]) or {}).get("spending")
    tokens, base_tokens = _tokens(own), _tokens(base)
    usd, base_usd = own["usd"], base and base["usd"]
    accuracy = arm["accuracy"] and arm["accuracy"]["value"]
    estimate = [None if usd is None or times is None else
                _interval(usd, own["usd_error"], own["clusters"], times) for times in (1, calls)]  # fmt: skip
    return {
        "tokens": tokens,
        "tokens_over_as_is": None if None in (tokens, base_tokens) else tokens - base_tokens,
        "usd_per_call": estimate[0],
        "usd_per_correct": usd / accuracy if usd is not None and accuracy else None,
        "usd_per_month": estimate[1],
        "usd_per_month_over_as_is": None if None in (usd, base_usd, calls) else calls * (usd - base_usd),
    }


def _target(entry: Mapping[str, Any], target: Any, calls: float | None) -> Any:
    arm = _find_arm(entry, target["arm"])
    own, name, limit = arm["spending"], target["name"], target["limit"]
    if name in ("p50_s", "p95_s"):
        value, allowed = arm[f"latency_{name}"], {"p50_s": 0.5, "p95_s": 0.05}[name]
        shares = [late["share"] for late in own["late"] if late["limit_s"] == limit] if own else []
        bound = shares[0]["lower"] if shares else None
    else:
        times = 1000 if name == "usd_per_1k_cases" else calls
        price = (
            own and own["usd"] is not None and _interval(own["usd"], own["usd_error"], own["clusters"], times)
        )
        value, bound = (price["value"], price["low"]) if price else (None, None)
        allowed = limit
    missed = None if value is None else value > limit
    proven = bool(missed) and bound is not None and bound > allowed
    return {"value": value, "bound": bound, "bound_limit": allowed, "is_missed": missed, "is_proven": proven}


def _switch(entry: Mapping[str, Any], figures: _Figures, calls: float | None) -> Any:
    teacher = _find_arm(entry, "as_is", "teacher")
    gap = teacher and teacher["spending"] and teacher["spending"]["over_candidate"]
    if not gap:
        return None
    told = entry["economics"]["switch"]
    upfront = _method(told | {"purpose": "distill"}, figures, told["method"], None)["upfront_usd"]
    saving = _interval(gap["value"], gap["error"], gap["clusters"])
    ends = None if saving["low"] is None else [saving["low"], saving["high"]]
    monthly = None if calls is None or ends is None else [calls * end for end in ends]
    return {
        "params_b": told["params_b"],
        "cases": gap["cases"],
        "clusters": gap["clusters"],
        "t": _quantile(gap["clusters"]),
        "error": gap["error"],
        "saving_usd_per_call": saving,
        "upfront_usd": upfront,
        "calls": _over(upfront, ends),
        "weeks": _weeks(upfront, monthly),
        "payback": _payback(upfront, monthly),
    }


# -- the plan ------------------------------------------------------------------------------------


def _plan(entry: Mapping[str, Any]) -> Any:
    plan = entry["verdict"]["plan"]
    if plan is None:
        return None
    figures, calls, chosen = _Figures(plan["figures"]), plan["calls_per_month"], plan["method"]
    arm = _find_arm(entry, plan["arm"])
    beside = arm and arm["spending"] and arm["spending"]["beside_as_is"]
    prices = _serving(figures)
    monthly_prices = [figures.get(f"fine_tune.{name}_usd_per_month") for name in ("serving", "upkeep")]
    fixed = [sum(ends) for ends in zip(*monthly_prices, strict=True)]
    tuned, saving = _call(beside, prices)
    monthly = _monthly(saving, calls, fixed)
    methods = [_method(plan, figures, name, monthly) for name in ("full", "lora", "qlora")]
    upfront = next(method["upfront_usd"] for method in methods if method["is_chosen"])
    year = None if upfront is None else [upfront[end] / 12 + fixed[end] for end in (0, 1)]
    own = next(method for method in methods if method["is_chosen"])
    assert own["method_name"] == chosen
    return {
        "beside": beside and beside | {"t": _quantile(beside["clusters"])},
        "tuned_usd_per_call": tuned,
        "saving_usd_per_call": saving,
        "cheaper_by": _over([beside["usd"]] * 2 if beside else None, tuned),
        "break_even_weeks": own["break_even_weeks"],
        "payback": own["payback"],
        "least_calls_per_month": _over(fixed, saving),
        "calls_to_pay_in_a_year": _over(year, saving),
        "methods": [{k: v for k, v in method.items() if k != "method_name"} for method in methods],
        "volumes": [_volume(v, beside, tuned, saving, fixed, upfront) for v in _volumes(calls)],
        "rented_gpu": _rent(figures, beside),
        "latency": _latency(entry, plan, figures, arm),
        "examples": _examples(entry, plan, arm),
        "losses": [
            {"keeps": figures.of(chosen, "quality_of_full", chosen), "cases": None},
            *([{"keeps": None, "cases": None}] if len(plan["losses"]) == 3 else []),
            {"keeps": None, "cases": [_pairs(q, 0.05) for q in (0.05, 0.2)]},
        ],
    }


def _pairs(differing: float, margin: float) -> int:
    """Fewest cases n for which the margin is the planned number of standard errors, pseudo-cases included."""
    n = 1
    while margin < (1.6448536 + 0.8416212) * math.sqrt((n * differing + 2) / n**2):
        n += 1
    return n


def _serving(figures: _Figures) -> list[list[float]]:
    """[[input, output] at the cheap end, the same at the dear end]."""
    name = "fine_tune.serving_usd_per_m_tokens"
    pair = [figures.get(f"{name}.{part}", name) for part in ("input", "output")]
    return [[one[end] for one in pair] for end in (0, 1)]


def _call(beside: Any, prices: list[list[float]]) -> tuple[list[float] | None, list[float] | None]:
    if not beside:
        return None, None
    means = np.array([beside["usd"], beside["prompt_tokens"], beside["completion_tokens"]])
    weights = [np.array([1.0, -price[0] / 1e6, -price[1] / 1e6]) for price in prices]
    tuned = [float(beside["usd"] - w @ means) for w in weights]
    if beside["clusters"] < 2:
        return tuned, None
    names = ("usd", "prompt", "completion")
    keys = [[f"{a}_{b}" if names.index(a) <= names.index(b) else f"{b}_{a}" for b in names] for a in names]
    matrix = np.array([[beside[key] for key in row] for row in keys])
    halves = [_quantile(beside["clusters"]) * math.sqrt(max(0.0, w @ matrix @ w)) for w in weights]
    return tuned, [float(weights[1] @ means - halves[1]), float(weights[0] @ means + halves[0])]


def _monthly(saving: list[float] | None, calls: float | None, fixed: list[float]) -> list[float] | None:
    if saving is None or calls is None:
        return None
    return [saving[0] * calls - fixed[1], saving[1] * calls - fixed[0]]


def _method(plan: Any, figures: _Figures, name: str, monthly: list[float] | None) -> Any:
    chosen, size = plan["method"], plan["params_b"]
    vram = figures.of(name, "vram_gb", chosen)
    per_billion = figures.get(f"methods.{name}.vram_gb_per_billion")
    if vram is None and size is not None:
        vram = [factor * size for factor in per_billion]
    gpus = max(1, math.ceil(round(vram[1] / figures.get("gpu.gb")[0], 9))) if vram else None
    training, hours = figures.of(name, "training_usd", chosen), figures.of(name, "hours", chosen)
    factor = figures.get(f"methods.{name}.gpu_hours_per_billion")
    if size is not None and factor is not None:
        gpu_hours = [f * size for f in factor]
        if training is None:
            training = [h * usd for h, usd in zip(gpu_hours, figures.get("gpu.usd_per_hour"), strict=True)]
        if hours is None and gpus:
            hours = [h / gpus for h in gpu_hours]
    distills = plan["purpose"] == "distill"
    setup = figures.get("distill.setup_usd") if distills else figures.of(name, "setup_usd", chosen)
    upfront = None
    if setup is not None and training is not None:
        runs, evaluation = figures.get("fine_tune.training_runs"), figures.get("fine_tune.evaluation_usd")
        upfront = [setup[e] + runs[e] * training[e] + evaluation[e] for e in (0, 1)]
    return {
        "method_name": name,
        "is_chosen": name == chosen,
        "vram_gb": vram,
        "gpus": gpus,
        "training_usd": training,
        "hours": hours,
        "setup_usd": setup,
        "upfront_usd": upfront,
        "quality_of_full": figures.of(name, "quality_of_full", chosen),
        "break_even_weeks": _weeks(upfront, monthly),
        "payback": _payback(upfront, monthly),
    }


def _volumes(calls: float | None) -> list[tuple[float, bool]]:
    if calls is None:
        return [(10_000, False), (100_000, False), (1_000_000, False)]
    return [(calls * factor, factor == 1) for factor in (0.1, 0.5, 1, 2, 10)]


def _volume(
    volume: tuple[float, bool], beside: Any, tuned: Any, saving: Any, fixed: Any, upfront: Any
) -> Any:
    calls, is_stated = volume
    monthly = _monthly(saving, calls, fixed)
    return {
        "calls_per_month": calls,
        "is_stated": is_stated,
        "usd_per_month": calls * beside["usd"] if beside else None,
        "tuned_usd_per_month": [calls * tuned[e] + fixed[e] for e in (0, 1)] if tuned else None,
        "saving_usd_per_month": monthly,
        "break_even_weeks": _weeks(upfront, monthly),
        "payback": _payback(upfront, monthly),
    }


def _rent(figures: _Figures, beside: Any) -> Any:
    rent = [usd * 24 * 365.25 / 12 for usd in figures.get("gpu.usd_per_hour")]
    today = None
    if beside and beside["clusters"] > 1:
        half = _quantile(beside["clusters"]) * math.sqrt(beside["usd_usd"])
        today = [beside["usd"] - half, beside["usd"] + half]
    return {"usd_per_month": rent, "least_calls_per_month": _over(rent, today)}


def _latency(entry: Mapping[str, Any], plan: Any, figures: _Figures, arm: Any) -> Any:
    as_is, base = _find_arm(entry, "as_is"), _find_arm(entry, "as_is", "base")
    told = {name: figures.get(f"fine_tune.latency_{name}") for name in ("p50_s", "p95_s")}
    if any(told.values()):
        tuned = {name: pair and pair[1] for name, pair in told.items()}
    else:
        tuned = {name: base and base[f"latency_{name}"] for name in told}
    limits = {t["name"]: t["limit"] for t in entry["economics"]["targets"] if t["name"] in told}
    return {
        **{name: arm and arm[f"latency_{name}"] for name in told},
        **{f"as_is_{name}": as_is and as_is[f"latency_{name}"] for name in told},
        **{f"tuned_{name}": tuned[name] for name in told},
        "tuned_from": plan["latency"]["tuned_from"],
        "meets": {
            name: None if tuned[name] is None else tuned[name] <= limit for name, limit in limits.items()
        },
    }


def _examples(entry: Mapping[str, Any], plan: Any, arm: Any) -> Any:
    told, usd = plan["examples"], arm and arm["spending"] and arm["spending"]["usd"]
    generation = None
    if plan["purpose"] == "distill" and usd is not None:
        generation = [None if end is None else end * usd for end in told["wanted"]]
    return {
        "judging_cases": entry["cases"]["judged"],
        "missing": max(0, math.ceil(told["wanted"][0]) - told["at_hand"]),
        "generation_usd": generation,
    }

"""The ways of tuning side by side: memory, GPUs, training, set-up, and what they keep of a full fine-tune."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pytest_ftgate.decision.break_even import find_weeks
from pytest_ftgate.decision.figures import METHODS, Figures, read_references
from pytest_ftgate.model.economics import Method, Origin, Range

Purpose = Literal["fine_tune", "distill"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRun:
    """GPU hours a billion parameters, by the page's example of a training. `lent_by`: another method's."""

    gpu_hours_per_billion: float
    origin: Origin
    lent_by: str | None = None


def price_methods(
    figures: Figures, params_b: float | None, purpose: Purpose, monthly_saving_usd: Range | None
) -> tuple[Method, ...]:
    """A row for each method. `monthly_saving_usd` is the same for all: the tuned model's tokens are."""
    return tuple(price_method(figures, method, params_b, purpose, monthly_saving_usd) for method in METHODS)


def take_gpu_price(figures: Figures) -> Range:
    """USD an hour of one GPU; the page gives none, but its LoRA example has a price, GPUs and hours."""
    example = read_references()["methods"]["lora"]["training"]
    hours = example["gpus"] * example["hours"]
    derived = [usd / hours for usd in example["usd"]]
    price = figures.take("gpu.usd_per_hour", derived, "derived")
    return price if price is not None else (0.0, 0.0)


def read_training(method: str) -> TrainingRun:
    """The page's training of that method; where its hours are missing, from its price and the price of a GPU.

    For QLoRA the page has no training: LoRA's is taken.
    """
    methods = read_references()["methods"]
    example: Mapping[str, Any] | None = methods[method]["training"]
    if example is None:
        return TrainingRun(
            gpu_hours_per_billion=read_training("lora").gpu_hours_per_billion,
            origin="assumed",
            lent_by="lora",
        )
    if example["hours"] is not None:
        gpu_hours, origin = example["gpus"] * example["hours"], "reference"
    else:
        lora = methods["lora"]["training"]
        gpu_hours = sum(example["usd"]) / sum(lora["usd"]) * lora["gpus"] * lora["hours"]
        origin = "derived"
    return TrainingRun(gpu_hours_per_billion=gpu_hours / example["params_b"], origin=origin)  # type: ignore[arg-type]


def price_method(
    figures: Figures,
    method: str,
    params_b: float | None,
    purpose: Purpose,
    monthly_saving_usd: Range | None,
) -> Method:
    """The row of one method. `monthly_saving_usd`: lower and upper bound, None where unknown."""
    reference = read_references()["methods"][method]
    vram = _find_vram(figures, method, params_b)
    gpu_gb = (figures.take("gpu.gb", read_references()["gpu"]["gb"]) or (0.0, 0.0))[0]
    # Rounded: 40 / 70 x 70 must not need a second GPU.
    gpus = max(1, math.ceil(round(vram[1] / gpu_gb, 9))) if vram and gpu_gb else None
    training, hours = _find_training(figures, method, params_b, gpus)
    setup = _find_setup(figures, method, purpose)
    upfront = _sum_upfront(figures, setup, training)
    weeks, payback = find_weeks(upfront, monthly_saving_usd)
    return Method(
        method=method,
        label=reference["label"],
        is_chosen=method == figures.method,
        vram_gb=vram,
        gpus=gpus,
        training_usd=training,
        hours=hours,
        setup_usd=setup,
        upfront_usd=upfront,
        quality_of_full=figures.take_of_method(method, "quality_of_full", reference["quality_of_full"]),
        break_even_weeks=weeks,
        payback=payback,
    )


def _find_vram(figures: Figures, method: str, params_b: float | None) -> Range | None:
    """Stated, or parameters x (rule of thumb .. worked size); 1 GB a billion parameters."""
    stated = figures.take_of_method(method, "vram_gb")
    if stated is not None or params_b is None:
        return stated
    reference = read_references()["methods"][method]
    ends = [reference["vram_times_model_size"]]
    if reference["vram_worked"] is not None:
        ends.append(reference["vram_worked"]["gb"] / reference["vram_worked"]["params_b"])
    factor = figures.take(f"methods.{method}.vram_gb_per_billion", [ends[0], ends[-1]])
    return None if factor is None else (factor[0] * params_b, factor[1] * params_b)


def _find_training(
    figures: Figures, method: str, params_b: float | None, gpus: int | None
) -> tuple[Range | None, Range | None]:
    """USD and hours of one training: GPU hours grow with the size, and are shared by the GPUs."""
    usd = figures.take_of_method(method, "training_usd")
    hours = figures.take_of_method(method, "hours")
    if params_b is None or (usd is not None and hours is not None):
        return usd, hours
    run = read_training(method)
    factor = figures.take(f"methods.{method}.gpu_hours_per_billion", run.gpu_hours_per_billion, run.origin)
    if factor is None:
        return usd, hours
    gpu_hours = (factor[0] * params_b, factor[1] * params_b)
    if usd is None:
        price = take_gpu_price(figures)
        usd = (gpu_hours[0] * price[0], gpu_hours[1] * price[1])
    if hours is None and gpus:
        hours = (gpu_hours[0] / gpus, gpu_hours[1] / gpus)
    return usd, hours


def _find_setup(figures: Figures, method: str, purpose: Purpose) -> Range | None:
    if purpose == "distill":
        return figures.take("distill.setup_usd", read_references()["distillation"]["setup_usd"])
    return figures.take_of_method(method, "setup_usd", read_references()["methods"][method]["setup_usd"])


def _sum_upfront(figures: Figures, setup: Range | None, training: Range | None) -> Range | None:
    """Set-up + runs x training + evaluation; None where set-up or training is unknown."""
    runs = figures.take("fine_tune.training_runs", 1, "assumed") or (1.0, 1.0)
    evaluation = figures.take("fine_tune.evaluation_usd", 0, "assumed") or (0.0, 0.0)
    if setup is None or training is None:
        return None
    low, high = (setup[end] + runs[end] * training[end] + evaluation[end] for end in (0, 1))
    return low, high

"""What prompting costs a month, and what tuning or distilling would take. Money in USD, times in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pytest_ftgate.model.spending import Moments

Range: TypeAlias = tuple[float, float]
"""(low, high)."""

OpenRange: TypeAlias = tuple[float, float | None]
"""(low, high); high None = no upper end."""

Origin = Literal["stated", "reference", "derived", "assumed"]
Payback = Literal["shown", "not_shown", "none", "unknown"]
"""Whether the costs come back: `shown` at both ends of the range, `not_shown` at its cheap end alone, `none`
at neither, `unknown` where a figure is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure that was not measured here, by the key of `economics:` that states it.

    `stated` in the evalset; `reference`: of the published page; `derived` from two of the page's figures;
    `assumed`: a default of ours.
    """

    name: str
    value: Range
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean with its two-sided 95 % t-interval; the ends are None with fewer than two clusters of cases."""

    value: float
    low: float | None
    high: float | None

    @property
    def ends(self) -> Range | None:
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmPrice:
    """What an arm × role takes a call and a month. None: a price, a usage or the volume is not known."""

    arm: str
    role: str
    tokens: float | None
    tokens_over_as_is: float | None
    usd_per_call: Estimate | None
    usd_per_correct: float | None
    usd_per_month: Estimate | None
    usd_per_month_over_as_is: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A stated limit on price or latency, and whether the arm to ship misses it.

    `is_proven`: by evidence, not by the estimate alone: `bound` > `bound_limit`. For money that is the low
    end of the 95 % interval against the limit; for a latency quantile the lower bound of the share of answers
    beyond the limit against the share allowed.
    """

    name: Literal["p50_s", "p95_s", "usd_per_1k_cases", "usd_per_month"]
    arm: str
    limit: float
    value: float | None
    bound: float | None
    bound_limit: float
    is_missed: bool | None
    is_proven: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """From the teacher's answers to the candidate's, both measured under `as_is`: what a call saves.

    `upfront_usd` of `method` is spent once; `calls` until it is saved again, and weeks at the stated volume.
    """

    method: str
    params_b: float | None
    cases: int
    clusters: int
    t: float | None
    error: float | None
    saving_usd_per_call: Estimate
    upfront_usd: Range | None
    calls: OpenRange | None
    weeks: OpenRange | None
    payback: Payback


@dataclass(frozen=True, slots=True, kw_only=True)
class Economics:
    """What the arms that were run cost at the stated volume. `unknown`: what is not known, and why."""

    calls_per_month: float | None
    volume: Literal["measured", "forecast"] | None
    arms: tuple[ArmPrice, ...]
    targets: tuple[Target, ...] = ()
    switch: Switch | None = None
    figures: tuple[Figure, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A way of tuning at the stated size. `gpus` hold the upper end of `vram_gb`.

    `upfront_usd` = set-up + runs x training + evaluation. None: no figure, or no size stated.
    """

    method: str
    label: str
    is_chosen: bool
    vram_gb: Range | None
    gpus: int | None
    training_usd: Range | None
    hours: Range | None
    setup_usd: Range | None
    upfront_usd: Range | None
    quality_of_full: Range | None
    break_even_weeks: OpenRange | None
    payback: Payback


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """The chosen method at one volume. `is_stated`: the volume that the evalset states."""

    calls_per_month: float
    is_stated: bool
    usd_per_month: float | None
    tuned_usd_per_month: Range | None
    saving_usd_per_month: Range | None
    break_even_weeks: OpenRange | None
    payback: Payback


@dataclass(frozen=True, slots=True, kw_only=True)
class RentedGpu:
    """One GPU rented round the clock for the tuned model alone, in place of a price a token.

    `least_calls_per_month`: volume at which today's calls cost as much; below it the rent is dearer.
    """

    usd_per_month: Range
    least_calls_per_month: OpenRange | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """A tuned small model against the prompted model of today.

    `tuned_from`: `base`: measured on role `base`, untuned, under `as_is` (a merged LoRA adds no latency: Hu
    et al., 2021); `stated` in the evalset; None: not known. `meets`: target → whether the tuned model does.
    """

    arm: str
    p50_s: float | None
    p95_s: float | None
    as_is_p50_s: float | None
    as_is_p95_s: float | None
    tuned_p50_s: float | None
    tuned_p95_s: float | None
    tuned_from: Literal["base", "stated"] | None
    meets: Mapping[str, bool | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingExamples:
    """`at_hand`: examples of few-shot pools and cases of `split: dev`; the others judge. `missing`: of the
    least wanted. `generation_usd`: what today's model would cost to answer as many as are wanted, to distil.
    """

    at_hand: int
    judging_cases: int
    wanted: OpenRange
    origin: Origin
    missing: int
    generation_usd: OpenRange | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What a tuned model may lose. `keeps`: share kept, a reference figure. `told_by`: what will show it.

    `cases`: that it takes, from cases that differ rarely to often.
    """

    what: str
    keeps: Range | None
    told_by: str
    cases: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningPlan:
    """What tuning (or distilling) would take, and when it pays.

    `arm`: what would be shipped without it. `beside`: its cost and the tokens of `as_is`, as measured; the
    tuned model is taken to be asked like `as_is`. `figures` are all that was not measured.
    `cheaper_by`: cost of a call of today's over that of the tuned model.
    """

    purpose: Literal["fine_tune", "distill"]
    method: str
    params_b: float | None
    arm: str
    calls_per_month: float | None
    beside: Moments | None
    tuned_usd_per_call: Range | None
    saving_usd_per_call: Range | None
    cheaper_by: OpenRange | None
    break_even_weeks: OpenRange | None
    payback: Payback
    least_calls_per_month: OpenRange | None
    calls_to_pay_in_a_year: OpenRange | None
    methods: tuple[Method, ...]
    volumes: tuple[Volume, ...]
    rented_gpu: RentedGpu
    latency: Latency
    examples: TrainingExamples
    losses: tuple[Loss, ...]
    figures: tuple[Figure, ...]
    assumptions: tuple[str, ...]
    unknown: tuple[str, ...]
    source: str
    date: str

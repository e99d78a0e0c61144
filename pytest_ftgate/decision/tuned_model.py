"""The tuned model itself: how fast it may be, what it is trained on, what it may lose and what will tell."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import ceil

from pytest_ftgate.decision.figures import Figures, read_references
from pytest_ftgate.decision.methods import Purpose
from pytest_ftgate.decision.paired_cases import count_needed
from pytest_ftgate.decision.situation import Situation
from pytest_ftgate.decision.targets import ALLOWED_LATE, list_targets
from pytest_ftgate.decision.wording import format_count, format_percent
from pytest_ftgate.model.economics import Latency, Loss, Method, OpenRange, Origin, TrainingExamples
from pytest_ftgate.model.evalset import AS_IS
from pytest_ftgate.model.summary import ArmSummary

BASE = "base"
_MARGIN, _DIFFERING = 0.05, (0.05, 0.20)
"""A loss that would not matter, and shares of cases on which two models differ (STATISTICS 6.2)."""


def compare_latency(situation: Situation, figures: Figures, arm: ArmSummary | None) -> Latency:
    """Today's latency beside the tuned model's: stated, or measured on role `base` (the untuned one)."""
    as_is, base = situation.as_is, situation.summary.arm(AS_IS, BASE)
    stated = {name: figures.take(f"fine_tune.latency_{name}") for name in ALLOWED_LATE}
    tuned: dict[str, float | None] = dict.fromkeys(ALLOWED_LATE)
    origin = None
    if any(stated.values()):
        tuned, origin = {name: pair[1] if pair else None for name, pair in stated.items()}, "stated"
    elif base is not None and base.latency_p50_s is not None:
        tuned, origin = {"p50_s": base.latency_p50_s, "p95_s": base.latency_p95_s}, BASE
    limits = {
        t.name: t.limit for t in (list_targets(situation, arm) if arm else ()) if t.name in ALLOWED_LATE
    }
    meets: dict[str, bool | None] = {name: _is_within(tuned[name], limit) for name, limit in limits.items()}
    return Latency(
        arm=arm.arm if arm else AS_IS,
        p50_s=arm.latency_p50_s if arm else None,
        p95_s=arm.latency_p95_s if arm else None,
        as_is_p50_s=as_is.latency_p50_s if as_is else None,
        as_is_p95_s=as_is.latency_p95_s if as_is else None,
        tuned_p50_s=tuned["p50_s"],
        tuned_p95_s=tuned["p95_s"],
        tuned_from=origin,  # type: ignore[arg-type]
        meets=meets,
    )


def count_examples(
    situation: Situation, figures: Figures, arm: ArmSummary | None, purpose: Purpose
) -> TrainingExamples:
    """Few-shot examples and cases of `split: dev` are at hand; the other cases judge."""
    references = read_references()
    is_distilling = purpose == "distill"
    reference = (
        references["distillation"]["examples"] if is_distilling else references["examples_wanted"]["tune"]
    )
    name = "distill.examples_wanted" if is_distilling else "fine_tune.examples_wanted"
    stated = figures.take(name)
    wanted: OpenRange = (reference[0], reference[1]) if stated is None else stated
    origin: Origin = "reference" if stated is None else "stated"
    dev = sum(case.has_expected and not case.judges for case in situation.evalset.cases)
    at_hand = dev + len(_list_examples(situation))
    usd = arm.spending.usd if arm and arm.spending else None
    return TrainingExamples(
        at_hand=at_hand,
        judging_cases=situation.summary.judged_cases,
        wanted=wanted,
        origin=origin,
        missing=max(0, ceil(wanted[0]) - at_hand),
        generation_usd=(
            (wanted[0] * usd, None if wanted[1] is None else wanted[1] * usd)
            if is_distilling and usd is not None
            else None
        ),
    )


def _list_examples(situation: Situation) -> set[str]:
    """Different examples over the pools of all arms."""
    pools = [arm.options.get("examples") for arm in situation.evalset.arms]
    return {
        json.dumps(example, sort_keys=True, default=dict)
        for pool in pools
        if isinstance(pool, Sequence) and not isinstance(pool, str)
        for example in pool
        if isinstance(example, Mapping)
    }


def list_losses(situation: Situation, method: Method) -> tuple[Loss, ...]:
    """What tuning may cost in quality, and the evalset that will show it."""
    bar = format_percent(situation.bar)
    as_is = situation.as_is
    passing = sum(2 * tally.passed > tally.graded for tally in as_is.tallies) if as_is else 0
    kept = format_count(passing, "case that passes", "cases that pass")
    today = Loss(
        what=f"what works today: {kept} under as_is",
        keeps=None,
        told_by="this evalset on the tuned model: those cases must still pass",
    )
    cases = tuple(count_needed(differing, _MARGIN) for differing in _DIFFERING)
    return (
        Loss(
            what="quality at this task, against a full fine-tune",
            keeps=method.quality_of_full,
            told_by=f"this evalset on the tuned model: as_is must be proven at {bar}",
        ),
        *([today] if passing else []),
        Loss(
            what="general capability: mathematics, coding, knowledge, following instructions",
            keeps=None,
            told_by=(
                "the evalsets of `pytest-ftgate init general`, with the tuned model as candidate and the "
                f"untuned one as base; shown to have lost less than {100 * _MARGIN:g} points a suite"
            ),
            cases=(cases[0], cases[1]),
        ),
    )


def _is_within(value: float | None, limit: float) -> bool | None:
    return None if value is None else value <= limit

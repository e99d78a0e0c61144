"""What a run would take, estimated before any call. Ranges are (low, high)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from pytest_ftgate.model.finding import Finding

Range: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What one arm × role would take, or one role that serves graders (`arm` is then '').

    `stored`: trials that need no call: answered by the response store or a recording, or reading another
    arm's answers. `cost_usd` is None where the price of the model is unknown. Times in seconds.
    """

    arm: str
    role: str
    model: str
    trials: int = 0
    stored: int = 0
    calls: Range = (0, 0)
    prompt_tokens: Range = (0, 0)
    completion_tokens: Range = (0, 0)
    cost_usd: Range | None = (0.0, 0.0)
    duration_s: Range = (0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decidability:
    """Which true accuracies a set could tell from the bar, with the power and intraclass correlation stated.

    `below`: the highest accuracy that would be proven below the bar, `above`: the lowest that would be
    proven to reach it; None where not even 0 or 1 would.
    """

    cases: int
    repeats: int
    bar: float
    below: float | None
    above: float | None
    power: float
    icc: float
    alpha: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What the selected part of one evalset would take.

    `shortest`: the least it can take, where `as_is` is proven at the bar and other arms are not asked; None
    where every arm is asked in any case. `notes` are assumptions and warnings, `decidability` is None
    where no verdict is asked for. `findings` are what is wrong with the evalset.
    """

    path: str
    needs: tuple[Need, ...]
    shortest: Need | None = None
    decidability: Decidability | None = None
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def add_needs(needs: tuple[Need, ...], *, arm: str = "all") -> Need:
    """The sum of all; its cost is None where any that may call has no price."""
    has_price = all(need.cost_usd is not None for need in needs if need.calls[1])
    return Need(
        arm=arm,
        role="",
        model="",
        trials=sum(need.trials for need in needs),
        stored=sum(need.stored for need in needs),
        calls=_add(need.calls for need in needs),
        prompt_tokens=_add(need.prompt_tokens for need in needs),
        completion_tokens=_add(need.completion_tokens for need in needs),
        cost_usd=_add(need.cost_usd for need in needs if need.cost_usd is not None) if has_price else None,
        duration_s=_add(need.duration_s for need in needs),
    )


def _add(ranges: Iterable[Range]) -> Range:
    pairs = list(ranges)
    return sum(low for low, _ in pairs), sum(high for _, high in pairs)

"""The turns of one trial as one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pytest_ftgate.model.response import Failure, Response, Usage


def sum_turns(turns: Sequence[Response]) -> Response:
    """One response for all turns of a trial: the last one's text, everything summed.

    A sum over an unknown number is unknown (None). Attempts, and what the run paid, are those of the turns
    that were not cached: a first turn shared with another arm is counted there.
    """
    last = turns[-1]
    if len(turns) == 1:
        return last
    usages = [turn.usage for turn in turns if turn.usage is not None]
    is_cached = all(turn.cached for turn in turns)
    return replace(
        last,
        usage=_sum_usage(usages) if len(usages) == len(turns) else None,
        latency_s=_sum_known([turn.latency_s for turn in turns]),
        cost_usd=_sum_known([turn.cost_usd for turn in turns]),
        paid_usd=_sum_paid(turns) if any(turn.cached for turn in turns) and not is_cached else None,
        attempts=count_sent(turns) or sum(turn.attempts for turn in turns),
        turns=len(turns),
        cached=is_cached,
    )


def fail_after(turns: Sequence[Response], failure: Failure) -> Failure:
    """The failure of a further turn; what the turns before it took stays counted."""
    if all(turn.cached for turn in turns):
        return failure
    return replace(failure, attempts=failure.attempts + count_sent(turns), paid_usd=_sum_paid(turns))


def count_sent(turns: Sequence[Response]) -> int:
    """The attempts that this trial made itself."""
    return sum(turn.attempts for turn in turns if not turn.cached)


def _sum_paid(turns: Sequence[Response]) -> float | None:
    return _sum_known([turn.cost_usd for turn in turns if not turn.cached])


def _sum_usage(usages: Sequence[Usage]) -> Usage:
    return Usage(
        prompt_tokens=sum(usage.prompt_tokens for usage in usages),
        completion_tokens=sum(usage.completion_tokens for usage in usages),
        cached_tokens=sum(usage.cached_tokens for usage in usages),
        reasoning_tokens=sum(usage.reasoning_tokens for usage in usages),
    )


def _sum_known(numbers: Sequence[float | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None

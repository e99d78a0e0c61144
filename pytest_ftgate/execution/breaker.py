"""Gives a model up when asking on is pointless, instead of letting every trial find out by itself."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_ftgate.errors import ProviderError

STRIKES = 20
"""Trials in a row that failed for good, with no answer between them."""


@dataclass(slots=True)
class _State:
    has_answered: bool = False
    strikes: int = 0
    verdict: ProviderError | None = None


class Breaker:
    """One state per lane (a model at an address). Open = further trials fail at once, as the last one did."""

    def __init__(self) -> None:
        self._lanes: dict[str, _State] = {}

    def check(self, lane: str) -> None:
        """Raise the error that opened the breaker, if one did."""
        state = self._lanes.get(lane)
        if state is not None and state.verdict is not None:
            raise state.verdict

    def note_success(self, lane: str) -> None:
        """A response came."""
        state = self._lanes.setdefault(lane, _State())
        state.has_answered, state.strikes = True, 0

    def note_failure(self, lane: str, error: ProviderError) -> None:
        """A trial failed for good. Opens for a fatal error, for a server that was never reached, and for a
        long row of failures that another attempt could have cured."""
        state = self._lanes.setdefault(lane, _State())
        if state.verdict is not None:
            return
        if error.retryable:
            state.strikes += 1
        is_unreachable = error.signature == "infra:connection" and not state.has_answered
        if error.fatal or (error.retryable and (is_unreachable or state.strikes >= STRIKES)):
            state.verdict = ProviderError(error.signature, str(error), retryable=False, fatal=True)

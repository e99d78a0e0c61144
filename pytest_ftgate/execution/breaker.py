"""Gives a model up when asking on is pointless, instead of letting every trial find out by itself."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from pytest_ftgate.errors import ProviderError

STRIKES = 20
"""Trials in a row that failed for good, with no answer between them."""

WINDOW = 100
HOPELESS = 0.9
"""Share of the last `WINDOW` trials that failed for good."""


@dataclass(slots=True)
class _State:
    has_answered: bool = False
    strikes: int = 0
    recent: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW))
    verdict: ProviderError | None = None


class Breaker:
    """One state per lane (a model at an address). Open = further trials fail at once.

    Where one error tells all (no key, no server) they fail as it did, else with `infra:stopped`.
    """

    def __init__(self) -> None:
        self._lanes: dict[str, _State] = {}

    def check(self, lane: str) -> None:
        """Raise the error that opened the breaker, if one did."""
        state = self._lanes.get(lane)
        if state is not None and state.verdict is not None:
            raise state.verdict

    def note_success(self, lane: str) -> None:
        """A response came."""
        state = self._state(lane)
        state.has_answered, state.strikes = True, 0
        state.recent.append(False)

    def note_failure(self, lane: str, error: ProviderError) -> None:
        """A trial failed for good. Opens for a fatal error, for a server that was never reached, and where
        nearly all fail in ways that another attempt could have cured."""
        state = self._state(lane)
        if state.verdict is not None:
            return
        if error.fatal or (error.signature == "infra:connection" and not state.has_answered):
            state.verdict = ProviderError(error.signature, str(error), retryable=False, fatal=True)
            return
        if error.retryable:
            state.strikes += 1
            state.recent.append(True)
        tried = f"{state.strikes} trials in a row"
        if state.strikes < STRIKES:
            if len(state.recent) < WINDOW or sum(state.recent) < HOPELESS * WINDOW:
                return
            tried = f"{sum(state.recent)} of the last {WINDOW} trials"
        state.verdict = ProviderError(
            "infra:stopped", f"given up after {tried} failed, the last: {error}", retryable=False, fatal=True
        )

    def _state(self, lane: str) -> _State:
        state = self._lanes.get(lane)
        if state is None:
            state = self._lanes[lane] = _State()
        return state

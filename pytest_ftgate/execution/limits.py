"""How much one vendor account may be asked at once and per minute. Pure: the time is handed in.

The number of requests under way is adaptive: it grows by one for each whole window of answers and is halved
when the vendor refuses for load (additive increase, multiplicative decrease; Chiu and Jain, 1989), or when
latencies grow to three times their best.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from statistics import median

MINUTE_S = 60.0
SAMPLES = 20
"""Latencies whose median is looked at."""

BLOW_UP = 3.0
"""Times the best median that latencies may grow to."""

PAUSE_CAP_S = 120.0
"""A vendor may ask for hours; waiting longer than this would look like a hang."""


@dataclass(slots=True)
class Ticket:
    """One attempt under way. `tokens` is what it was estimated to take, then what it took."""

    at_s: float
    tokens: int
    epoch: int


@dataclass(slots=True)
class Account:
    """The limits of one account. `rpm` and `tpm` hold for any 60 seconds; None = no limit.

    Times are seconds of a clock that only goes forward.
    """

    concurrency: int
    rpm: int | None = None
    tpm: int | None = None
    window: float = 0.0
    under_way: int = 0
    paused_until_s: float = 0.0
    _sent: deque[Ticket] = field(default_factory=deque)
    _tokens: int = 0
    _epoch: int = 0
    _latencies: deque[float] = field(default_factory=lambda: deque(maxlen=SAMPLES))
    _best_s: float | None = None
    _has_slowed: bool = False

    def __post_init__(self) -> None:
        self.concurrency = max(1, self.concurrency)
        self.window = float(self.concurrency)

    def wait_s(self, now_s: float, tokens: int) -> float | None:
        """Seconds until a request of that size may go; 0 = now, None = not before another one ends."""
        if self.under_way >= int(self.window):
            return None
        return max(0.0, self.paused_until_s - now_s, self._wait_for_minute(now_s, tokens))

    def begin(self, now_s: float, tokens: int) -> Ticket:
        """A request goes out."""
        ticket = Ticket(now_s, tokens, self._epoch)
        self.under_way += 1
        if self.rpm is not None or self.tpm is not None:
            self._sent.append(ticket)
            self._tokens += tokens
        return ticket

    def end(self, ticket: Ticket, tokens: int | None) -> None:
        """It is over; `tokens` is what it really took, None = not known."""
        self.under_way -= 1
        if tokens is not None:
            if self._sent and ticket.at_s >= self._sent[0].at_s:
                self._tokens += tokens - ticket.tokens
            ticket.tokens = tokens

    def note_answer(self, ticket: Ticket, latency_s: float | None) -> None:
        """An answer came: the window grows, unless answers have become slow."""
        self.window = min(float(self.concurrency), self.window + 1 / self.window)
        if latency_s is not None:
            self.note_latency(ticket, latency_s)

    def note_latency(self, ticket: Ticket, latency_s: float) -> None:
        """How long an answer took, or was waited for in vain."""
        if ticket.epoch != self._epoch:
            return
        self._latencies.append(latency_s)
        if len(self._latencies) < SAMPLES:
            return
        middle = median(self._latencies)
        if self._best_s is None or middle < self._best_s:
            self._best_s = middle
        if middle <= BLOW_UP * self._best_s:
            self._has_slowed = False
        elif self._has_slowed:
            # Asking less did not help: answers are longer now, and our load is not why.
            self._best_s, self._has_slowed = middle, False
        else:
            self._has_slowed = True
            self._shrink()

    def note_overload(self, ticket: Ticket) -> None:
        """The vendor refused for load. One crowd of refusals counts once."""
        if ticket.epoch == self._epoch:
            self._shrink()

    def pause(self, now_s: float, seconds: float) -> None:
        """Nothing goes out for so long, whichever request was told so."""
        self.paused_until_s = max(self.paused_until_s, now_s + min(max(0.0, seconds), PAUSE_CAP_S))

    def _shrink(self) -> None:
        self.window = max(1.0, self.window / 2)
        self._epoch += 1
        self._latencies.clear()

    def _wait_for_minute(self, now_s: float, tokens: int) -> float:
        while self._sent and now_s - self._sent[0].at_s >= MINUTE_S:
            self._tokens -= self._sent.popleft().tokens
        if not self._sent:
            # One that is larger than the limit could otherwise never go.
            return 0.0
        is_full = self.rpm is not None and len(self._sent) >= self.rpm
        if is_full or (self.tpm is not None and self._tokens + tokens > self.tpm):
            return self._sent[0].at_s + MINUTE_S - now_s
        return 0.0

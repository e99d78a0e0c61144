"""How far a run is: counted as items come in, said in one line. Knows no terminal and no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pytest_ftgate.glue.payload import Payload
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.trial import Plan, PlannedItem
from pytest_ftgate.reports.hostile_text import cut_text, show_text
from pytest_ftgate.reports.numbers import format_accuracy, format_count, format_interval, format_money
from pytest_ftgate.statistics.intervals import Groups
from pytest_ftgate.statistics.rates import DISPLAY_ALPHA, measure_rate

WINDOW_S = 30.0
"""The rate is that of the last seconds: answers of the response store come much faster than others."""

MEASURE_EVERY_S = 1.0
LINE_EVERY_S = 30.0
LINE_EVERY_SHARE = 0.1
LEAST_PAUSE_S = 5.0
"""Between two lines, however fast the run is."""

Rung = tuple[str, str, str]
"""Evalset, arm, role."""


@dataclass(slots=True)
class ArmCount:
    """The arm that an evalset is at: judged and passed trials by case."""

    rung: Rung
    judged: dict[str, int] = field(default_factory=dict)
    passed: dict[str, int] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Count a trial, if it was judged."""
        if record.is_judged:
            case = record.key.case
            self.judged[case] = self.judged.get(case, 0) + 1
            if record.outcome == "passed":
                self.passed[case] = self.passed.get(case, 0) + 1


class Progress:
    """Counts booked items. All times are seconds of one clock that never goes back.

    `planned`: evalset, arm and role → its items, of which each has so many trials.
    """

    def __init__(
        self, selected: Mapping[str, Iterable[PlannedItem]], plans: Iterable[Plan], now: float
    ) -> None:
        self.planned, self.done, self.errors = 0, 0, 0
        self.spent_usd, self.has_price, self.has_paid = 0.0, False, False
        self._trials_an_item: dict[Rung, int] = {}
        for item in (item for items in selected.values() for item in items):
            self.planned += len(item.trials)
            self._trials_an_item[item.evalset, item.arm, item.role] = len(item.trials)
        self._groups: dict[str, Groups] = {
            plan.evalset.name: {case.id: case.group for case in plan.evalset.cases if case.group is not None}
            for plan in plans
        }
        self._arms: dict[str, ArmCount] = {}
        self._latest: str | None = None
        self._samples: deque[tuple[float, int]] = deque([(now, 0)])
        self._measured_at = float("-inf")
        self._accuracy: list[str] = []
        self._line_at, self._line_done = now, 0

    def book(self, payload: Payload, now: float) -> None:
        """Take in an item that has come back."""
        rung = payload.evalset, payload.arm, payload.role
        if payload.not_needed:
            self.planned -= self._trials_an_item.get(rung, 0)
            return
        self.planned -= payload.dropped
        # Suspects may be given repeats beyond the plan, which come with the last item.
        own = self._trials_an_item.get(rung, 0)
        planned = [record for record in payload.records if record.key.repeat <= own]
        self.planned += len(payload.records) - len(planned)
        self.done += len(payload.records)
        arm = self._arms.get(payload.evalset)
        if arm is None or arm.rung != rung:
            arm = self._arms[payload.evalset] = ArmCount(rung)
        self._latest = payload.evalset
        for record in payload.records:
            self._count_spending(record)
        for record in planned:
            arm.add(record)
        if now - self._samples[-1][0] >= 1.0:
            self._samples.append((now, self.done))
        elif len(self._samples) > 1:
            self._samples[-1] = self._samples[-1][0], self.done

    def _count_spending(self, record: Record) -> None:
        self.errors += record.outcome == "error"
        costs = [None if record.cached else record.cost_usd, record.serving_cost_usd]
        self.has_paid = self.has_paid or not record.cached
        for cost in costs:
            if cost is not None:
                self.spent_usd, self.has_price = self.spent_usd + cost, True

    def describe(self, now: float, width: int = 200) -> str:
        """Done and planned trials, rate, time left, spending, errors, accuracy of the arm it is at.

        The rate and the word "trials" are left out where `width` columns do not hold them.
        """
        known = self.has_price or not self.has_paid
        money = format_money(self.spent_usd) if known else "cost unknown"
        rest = [money, format_count(self.errors, "error"), *self._measure(now)]
        count, rate = f"ftgate: {self.done:,}/{self.planned:,}", self.rate(now)
        if rate > 0:
            rest.insert(0, f"ETA {format_duration((self.planned - self.done) / rate)}")
        pace = [f"{rate:.0f}/s" if rate >= 9.5 else f"{rate:.1f}/s"] if rate > 0 else []
        for parts in ([f"{count} trials", *pace, *rest], [f"{count} trials", *rest]):
            line = ", ".join(parts)
            if len(line) <= width:
                return line
        return cut_text(", ".join([count, *rest]), width)

    def rate(self, now: float) -> float:
        """Trials a second, over the last WINDOW_S."""
        while len(self._samples) > 1 and now - self._samples[1][0] >= WINDOW_S:
            self._samples.popleft()
        since, done = self._samples[0]
        return (self.done - done) / (now - since) if now > since else 0.0

    def is_line_due(self, now: float) -> bool:
        """Whether it is time for another plain line; then the next one is due later."""
        pause = now - self._line_at
        has_moved = self.done - self._line_done >= LINE_EVERY_SHARE * self.planned
        if pause < LEAST_PAUSE_S or not (has_moved or pause >= LINE_EVERY_S):
            return False
        self._line_at, self._line_done = now, self.done
        return True

    def _measure(self, now: float) -> list[str]:
        """The accuracy so far with its 95 % interval; at most once a second, for it looks at every case."""
        if now - self._measured_at >= MEASURE_EVERY_S and self._latest is not None:
            self._measured_at = now
            arm = self._arms[self._latest]
            groups = self._groups.get(self._latest, {})
            rate = measure_rate(arm.passed, arm.judged, groups, alpha=DISPLAY_ALPHA)
            _, name, role = arm.rung
            shown = {"value": rate.value, "low": rate.low, "high": rate.high}
            who = show_text(name) if role == "candidate" else f"{show_text(name)} [{role}]"
            self._accuracy = (
                [f"{who} {format_accuracy(shown)} ({format_interval(shown)})"] if arm.judged else []
            )
        return self._accuracy


def format_duration(seconds: float) -> str:
    """'8s', '3m20s', '1h05m'."""
    whole = round(max(0.0, seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600:,}h{whole % 3600 // 60:02d}m"

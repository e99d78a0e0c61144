"""One arm × role of an evalset while it runs: what is asked of it, and whether that is enough."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from pytest_ftgate.looks import FEWEST_CASES, Schedule, arm_alpha
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.response import Answer, Response, SchemaEnforced
from pytest_ftgate.model.run import Looks
from pytest_ftgate.model.trial import Plan, PlannedItem, Trial
from pytest_ftgate.pipeline import is_proven_at_bar
from pytest_ftgate.statistics.intervals import build_sample
from pytest_ftgate.statistics.sequential import find_level

IDENTICAL_CASES = FEWEST_CASES
"""Cases whose first two responses must be identical before later repeats are dropped (STATISTICS 3.6)."""

_GLANCES = 8
"""How often within a look it is asked whether the look can still prove the arm."""

Submit = Callable[[Iterable[Trial]], None]


@dataclass(slots=True)
class Rung:
    """One arm × role of an evalset. Its items are finished in their order.

    `climbs`: it is a rung of a ladder that may end here. `drops`: later repeats may be left out where
    they are seen to be identical. `must_run`: cases that run even where the arm was
    stopped. `few`: only the first two repeats of the items `block` and the
    first of the others are asked so far. `asked`: items that were submitted.
    `enforced` and `probe`: what the probe of its form showed.
    `looks`: how the arm is watched; None where it runs whole. `is_stopped`: it was proven at a look, so
    that its other cases are not needed.
    """

    plan: Plan
    arm: str
    role: str
    items: list[PlannedItem] = field(default_factory=list)
    climbs: bool = False
    drops: bool = True
    schedule: Schedule | None = None
    must_run: frozenset[str] = frozenset()
    enforced: SchemaEnforced | None = None
    probe: str = ""
    repeats_kept: int | None = None
    few: bool = False
    block: Sequence[PlannedItem] = ()
    records: list[Record] = field(default_factory=list)
    finished: int = 0
    is_stopped: bool = False
    asked: int = 0
    looks: Looks | None = None
    graded: dict[str, int] = field(default_factory=dict)
    passed: dict[str, int] = field(default_factory=dict)
    _is_proven: bool | None = None

    @property
    def why_proven(self) -> str:
        """That the arm is proven, and on how much where it was stopped."""
        looks, total = self.looks, len(self.plan.evalset.cases)
        if looks is None or not looks.is_stopped:
            return f"{self.arm} is proven at the bar"
        share = f"{total - looks.cases_left_out - len(looks.beyond):,} of {total:,} cases"
        return f"{self.arm} is proven at the bar after {share} (look {looks.look} of {looks.looks})"

    @property
    def is_proven(self) -> bool:
        """Whether all its items are finished and the arm is proven at the bar."""
        if self.finished < len(self.items):
            return False
        if self._is_proven is None:
            self._is_proven = is_proven_at_bar(self.plan, self.records, self.arm, self.looks)
        return self._is_proven

    # -- what is asked ------------------------------------------------------------------------

    def open(self, submit: Submit) -> None:
        """Ask what is needed up to the first look."""
        if self.schedule is not None:
            self.looks = Looks(look=self.schedule.looks, looks=self.schedule.looks)
        first = self.items[0].trials[0]
        self.few = (
            self.plan.repeats > 2
            and self.drops
            and first.request.params.get("temperature") == 0
            and len(self.items) >= IDENTICAL_CASES
        )
        if self.few:
            # The first ones of the file, whatever the order: a recording then holds with looks and without.
            places = {case.id: place for place, case in enumerate(self.plan.evalset.cases)}
            self.block = sorted(self.items, key=lambda item: places[item.case])[:IDENTICAL_CASES]
            # They are asked at once, so they run even where the arm is stopped before them.
            self.must_run |= {item.case for item in self.block}
            submit(trial for item in self.block for trial in item.trials[:2])
        self._ask_on(submit)

    def _ask_on(self, submit: Submit) -> None:
        """Ask the items up to the look that comes after those asked already."""
        end = self.schedule.next_end(self.asked, len(self.items)) if self.schedule else len(self.items)
        items, self.asked = self.items[self.asked : end], end
        submit(trial for item in items for trial in self._list_open(item))

    def _list_open(self, item: PlannedItem) -> Sequence[Trial]:
        """The wanted trials of an item that were not asked ahead."""
        asked = 2 if self._is_in_block(item) else 0
        return self.keep_trials(item)[asked:] if not self.few else item.trials[asked:1]

    def _is_in_block(self, item: PlannedItem) -> bool:
        return any(item is seen for seen in self.block)

    def settle_repeats(self, submit: Submit, answer: Callable[[Trial], Answer]) -> None:
        """Drop the later repeats where the first 20 cases gave the same answer twice; else ask them."""
        if not self.few:
            return
        self.few = False
        pairs = [(answer(item.trials[0]), answer(item.trials[1])) for item in self.block]
        if all(_is_same(first, second) for first, second in pairs):
            self.repeats_kept = 1
            return
        items = self.items[: self.asked]
        submit(trial for item in items for trial in item.trials[2 if self._is_in_block(item) else 1 :])

    def keep_trials(self, item: PlannedItem) -> Sequence[Trial]:
        """The trials of an item that are not dropped for being identical."""
        if self.repeats_kept is None:
            return item.trials
        # The cases that showed it were asked twice; their second answer is paid for and kept.
        return item.trials[: 2 if self._is_in_block(item) else self.repeats_kept]

    # -- when it is enough --------------------------------------------------------------------

    def book(self, case: str, records: Sequence[Record], submit: Submit) -> None:
        """Take note of a finished item; at a look stop the arm, or ask on.

        What is asked depends on answers alone. That more than the look's cases are asked where it cannot
        prove the arm any more changes no decision: the look is held all the same.
        """
        self.finished += 1
        if self.is_stopped or not self.climbs:
            return
        self.records += map(_slim, records)
        if self.schedule is None:
            return
        if graded := sum(r.outcome in ("passed", "failed") for r in records):
            self.graded[case] = graded
            self.passed[case] = sum(r.outcome == "passed" for r in records)
        look = self.schedule.at.get(self.finished)
        if look is not None and self._is_enough(look, self.schedule.looks):
            rest = [item for item in self.items[self.finished :] if item.case in self.must_run]
            submit(trial for item in rest for trial in self._list_open(item))
        elif self.asked == self.finished or self._is_hopeless(self.schedule):
            self._ask_on(submit)

    def _is_enough(self, look: int, looks: int) -> bool:
        rest = [item.case for item in self.items[self.finished :]]
        beyond = tuple(case for case in rest if case in self.must_run)
        so_far = Looks(
            look=look,
            looks=looks,
            cases_left_out=len(rest) - len(beyond),
            trials_left_out=sum(len(item.trials) for item in self.items) - len(self.records),
            beyond=beyond,
        )
        if is_proven_at_bar(self.plan, self.records, self.arm, so_far, must_be_answered=True):
            self.looks, self._is_proven, self.is_stopped = so_far, True, True
        return self.is_stopped

    def _is_hopeless(self, schedule: Schedule) -> bool:
        """Whether the coming look fails even if all its other cases pass; asked now and then."""
        end = self.asked
        look = schedule.at.get(end)
        if look is None or self.finished % max(1, end // _GLANCES):
            return False
        rest = {item.case: len(item.trials) for item in self.items[self.finished : end]}
        groups = {case.id: case.group for case in self.plan.evalset.cases if case.group is not None}
        shares = {case: self.passed[case] / graded for case, graded in self.graded.items()}
        best = build_sample(self.graded | rest, groups).estimate(shares | dict.fromkeys(rest, 1.0))
        level = find_level(look, schedule.looks, arm_alpha(self.plan, self.arm))
        return best.lower(level) < self.plan.evalset.bar


def _slim(record: Record) -> Record:
    """What the ladder needs: outcomes, signatures, and whether two answers are the same.

    The answers of a large evalset must not pile up in memory.
    """
    if record.output is None and not record.tool_calls:
        return replace(record, grades=())
    calls = [(call.name, call.arguments) for call in record.tool_calls]
    mark = sha256(repr((record.output, calls)).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return replace(record, output=mark, tool_calls=(), grades=())


def _is_same(first: Answer, second: Answer) -> bool:
    if not (isinstance(first, Response) and isinstance(second, Response)):
        return False
    return first.text == second.text and [(c.name, c.arguments) for c in first.tool_calls] == [
        (c.name, c.arguments) for c in second.tool_calls
    ]

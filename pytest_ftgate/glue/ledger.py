"""The controller's book of a run: which items came back, with which records."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pytest_ftgate.failing import FailedItem
from pytest_ftgate.glue.payload import Payload
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.run import Looks, RunFacts
from pytest_ftgate.model.trial import Plan, PlannedItem


@dataclass(slots=True)
class Watch:
    """How an arm × role was looked at, as its items came back; see `Looks`."""

    look: int
    looks: int
    cases_left_out: int = 0
    trials_left_out: int = 0
    beyond: list[str] = field(default_factory=list)

    def add(self, payload: Payload) -> None:
        """Take note of an item that comes after the stop."""
        if payload.stopped_at is None:
            return
        self.look = payload.stopped_at
        if payload.not_needed:
            self.cases_left_out += 1
            self.trials_left_out += payload.left_out
        else:
            self.beyond.append(payload.case)

    def freeze(self) -> Looks:
        """What the summary reads."""
        return Looks(
            look=self.look,
            looks=self.looks,
            cases_left_out=self.cases_left_out,
            trials_left_out=self.trials_left_out,
            beyond=tuple(self.beyond),
        )


@dataclass(slots=True)
class Account:
    """What is known of one evalset."""

    records: list[Record] = field(default_factory=list)
    finished: defaultdict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)
    not_needed: dict[str, str] = field(default_factory=dict)
    unsupported: set[str] = field(default_factory=set)
    probes: dict[str, str] = field(default_factory=dict)
    watches: dict[tuple[str, str], Watch] = field(default_factory=dict)
    failed: list[FailedItem] = field(default_factory=list)


class Ledger:
    """Accounts by evalset name. An item that comes back twice is booked once.

    `slim` may replace a record by a like one that takes less memory.
    """

    def __init__(self, slim: Callable[[Record], Record] | None = None) -> None:
        self._accounts: dict[str, Account] = {}
        self._slim = slim

    def book(self, payload: Payload) -> bool:
        """Book an item; False where it was booked before."""
        account = self._accounts.get(payload.evalset)
        if account is None:
            account = self._accounts[payload.evalset] = Account()
        finished = account.finished[payload.arm, payload.role]
        if payload.case in finished:
            return False
        finished.add(payload.case)
        account.records += map(self._slim, payload.records) if self._slim else payload.records
        if payload.status in ("failed", "error"):
            account.failed.append(
                FailedItem(
                    arm=payload.arm,
                    role=payload.role,
                    case=payload.case,
                    status=payload.status,
                    reason=payload.reason,
                )
            )
        if payload.dropped:
            account.dropped[payload.arm, payload.role] += payload.dropped
        if payload.looks:
            watch = Watch(look=payload.looks, looks=payload.looks)
            account.watches.setdefault((payload.arm, payload.role), watch).add(payload)
        if payload.not_needed and payload.stopped_at is None:
            account.not_needed[payload.arm] = payload.not_needed
        if payload.unsupported:
            account.unsupported.add(payload.arm)
        if payload.probe:
            account.probes[payload.arm] = payload.probe
        return True

    def evalsets(self) -> set[str]:
        """Names of the evalsets that items came back for."""
        return set(self._accounts)

    def failed(self, evalset: str) -> list[FailedItem]:
        """The items of an evalset that fail the build by themselves, in order of arrival."""
        return self._accounts.get(evalset, Account()).failed

    def records(self, evalset: str) -> list[Record]:
        """All records of an evalset, in order of arrival."""
        return self._accounts.get(evalset, Account()).records

    def facts(self, plan: Plan, selected: Sequence[PlannedItem], stop: str | None) -> RunFacts:
        """What happened to the plan, as far as its selected items are concerned."""
        account = self._accounts.get(plan.evalset.name, Account())
        lost = [item for item in selected if item.case not in account.finished[item.arm, item.role]]
        return RunFacts(
            selected=len(selected),
            total=len(plan.items),
            partial=len(selected) < len(plan.items),
            dropped=dict(account.dropped),
            not_needed=dict(account.not_needed),
            unsupported=frozenset(account.unsupported),
            probes=dict(account.probes),
            looks={name: watch.freeze() for name, watch in account.watches.items()},
            missing=sum(len(item.trials) for item in lost),
            stop=stop,
            requests_sent=sum(
                record.serving_attempts + (0 if record.cached else record.attempts)
                for record in account.records
            ),
        )

"""The controller's book of a run: which items came back, with which records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from pytest_ftgate.glue.payload import Payload
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.run import RunFacts
from pytest_ftgate.model.trial import Plan, PlannedItem


@dataclass(slots=True)
class Account:
    """What is known of one evalset."""

    records: list[Record] = field(default_factory=list)
    finished: set[tuple[str, str, str]] = field(default_factory=set)
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)
    not_needed: dict[str, str] = field(default_factory=dict)
    unsupported: set[str] = field(default_factory=set)


class Ledger:
    """Accounts by evalset name. An item that comes back twice is booked once."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}

    def book(self, payload: Payload) -> bool:
        """Book an item; False where it was booked before."""
        account = self._accounts.setdefault(payload.evalset, Account())
        key = (payload.arm, payload.role, payload.case)
        if key in account.finished:
            return False
        account.finished.add(key)
        account.records += payload.records
        if payload.dropped:
            account.dropped[payload.arm, payload.role] += payload.dropped
        if payload.not_needed:
            account.not_needed[payload.arm] = payload.not_needed
        if payload.unsupported:
            account.unsupported.add(payload.arm)
        return True

    def evalsets(self) -> set[str]:
        """Names of the evalsets that items came back for."""
        return set(self._accounts)

    def records(self, evalset: str) -> list[Record]:
        """All records of an evalset, in order of arrival."""
        return self._accounts.get(evalset, Account()).records

    def facts(self, plan: Plan, selected: Sequence[PlannedItem], stop: str | None) -> RunFacts:
        """What happened to the plan, as far as its selected items are concerned."""
        account = self._accounts.get(plan.evalset.name, Account())
        lost = [item for item in selected if (item.arm, item.role, item.case) not in account.finished]
        return RunFacts(
            selected=len(selected),
            total=len(plan.items),
            partial=len(selected) < len(plan.items),
            dropped=dict(account.dropped),
            not_needed=dict(account.not_needed),
            unsupported=frozenset(account.unsupported),
            missing=sum(len(item.trials) for item in lost),
            stop=stop,
            requests_sent=sum(
                record.serving_attempts + (0 if record.cached else record.attempts)
                for record in account.records
            ),
        )

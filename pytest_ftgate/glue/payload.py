"""What an item's test report carries from the process that ran it to the controller: one JSON string."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from pytest_ftgate.model.codec import decode_record, encode_record
from pytest_ftgate.model.record import Record

ATTRIBUTE = "ftgate"
"""The attribute of the test report. A string survives xdist's serialisation; a rich object does not."""


SEPARATOR = ', "records": '
"""Stands between the short head of the payload and the records; never inside a JSON string of the head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """An item's share of the run. `status` is the item's, `reason` its short explanation."""

    evalset: str
    arm: str
    role: str
    case: str
    status: str
    reason: str = ""
    records: tuple[Record, ...] = ()
    dropped: int = 0
    not_needed: str | None = None
    unsupported: bool = False


def attach(report: pytest.TestReport, payload: Payload) -> None:
    """Put the payload on a report."""
    head = json.dumps(
        {
            "evalset": payload.evalset,
            "arm": payload.arm,
            "role": payload.role,
            "case": payload.case,
            "status": payload.status,
            "reason": payload.reason,
            "dropped": payload.dropped,
            "not_needed": payload.not_needed,
            "unsupported": payload.unsupported,
        }
    )
    records = json.dumps([encode_record(record) for record in payload.records])
    setattr(report, ATTRIBUTE, f"{head[:-1]}{SEPARATOR}{records}}}")


def status_of(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    """The item's status on a report, or None; reads no more than the head of the payload."""
    text = getattr(report, ATTRIBUTE, None)
    return None if text is None else str(json.loads(text[: text.index(SEPARATOR)] + "}")["status"])


def detach(report: pytest.TestReport) -> Payload | None:
    """The payload of a report, or None for a report that is not an item's."""
    text = getattr(report, ATTRIBUTE, None)
    if text is None:
        return None
    data = json.loads(text)
    data["records"] = tuple(decode_record(record) for record in data["records"])
    return Payload(**data)

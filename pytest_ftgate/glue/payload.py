"""What an item's test report carries: a payload, as one JSON string from a worker to the controller."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from pytest_ftgate.model.codec import decode_record, dump_json
from pytest_ftgate.model.record import Record

ATTRIBUTE = "ftgate"
"""The attribute of the test report. A string survives xdist's serialisation; a rich object does not."""

STATUS = "ftgate_status"
"""The attribute with the item's status alone, which stays on the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """An item's share of the run. `status` is the item's, `reason` its short explanation.

    `lines`: the JSON texts of its records, with no key in them.
    """

    evalset: str
    arm: str
    role: str
    case: str
    status: str
    reason: str = ""
    records: tuple[Record, ...] = ()
    lines: tuple[str, ...] = ()
    dropped: int = 0
    not_needed: str | None = None
    unsupported: bool = False
    looks: int = 0
    stopped_at: int | None = None
    left_out: int = 0
    probe: str = ""


def attach(report: pytest.TestReport, payload: Payload, *, as_text: bool) -> None:
    """Put the payload on a report; `as_text` where the report goes to another process."""
    setattr(report, ATTRIBUTE, _write(payload) if as_text else payload)
    setattr(report, STATUS, payload.status)


def _write(payload: Payload) -> str:
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
            "looks": payload.looks,
            "stopped_at": payload.stopped_at,
            "left_out": payload.left_out,
            "probe": payload.probe,
        }
    )
    return f'{head[:-1]}, "records": [{",".join(payload.lines)}]}}'


def status_of(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    """The item's status on a report, or None."""
    return getattr(report, STATUS, None)


def detach(report: pytest.TestReport) -> Payload | None:
    """Take the payload off a report; None for a report that is not an item's.

    The status stays: the terminal keeps all reports, and answers must not pile up there.
    """
    found = vars(report).pop(ATTRIBUTE, None)
    return _read(found) if isinstance(found, str) else found


def _read(text: str) -> Payload:
    data = json.loads(text)
    data["lines"] = tuple(dump_json(record) for record in data["records"])
    data["records"] = tuple(decode_record(record) for record in data["records"])
    return Payload(**data)

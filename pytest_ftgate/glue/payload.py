"""What an item's test report carries: a payload, as one JSON string from a worker to the controller."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import pytest

from pytest_ftgate.model.codec import decode_record, dump_json
from pytest_ftgate.model.record import Record

ATTRIBUTE = "ftgate"
"""The attribute of the test report. A string survives xdist's serialisation; a rich object does not."""


SEPARATOR = ', "records": '
"""Stands between the short head of the payload and the records; never inside a JSON string of the head."""


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
    return f"{head[:-1]}{SEPARATOR}[{','.join(payload.lines)}]}}"


def status_of(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    """The item's status on a report, or None; reads no more than the head of the payload."""
    found = getattr(report, ATTRIBUTE, None)
    if found is None or isinstance(found, Payload):
        return None if found is None else found.status
    return str(json.loads(found[: found.index(SEPARATOR)] + "}")["status"])


def detach(report: pytest.TestReport) -> Payload | None:
    """Take the payload off a report; None for a report that is not an item's.

    What `status_of` needs stays: the terminal keeps all reports, and answers must not pile up there.
    """
    found = getattr(report, ATTRIBUTE, None)
    if found is None:
        return None
    payload = found if isinstance(found, Payload) else _read(found)
    setattr(report, ATTRIBUTE, replace(payload, records=(), lines=()))
    return payload


def _read(text: str) -> Payload:
    data = json.loads(text)
    data["lines"] = tuple(dump_json(record) for record in data["records"])
    data["records"] = tuple(decode_record(record) for record in data["records"])
    return Payload(**data)

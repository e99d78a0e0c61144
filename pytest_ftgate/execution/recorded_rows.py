"""Recorded responses: the lines of `--ftgate-replay` files, read and written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from pytest_ftgate.errors import RecordedResponsesError, suggest
from pytest_ftgate.model.codec import decode_response, dump_json, encode_response, load_json
from pytest_ftgate.model.evalset import AS_IS, CANDIDATE, Json
from pytest_ftgate.model.json_keys import read_count, read_text, read_text_or_none
from pytest_ftgate.model.response import Answer, Failure
from pytest_ftgate.model.trial import Plan, Trial

PROBLEMS_SHOWN = 20

_SIGNATURE = re.compile(r"(infra|call|refusal):[^\s]+")


class RowKey(NamedTuple):
    """Which trial a row answers. `evalset` None = the row names none."""

    evalset: str | None
    case: str
    arm: str
    role: str
    repeat: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRow:
    """One line of a file: the answer to a trial. `request_hash` None = not tied to a prompt.

    `graders_hash`: the trial's when it was recorded; None where it had none, or none was written.
    """

    answer: Answer
    request_hash: str | None
    place: str
    graders_hash: str | None = None


class RecordedResponses:
    """All rows of some files, by trial."""

    def __init__(self, rows: Mapping[RowKey, RecordedRow]) -> None:
        self._rows = rows

    @classmethod
    def load(cls, paths: Iterable[str | Path]) -> RecordedResponses:
        """Read files. Raises RecordedResponsesError listing bad lines and duplicate keys as `file:line`."""
        rows: dict[RowKey, RecordedRow] = {}
        problems: list[str] = []
        for path in paths:
            for place, line in _lines(Path(path)):
                try:
                    key, row = _read_row(line, place)
                except ValueError as error:
                    problems.append(f"{place}: {error}")
                    continue
                if key in rows:
                    problems.append(f"{place}: {_name(key)} was already answered at {rows[key].place}")
                else:
                    rows[key] = row
        _raise_problems(problems, "Mend or remove these lines, or record again with --ftgate-record.")
        return cls(rows)

    def check(self, plans: Sequence[Plan]) -> None:
        """Raise RecordedResponsesError for rows whose case or arm is in none of the plans.

        Rows that name an evalset which is not planned belong to another run and are left alone.
        """
        known = {plan.evalset.name: _names(plan) for plan in plans}
        problems = []
        for key, row in self._rows.items():
            names = [known[key.evalset]] if key.evalset in known else []
            if key.evalset is None:
                names = list(known.values())
            if names and not any(key.case in cases and key.arm in arms for cases, arms in names):
                problems.append(f"{row.place}: {_explain_unknown(key, names)}")
        _raise_problems(problems, "Remove these lines, or record again with --ftgate-record.")

    def find(self, trial: Trial) -> RecordedRow | None:
        """The row of a trial; a trial that re-judges another arm's answers falls back to that arm's row."""
        key = trial.key
        for arm in (key.arm, trial.source_arm):
            if arm is None:
                continue
            for evalset in (key.evalset, None):
                row = self._rows.get(RowKey(evalset, key.case, arm, key.role, key.repeat))
                if row is not None:
                    return row
        return None

    def __len__(self) -> int:
        return len(self._rows)


def row_line(key: RowKey, request_hash: str, answer: Answer, graders_hash: str | None = None) -> str:
    """The line of one answer, without its line end; `request_hash` is always in it."""
    line: dict[str, Json] = {**key._asdict(), "request_hash": request_hash}
    if isinstance(answer, Failure):
        line["error"] = {"signature": answer.signature, "message": answer.message}
        return dump_json(line)
    if graders_hash is not None:
        line["graders_hash"] = graders_hash
    body = encode_response(answer)
    line["output"] = body.pop("text")
    for name in ("cached", "attempts", "tied_to_prompt"):
        body.pop(name, None)
    return dump_json(line | body)


def key_of(line: bytes, place: str) -> RowKey:
    """The key of a line. Raises ValueError for a bad one."""
    return _read_row(line, place)[0]


def _lines(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield f"{path}:{number}", line
    except OSError as error:
        raise RecordedResponsesError(
            f"{path}: cannot be read ({error.strerror or error}). Record one with --ftgate-record."
        ) from None


def _read_row(line: bytes, place: str) -> tuple[RowKey, RecordedRow]:
    try:
        body = load_json(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None
    except ValueError as error:
        raise ValueError(f"is no JSON ({error})") from None
    if not isinstance(body, dict):
        raise ValueError('must be a JSON object such as {"case": "c-1", "output": "..."}')
    key = RowKey(
        read_text_or_none(body, "evalset"),
        read_text(body, "case"),
        read_text(body, "arm", default=AS_IS),
        read_text(body, "role", default=CANDIDATE),
        read_count(body, "repeat", default=1, minimum=1),
    )
    request_hash = read_text_or_none(body, "request_hash")
    return key, RecordedRow(
        answer=_read_answer(body, request_hash),
        request_hash=request_hash,
        place=place,
        graders_hash=read_text_or_none(body, "graders_hash"),
    )


def _read_answer(body: dict[str, Any], request_hash: str | None) -> Answer:
    error = body.get("error")
    if error is not None:
        return _read_failure(error)
    if "output" not in body and not body.get("tool_calls"):
        raise ValueError("has neither `output`, `tool_calls` nor `error`")
    response = decode_response({**body, "text": read_text_or_none(body, "output"), "attempts": 1})
    return replace(response, cached=True, tied_to_prompt=request_hash is not None)


def _read_failure(error: object) -> Failure:
    if isinstance(error, dict):
        signature, message = read_text(error, "signature"), read_text(error, "message", default="")
    elif isinstance(error, str):
        found = _SIGNATURE.match(error)
        signature, message = (found.group().rstrip(":,;"), error) if found else ("infra:recorded", error)
    else:
        raise ValueError("error: must be text, or an object with `signature` and `message`")
    if not _SIGNATURE.fullmatch(signature):
        raise ValueError(f"error: {signature!r} is no signature of a failed request, such as infra:timeout")
    return Failure(signature=signature, message=message, attempts=0)


def _names(plan: Plan) -> tuple[set[str], set[str]]:
    cases = {case.id for case in plan.evalset.cases}
    return cases, {arm.name for arm in plan.evalset.arms} | {arm.name for arm in plan.arms}


def _explain_unknown(key: RowKey, names: Sequence[tuple[set[str], set[str]]]) -> str:
    cases = sorted(set().union(*(cases for cases, _ in names)))
    arms = sorted(set().union(*(arms for _, arms in names)))
    if key.case not in cases:
        close = suggest(key.case, cases).partition(" Known:")[0]
        return f"case {key.case!r} is in no planned evalset.{close}"
    if key.arm not in arms:
        return f"arm {key.arm!r} is in no planned evalset.{suggest(key.arm, arms)}"
    return f"no planned evalset has both case {key.case!r} and arm {key.arm!r}"


def _name(key: RowKey) -> str:
    return f"case {key.case!r}, arm {key.arm!r}, role {key.role!r}, repeat {key.repeat}"


def _raise_problems(problems: Sequence[str], remedy: str) -> None:
    if not problems:
        return
    shown = list(problems[:PROBLEMS_SHOWN])
    if len(problems) > PROBLEMS_SHOWN:
        shown.append(f"... and {len(problems) - PROBLEMS_SHOWN} more")
    count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
    raise RecordedResponsesError("\n".join([f"recorded responses: {count}", *shown, remedy]))

"""Records and responses as JSON: one encoding for files, for the store, and between processes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from sys import intern
from typing import Any

from pytest_ftgate.model.evalset import Json
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.json_keys import (
    read_choice,
    read_choice_or_none,
    read_count,
    read_flag,
    read_number_or_none,
    read_objects,
    read_text,
    read_text_or_none,
    read_texts,
    wrong_value,
)
from pytest_ftgate.model.json_writer import write_dense
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.response import Response, ToolCall, Usage
from pytest_ftgate.model.trial import TrialKey

_OUTCOMES = frozenset(("passed", "failed", "error", "ungraded"))
_ENFORCED = frozenset(("enforced", "unsupported", "unverified"))


def dump_json(value: Json) -> str:
    """Compact JSON text that can always be written as UTF-8.

    Text with lone surrogates, which has no UTF-8 form, is written with ASCII escapes: it comes back
    unchanged. Raises ValueError for NaN, infinities, circular or too deeply nested values.
    """
    try:
        text = write_dense(value)
    except RecursionError:
        raise ValueError("the value is nested too deeply to be written as JSON") from None
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return _ASCII.encode(value)
    return text


_ASCII = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def load_json(text: str | bytes) -> Json:
    """The value of a JSON text. Raises ValueError, also for NaN and for nesting without end."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def encode_record(record: Record) -> dict[str, Json]:
    """One line of `records.jsonl` as a JSON-safe mapping (schemas/record.schema.json).

    Keys that DESIGN names are always there; the others only where they differ from their default.
    """
    key = record.key
    line: dict[str, Json] = {
        "evalset": key.evalset,
        "case": key.case,
        "arm": key.arm,
        "role": key.role,
        "repeat": key.repeat,
        "outcome": record.outcome,
        "signature": record.signature,
        "grades": [_encode_grade(grade) for grade in record.grades],
        "output": record.output,
        "tool_calls": [_encode_tool_call(call) for call in record.tool_calls],
        "finish_reason": record.finish_reason,
        "usage": _encode_usage(record.usage),
        "latency_s": _finite(record.latency_s),
        "cost_usd": _finite(record.cost_usd),
        "model": record.model,
        "cached": record.cached,
        "attempts": record.attempts,
        "request_hash": record.request_hash,
    }
    _add_record_extras(line, record)
    return line


def _add_record_extras(line: dict[str, Json], record: Record) -> None:
    if record.secondary:
        line["secondary"] = list(record.secondary)
    for name in ("system_fingerprint", "answered_at", "schema_enforced", "error"):
        if getattr(record, name) is not None:
            line[name] = getattr(record, name)
    if record.turns != 1:
        line["turns"] = record.turns
    if not record.tied_to_prompt:
        line["tied_to_prompt"] = False
    if record.flags:
        line["flags"] = list(record.flags)
    _add_finite(line, record, "paid_usd", "serving_cost_usd")
    if record.serving_attempts:
        line["serving_attempts"] = record.serving_attempts


def decode_record(line: Mapping[str, Any]) -> Record:
    """The record of a `records.jsonl` line. Unknown keys are ignored, absent optional ones defaulted.

    Raises ValueError naming the key where a value is missing or of the wrong type.
    """
    # The same few texts stand in every line: of a large run they must not be kept 100,000 times.
    key = TrialKey(
        evalset=intern(read_text(line, "evalset")),
        case=intern(read_text(line, "case")),
        arm=intern(read_text(line, "arm")),
        role=intern(read_text(line, "role")),
        repeat=read_count(line, "repeat", minimum=1),
    )
    return Record(
        key=key,
        outcome=read_choice(line, "outcome", _OUTCOMES),
        signature=read_text_or_none(line, "signature"),
        secondary=read_texts(line, "secondary"),
        grades=tuple(_decode_grade(item, at) for at, item in read_objects(line, "grades")),
        output=read_text_or_none(line, "output"),
        tool_calls=tuple(_decode_tool_call(item, at) for at, item in read_objects(line, "tool_calls")),
        finish_reason=read_text_or_none(line, "finish_reason"),
        usage=_decode_usage(line),
        latency_s=read_number_or_none(line, "latency_s"),
        cost_usd=read_number_or_none(line, "cost_usd"),
        paid_usd=read_number_or_none(line, "paid_usd"),
        model=read_text_or_none(line, "model"),
        system_fingerprint=read_text_or_none(line, "system_fingerprint"),
        cached=read_flag(line, "cached", False),
        answered_at=read_text_or_none(line, "answered_at"),
        attempts=read_count(line, "attempts", default=0),
        turns=read_count(line, "turns", default=1),
        request_hash=intern(read_text(line, "request_hash", default="")),
        tied_to_prompt=read_flag(line, "tied_to_prompt", True),
        schema_enforced=read_choice_or_none(line, "schema_enforced", _ENFORCED),
        flags=read_texts(line, "flags"),
        error=read_text_or_none(line, "error"),
        serving_cost_usd=read_number_or_none(line, "serving_cost_usd"),
        serving_attempts=read_count(line, "serving_attempts", default=0),
    )


def encode_response(response: Response) -> dict[str, Json]:
    """A response as a JSON-safe mapping, for the response store. Defaults are left out."""
    body: dict[str, Json] = {"text": response.text}
    if response.tool_calls:
        body["tool_calls"] = [_encode_tool_call(call) for call in response.tool_calls]
    if response.usage is not None:
        body["usage"] = _encode_usage(response.usage)
    for name in ("finish_reason", "model", "system_fingerprint", "answered_at", "schema_enforced"):
        value = getattr(response, name)
        if value is not None:
            body[name] = value
    _add_finite(body, response, "latency_s", "cost_usd")
    if response.cached:
        body["cached"] = True
    if not response.tied_to_prompt:
        body["tied_to_prompt"] = False
    if response.attempts != 1:
        body["attempts"] = response.attempts
    if response.turns != 1:
        body["turns"] = response.turns
    return body


def decode_response(body: Mapping[str, Any]) -> Response:
    """The response of `encode_response`. Raises ValueError naming the key of a wrong value."""
    return Response(
        text=read_text_or_none(body, "text"),
        tool_calls=tuple(_decode_tool_call(item, at) for at, item in read_objects(body, "tool_calls")),
        finish_reason=read_text_or_none(body, "finish_reason"),
        usage=_decode_usage(body),
        latency_s=read_number_or_none(body, "latency_s"),
        cost_usd=read_number_or_none(body, "cost_usd"),
        model=read_text_or_none(body, "model"),
        system_fingerprint=read_text_or_none(body, "system_fingerprint"),
        cached=read_flag(body, "cached", False),
        answered_at=read_text_or_none(body, "answered_at"),
        attempts=read_count(body, "attempts", default=1),
        turns=read_count(body, "turns", default=1),
        schema_enforced=read_choice_or_none(body, "schema_enforced", _ENFORCED),
        tied_to_prompt=read_flag(body, "tied_to_prompt", True),
    )


def _encode_grade(grade: Grade) -> dict[str, Json]:
    body: dict[str, Json] = {
        "grader": grade.grader,
        "outcome": grade.outcome,
        "signature": grade.signature,
        "reason": grade.reason,
    }
    if grade.secondary:
        body["secondary"] = list(grade.secondary)
    if grade.is_format:
        body["is_format"] = True
    if grade.expected_label is not None:
        body["expected_label"] = grade.expected_label
    if grade.predicted is not None:
        body["predicted"] = grade.predicted
    if grade.fields:
        body["fields"] = dict(grade.fields)
    _add_finite(body, grade, "score")
    if grade.votes is not None:
        body["votes"] = list(grade.votes)
    return body


def _decode_grade(body: Mapping[str, Any], at: str) -> Grade:
    fields = body.get("fields") or {}
    if not isinstance(fields, Mapping) or not all(isinstance(v, bool) for v in fields.values()):
        raise ValueError(f"{at}/fields: must map pointers to true or false")
    return Grade(
        grader=read_text(body, "grader", at=at),
        outcome=read_choice(body, "outcome", _OUTCOMES, at=at),
        signature=read_text_or_none(body, "signature", at=at),
        reason=read_text(body, "reason", default="", at=at),
        secondary=read_texts(body, "secondary", at=at),
        is_format=read_flag(body, "is_format", False, at=at),
        expected_label=read_text_or_none(body, "expected_label", at=at),
        predicted=read_text_or_none(body, "predicted", at=at),
        fields=dict(fields),
        score=read_number_or_none(body, "score", at=at),
        votes=_decode_votes(body, at),
    )


def _decode_votes(body: Mapping[str, Any], at: str) -> tuple[int, int] | None:
    votes = body.get("votes")
    if votes is None:
        return None
    if not isinstance(votes, list) or len(votes) != 2 or not all(type(n) is int and n >= 0 for n in votes):
        raise wrong_value("votes", votes, "two counts [for, against]", at=at)
    return votes[0], votes[1]


def _encode_tool_call(call: ToolCall) -> dict[str, Json]:
    body: dict[str, Json] = {"name": call.name, "arguments": call.arguments}
    if call.id is not None:
        body["id"] = call.id
    return body


def _decode_tool_call(body: Mapping[str, Any], at: str) -> ToolCall:
    return ToolCall(
        name=read_text(body, "name", at=at),
        arguments=read_text(body, "arguments", at=at),
        id=read_text_or_none(body, "id", at=at),
    )


def _encode_usage(usage: Usage | None) -> dict[str, Json] | None:
    if usage is None:
        return None
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    body: dict[str, Json] = {"prompt_tokens": prompt, "completion_tokens": completion}
    if usage.cached_tokens:
        body["cached_tokens"] = usage.cached_tokens
    if usage.reasoning_tokens:
        body["reasoning_tokens"] = usage.reasoning_tokens
    return body


def _decode_usage(line: Mapping[str, Any]) -> Usage | None:
    body = line.get("usage")
    if body is None:
        return None
    if not isinstance(body, Mapping):
        raise wrong_value("usage", body, "an object or null")
    return Usage(
        prompt_tokens=read_count(body, "prompt_tokens", default=0, at="usage"),
        completion_tokens=read_count(body, "completion_tokens", default=0, at="usage"),
        cached_tokens=read_count(body, "cached_tokens", default=0, at="usage"),
        reasoning_tokens=read_count(body, "reasoning_tokens", default=0, at="usage"),
    )


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def _add_finite(body: dict[str, Json], source: object, *names: str) -> None:
    for name in names:
        if (number := _finite(getattr(source, name))) is not None:
            body[name] = number

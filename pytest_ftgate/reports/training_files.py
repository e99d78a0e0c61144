"""Training rows as files: OpenAI's chat format, and the conversational format of TRL."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Literal, TypeAlias

from pytest_ftgate.model.evalset import Json, Message
from pytest_ftgate.model.training import HeldOut, Removed, TrainingRow

Format: TypeAlias = Literal["openai", "trl"]

MIN_ROWS: Mapping[Format, int] = {"openai": 10, "trl": 1}
"""OpenAI takes no file of fewer examples (OpenAI, "Supervised fine-tuning", 2025)."""

_MESSAGE_KEYS = ("role", "content", "name", "tool_calls", "tool_call_id")


def write_rows(rows: Sequence[TrainingRow], form: Format) -> Iterable[dict[str, Json]]:
    """The rows as JSON objects, one a line of `train.jsonl`."""
    has_tools = any(row.tools for row in rows)
    for row in rows:
        yield _write_openai(row) if form == "openai" else _write_trl(row, has_tools=has_tools)


def _write_openai(row: TrainingRow) -> dict[str, Json]:
    """`messages`, and `tools` where there are any. Only the last turn is learnt: earlier ones weigh 0."""
    messages = [_keep_known(message) for message in row.messages]
    for message in messages[:-1]:
        if message["role"] == "assistant":
            message["weight"] = 0
    return {"messages": messages, **({"tools": list(row.tools)} if row.tools else {})}


def _write_trl(row: TrainingRow, *, has_tools: bool) -> dict[str, Json]:
    """`messages`, and `tools` as JSON text: in a column of objects, Arrow would fill absent keys with null.

    Arguments of calls are objects, as chat templates read them.
    """
    messages = [_plain_message(_keep_known(message)) for message in row.messages]
    told = json.dumps(list(row.tools), ensure_ascii=False) if row.tools else None
    return {"messages": messages, **({"tools": told} if has_tools else {})}


def _keep_known(message: Message) -> dict[str, Json]:
    return {key: message[key] for key in _MESSAGE_KEYS if key in message}


def _plain_message(message: dict[str, Json]) -> dict[str, Json]:
    content = message.get("content")
    if isinstance(content, list | tuple) and all(part.get("type") == "text" for part in content):
        content = "\n".join(str(part.get("text", "")) for part in content)
    message["content"] = "" if content is None else content
    if "tool_calls" in message:
        message["tool_calls"] = [_read_arguments(call) for call in message["tool_calls"]]
    return message


def _read_arguments(call: Mapping[str, Json]) -> dict[str, Json]:
    function = dict(call["function"])
    # What is an object already stays as it is, and so does what no template could read anyway.
    with suppress(TypeError, ValueError, RecursionError):
        function["arguments"] = json.loads(function["arguments"])
    return {**call, "function": function}


def write_held_out(held_out: Sequence[HeldOut], spent: Sequence[str]) -> dict[str, Json]:
    """The cases that judge, with digests to check other data against, and those that no longer do."""
    return {
        "digest": "SHA-256 of the normalised question and what is shown beside it",
        "held_out": [
            {"evalset": case.evalset, "case": case.case, "sha256": case.digest} for case in held_out
        ],
        "no_longer_judging": list(spent),
    }


def write_removed(removed: Sequence[Removed]) -> Iterable[dict[str, Json]]:
    """What was kept out, one object a line of `removed.jsonl`."""
    for one in removed:
        yield {"name": one.name, "source": one.source, "reason": one.reason, "detail": one.detail}

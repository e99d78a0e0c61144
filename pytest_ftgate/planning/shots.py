"""Few-shot examples: read, and written as messages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_ftgate.errors import FtgateError
from pytest_ftgate.model.evalset import Case, Json, Message
from pytest_ftgate.planning.texts import case_text, json_text

_CASE_KEYS = ("id", "input", "expected", "context", "tags", "vars", "messages", "tool_calls")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """An example: `case` is its question, `answer` what the assistant says to it.

    `answer` is empty where the messages of `case` contain it already. `place` counts from 1.
    """

    place: int
    case: Case
    answer: tuple[Message, ...]

    @property
    def text(self) -> str:
        """Its input, for comparing it with cases."""
        if self.case.messages is None:
            return case_text(self.case)
        asked = [message for message in self.case.messages if message.get("role") == "user"]
        return "\n".join(json_text(message.get("content")) for message in asked)


def find_shot_problem(example: Json) -> str | None:
    """What is wrong with an example as written, or None."""
    if not isinstance(example, Mapping):
        return f"must be a mapping with `input` and `expected`, not {type(example).__name__}"
    if isinstance(example.get("messages"), Sequence):
        last = example["messages"][-1] if example["messages"] else {}
        ends = isinstance(last, Mapping) and last.get("role") == "assistant"
        if ends or "expected" in example:
            return None
        return "`messages` must end with the assistant's answer, or `expected` must give it"
    if "input" not in example:
        return "has no `input`"
    if "expected" not in example and "tool_calls" not in example:
        return "has no `expected`"
    return None


def read_shot(example: Mapping[str, Json], index: int, *, calls_tools: bool = False) -> Shot:
    """An example as a shot; keys that no case has become its `vars`.

    `calls_tools`: an expected list of calls is written as native tool calls.
    """
    spare = {key: value for key, value in example.items() if key not in _CASE_KEYS}
    messages = example.get("messages")
    case = Case(
        id=str(example.get("id", f"shot-{index + 1}")),
        input=example.get("input"),
        context=example.get("context"),
        tags=tuple(example.get("tags") or ()),
        vars={**spare, **(example.get("vars") or {})},
        messages=tuple(messages) if messages is not None else None,
    )
    answer: tuple[Message, ...] = ()
    if "tool_calls" in example:
        answer = _write_calls(example["tool_calls"], index)
    elif "expected" in example:
        expected = example["expected"]
        answer = _write_calls(expected, index) if calls_tools else _write_text(expected)
    return Shot(place=index + 1, case=case, answer=answer)


def _write_text(expected: Json) -> tuple[Message, ...]:
    return ({"role": "assistant", "content": json_text(expected)},)


def _write_calls(expected: Json, index: int) -> tuple[Message, ...]:
    written = [expected] if isinstance(expected, Mapping) else expected
    calls = [_read_call(call) for call in written] if isinstance(written, Sequence) else [None]
    if isinstance(expected, str) or any(call is None for call in calls):
        return _write_text(expected)
    named = [(f"shot_{index + 1}_{place}", call) for place, call in enumerate(calls, 1) if call]
    if not named:
        return ({"role": "assistant", "content": "No tool call is needed."},)
    asked = {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": name, "type": "function", "function": {"name": call[0], "arguments": json.dumps(call[1])}}
            for name, call in named
        ],
    }
    # The chat format wants an answer to every call before the next question.
    return (asked, *({"role": "tool", "tool_call_id": name, "content": "done"} for name, _ in named))


def _read_call(call: Json) -> tuple[str, Json] | None:
    """A call written as {name, arguments}, as OpenAI's {function: …}, or as {NAME: {arg: [allowed]}}."""
    if not isinstance(call, Mapping):
        return None
    inner = call.get("function")
    if isinstance(inner, Mapping) and "name" in inner:
        call = inner
    if isinstance(call.get("name"), str):
        arguments = call.get("arguments", {})
        return call["name"], _parse(arguments) if isinstance(arguments, str) else arguments
    if len(call) != 1:
        return None
    ((name, arguments),) = call.items()
    if not isinstance(arguments, Mapping):
        return None
    chosen = {key: _first_allowed(value) for key, value in arguments.items()}
    return name, {key: value for key, value in chosen.items() if value != ""}


def _first_allowed(value: Json) -> Json:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return value[0] if value and "" not in value else ""
    return value


def _parse(text: str) -> Json:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise FtgateError(f"tool call arguments are no JSON: {text[:80]!r}") from None

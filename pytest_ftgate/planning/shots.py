"""Few-shot examples: read, and written as messages."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_ftgate.errors import FtgateError
from pytest_ftgate.model.evalset import Case, GraderSpec, Json, Message
from pytest_ftgate.planning.texts import case_text, json_text

_CASE_KEYS = ("id", "input", "expected", "answer", "context", "tags", "vars", "messages", "tool_calls")
_CALL_GRADERS = ("tool-call", "tool-call-f1", "is-valid-openai-tools-call", "is-valid-function-call")
_ACCEPTING_GRADERS = ("label", "contains-any", "icontains-any")
"""A list in `expected` names answers of which one is enough."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerForm:
    """How an `expected` becomes an answer that the graders take.

    `calls`: expected calls are made natively, written in the text, or (None) not wanted. `picks_first`: a
    list of accepted answers gives its first.
    """

    calls: Literal["native", "text"] | None = None
    picks_first: bool = False


def choose_answer_form(specs: Iterable[GraderSpec]) -> AnswerForm:
    """The form that graders ask for."""
    wanted = [spec for spec in specs if not spec.negated]
    calling = [spec for spec in wanted if spec.name in _CALL_GRADERS]
    is_written = bool(calling) and all(spec.options.get("from") == "text" for spec in calling)
    return AnswerForm(
        calls="text" if is_written else "native" if calling else None,
        picks_first=any(spec.name in _ACCEPTING_GRADERS and not spec.has_value for spec in wanted),
    )


def find_shot_problem(example: Json) -> str | None:
    """What is wrong with an example as written, or None."""
    if not isinstance(example, Mapping):
        return f"must be a mapping with `input` and `expected`, not {type(example).__name__}"
    if isinstance(example.get("messages"), Sequence):
        if _ends_with_answer(example) or _says_answer(example):
            return None
        return "`messages` must end with the assistant's answer, or `expected` must give it"
    if "input" not in example:
        return "has no `input`"
    return None if _says_answer(example) else "has no `expected`"


def _says_answer(example: Mapping[str, Json]) -> bool:
    return any(key in example for key in ("answer", "tool_calls", "expected"))


def shows_expected(example: Mapping[str, Json]) -> bool:
    """Whether the answer shown is made of `expected`: no `answer`, call or last message says it."""
    if "answer" in example or "tool_calls" in example or "expected" not in example:
        return False
    return not _ends_with_answer(example)


def _ends_with_answer(example: Mapping[str, Json]) -> bool:
    messages = example.get("messages")
    last = messages[-1] if messages and isinstance(messages, Sequence) else None
    return isinstance(last, Mapping) and last.get("role") == "assistant"


def read_shot(example: Mapping[str, Json], index: int, form: AnswerForm | None = None) -> Shot:
    """An example as a shot; keys that no case has become its `vars`.

    The answer is `answer`, else `tool_calls`, else the last of its messages, else `expected` in `form`.
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
    return Shot(place=index + 1, case=case, answer=_write_answer(example, index, form or AnswerForm()))


def _write_answer(example: Mapping[str, Json], index: int, form: AnswerForm) -> tuple[Message, ...]:
    if "answer" in example:
        return _write_text(example["answer"])
    if "tool_calls" in example:
        return _write_calls(example["tool_calls"], index)
    if not shows_expected(example):
        return ()
    expected = example["expected"]
    if form.calls == "native":
        return _write_calls(expected, index)
    calls = read_calls(expected) if form.calls else None
    if calls:
        return _write_text([{"name": name, "arguments": arguments} for name, arguments in calls])
    if form.picks_first and isinstance(expected, list | tuple) and expected:
        expected = expected[0]
    return _write_text(expected)


def _write_text(expected: Json) -> tuple[Message, ...]:
    return ({"role": "assistant", "content": json_text(expected)},)


def _write_calls(expected: Json, index: int) -> tuple[Message, ...]:
    calls = read_calls(expected)
    if calls is None:
        return _write_text(expected)
    named = [(f"shot_{index + 1}_{place}", call) for place, call in enumerate(calls, 1)]
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


def read_calls(expected: Json) -> list[tuple[str, Json]] | None:
    """(name, arguments) of the calls that an expected value wants; None where it holds something else."""
    written = [expected] if isinstance(expected, Mapping) else expected
    if not isinstance(written, list | tuple):
        return None
    calls = [_read_call(call) for call in written]
    return None if None in calls else [call for call in calls if call is not None]


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
    return (name, _pick_arguments(arguments)) if isinstance(arguments, Mapping) else None


def _pick_arguments(allowed: Mapping[str, Json]) -> dict[str, Json]:
    """One allowed value of each argument, objects and lists inside included; what may be left out is."""
    return {key: _pick(value) for key, value in allowed.items() if not _is_optional(value)}


def _is_optional(allowed: Json) -> bool:
    return isinstance(allowed, list | tuple) and (not allowed or "" in allowed)


def _pick(allowed: Json) -> Json:
    value = allowed[0] if isinstance(allowed, list | tuple) else allowed
    if isinstance(value, Mapping):
        return _pick_arguments(value)
    if isinstance(value, list | tuple):
        return [_pick([item]) for item in value]
    return value


def _parse(text: str) -> Json:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise FtgateError(f"tool call arguments are no JSON: {text[:80]!r}") from None

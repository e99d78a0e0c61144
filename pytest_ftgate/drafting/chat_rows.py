"""Chat training rows, `{"messages": [...]}`, as cases: what was asked, and the answer written to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_ftgate.drafting.example_rows import Row
from pytest_ftgate.errors import SettingsError
from pytest_ftgate.model.evalset import Json

Case = dict[str, Json]


def are_chats(rows: Sequence[Row]) -> bool:
    """Whether every row is a conversation, as fine-tuning services and TRL take them."""
    return all(isinstance(row.get("messages"), list) for row in rows)


def read_chats(rows: Sequence[Row], source: Path) -> tuple[str | None, list[Case]]:
    """The system message that all rows share, and a case a row: its last answer is what is expected.

    A conversation of one question is an `input`, a longer one `messages`. Raises SettingsError for a row
    that does not end with a text of the assistant.
    """
    chats = [_split(row, f"{source.name}: row {number}") for number, row in enumerate(rows, start=1)]
    shared = {_system(asked) for asked, _ in chats}
    system = shared.pop() if len(shared) == 1 else None
    cases: list[Case] = []
    for asked, expected in chats:
        rest = asked if system is None else asked[1:]
        is_question = len(rest) == 1 and set(rest[0]) == {"role", "content"} and rest[0]["role"] == "user"
        is_plain = is_question and isinstance(rest[0]["content"], str)
        asking: Case = {"input": rest[0]["content"]} if is_plain else {"messages": rest}
        cases.append({**asking, "expected": expected})
    return system, cases


def _split(row: Row, where: str) -> tuple[list[Mapping[str, Json]], str]:
    """What was asked, and the answer."""
    messages = row["messages"]
    if not all(isinstance(message, Mapping) and isinstance(message.get("role"), str) for message in messages):
        raise SettingsError(f"{where}: `messages` must be a list of messages with a `role`")
    if len(messages) < 2 or messages[-1]["role"] != "assistant":
        raise SettingsError(f"{where}: the last of at least two messages must be the assistant's answer")
    answer = messages[-1].get("content")
    if not isinstance(answer, str) or not answer.strip():
        raise SettingsError(
            f"{where}: the last answer has no text (calls of tools are not taken over; see grader tool-call)"
        )
    return messages[:-1], answer


def _system(asked: Sequence[Mapping[str, Json]]) -> str | None:
    first = asked[0]
    content = first.get("content")
    is_system = first["role"] == "system" and isinstance(content, str) and len(asked) > 1
    return str(content) if is_system else None

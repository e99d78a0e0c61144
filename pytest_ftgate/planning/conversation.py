"""Messages put together: a prompt and a case's conversation, shots, a context in front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_ftgate.model.evalset import Case, Json, Message
from pytest_ftgate.planning.templates import render_messages

SYSTEM_ROLES = ("system", "developer")


def render_prompt(prompt: Sequence[Message], case: Case, names: Mapping[str, Json]) -> tuple[Message, ...]:
    """The prompt for a case.

    A case's own messages stand in place of the prompt's last user message, as they are: they are
    data, not templates. A system message among them replaces the prompt's. Raises TemplateUseError.
    """
    if case.messages is None:
        return render_messages(prompt, names)
    kept, before = _kept_messages(prompt, case)
    rendered = render_messages([prompt[index] for index in kept], names, positions=kept)
    return (*rendered[:before], *case.messages, *rendered[before:])


def question_place(prompt: Sequence[Message], case: Case) -> int | None:
    """Where in the rendered prompt of a case the asking part begins; None where nothing asks."""
    return question_index(prompt) if case.messages is None else _kept_messages(prompt, case)[1]


def _kept_messages(prompt: Sequence[Message], case: Case) -> tuple[list[int], int]:
    has_system = any(message.get("role") in SYSTEM_ROLES for message in case.messages or ())
    asked = question_index(prompt)
    kept = [
        index
        for index, message in enumerate(prompt)
        if index != asked and not (has_system and message.get("role") in SYSTEM_ROLES)
    ]
    return kept, sum(1 for index in kept if asked is None or index < asked)


def question_index(messages: Sequence[Message]) -> int | None:
    """The place of the last user message, which asks."""
    return next(
        (index for index in reversed(range(len(messages))) if messages[index].get("role") == "user"), None
    )


def insert_shots(
    messages: Sequence[Message], shots: Sequence[Message], question: int | None
) -> tuple[Message, ...]:
    """The messages with the shots between what introduces and what asks.

    `question`: where the asking part begins; it may itself begin with system messages.
    """
    place = len(messages) if question is None else question
    while place < len(messages) and messages[place].get("role") in SYSTEM_ROLES:
        place += 1
    return (*messages[:place], *shots, *messages[place:])


def add_instruction(messages: Sequence[Message], text: str) -> tuple[Message, ...]:
    """The messages with `text` behind the first system message's own; in a new one where there is none."""
    place = next((i for i, message in enumerate(messages) if message.get("role") in SYSTEM_ROLES), None)
    if place is None:
        return ({"role": "system", "content": text}, *messages)
    message = messages[place]
    content = message.get("content")
    if isinstance(content, Sequence) and not isinstance(content, str):
        merged: Json = [*content, {"type": "text", "text": text}]
    else:
        merged = f"{content}\n\n{text}" if content else text
    return (*messages[:place], {**message, "content": merged}, *messages[place + 1 :])


def prepend_text(messages: Sequence[Message], text: str) -> tuple[Message, ...]:
    """The messages with `text` in front of the last user message's own; a new one where there is none."""
    return _add_text(messages, text, is_before=True)


def append_text(messages: Sequence[Message], text: str) -> tuple[Message, ...]:
    """The messages with `text` behind the last user message's own; a new one where there is none."""
    return _add_text(messages, text, is_before=False)


def _add_text(messages: Sequence[Message], text: str, *, is_before: bool) -> tuple[Message, ...]:
    asked = question_index(messages)
    if asked is None:
        return (*messages, {"role": "user", "content": text})
    message = messages[asked]
    content = message.get("content")
    merged: Json
    if isinstance(content, Sequence) and not isinstance(content, str):
        part = {"type": "text", "text": text}
        merged = [part, *content] if is_before else [*content, part]
    else:
        merged = text + (content or "") if is_before else (content or "") + text
    return (*messages[:asked], {**message, "content": merged}, *messages[asked + 1 :])

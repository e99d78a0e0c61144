"""Prompts and messages: a string, a list of messages, or a file of either."""

from __future__ import annotations

from pytest_ftgate.loading.places import Place
from pytest_ftgate.loading.reading import Reading
from pytest_ftgate.loading.templates import find_template_problem
from pytest_ftgate.loading.validation import say_not_among
from pytest_ftgate.loading.wording import say_unknown, say_wrong_type, show
from pytest_ftgate.model.evalset import Json, Location, Message

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_FORMS = "a text, a list of messages ({role, content}), or {file: PATH}"


def read_prompt(value: Json, place: Place, reading: Reading) -> tuple[Message, ...]:
    """The messages of a prompt; empty after a problem. A text is one user message."""
    if isinstance(value, dict) and "file" in value:
        for key in value:
            if key != "file":
                reading.problems.add(place.at(key), say_unknown("key", key, ["file"]))
        return _read_file(value["file"], place.at("file"), reading)
    if isinstance(value, dict) and "role" in value:
        reading.problems.add(place, "one message must stand in a list: `- {role: user, content: …}`")
        return ()
    return _read_forms(value, place, reading)


def _read_file(named: Json, place: Place, reading: Reading) -> tuple[Message, ...]:
    if isinstance(named, str) and named.lower().endswith((".yaml", ".yml", ".json")):
        document = reading.read_document(named, place)
        return () if document is None else _read_forms(document.value, Place(document), reading)
    found = reading.files.read(named, place)
    if found is None:
        return ()
    name, text = found
    if not text.strip():
        reading.problems.add(place, f"{show(named)} is empty; a prompt needs a text")
        return ()
    problem = find_template_problem(text, sees_expected=False)
    if problem is not None:
        reading.problems.add(Location(file=name, line=problem[0]), problem[1])
    return ({"role": "user", "content": text},)


def _read_forms(value: Json, place: Place, reading: Reading) -> tuple[Message, ...]:
    if isinstance(value, str):
        if not value.strip():
            reading.problems.add(place, "must not be blank")
            return ()
        check_prompt_template(value, place, reading)
        return ({"role": "user", "content": value},)
    if not isinstance(value, list):
        reading.problems.add(place, say_wrong_type(_FORMS, value))
        return ()
    messages = read_messages(value, place, reading)
    for index, message in enumerate(messages):
        content = message.get("content")
        if isinstance(content, str):
            check_prompt_template(content, place.at(index, "content"), reading)
        for number, part in enumerate(content if isinstance(content, list) else ()):
            if isinstance(part, dict) and isinstance(part.get("text"), str):
                check_prompt_template(part["text"], place.at(index, "content", number, "text"), reading)
    return messages


def read_messages(value: Json, place: Place, reading: Reading) -> tuple[Message, ...]:
    """Chat messages in OpenAI form; empty after a problem. Templates in them are not looked at."""
    if not isinstance(value, list):
        reading.problems.add(place, say_wrong_type("a list of messages ({role, content})", value))
        return ()
    if not value:
        reading.problems.add(place, "must not be empty")
        return ()
    before = len(reading.problems)
    for index, message in enumerate(value):
        _check_message(message, place.at(index), reading)
    return tuple(value) if len(reading.problems) == before else ()


def _check_message(message: Json, place: Place, reading: Reading) -> None:
    add = reading.problems.add
    if not isinstance(message, dict):
        add(place, say_wrong_type("a message ({role, content})", message))
        return
    role = message.get("role")
    if "role" not in message:
        add(place, "`role` is missing: system, user, assistant or tool")
    elif role not in ROLES:
        add(place.at("role"), say_not_among(list(ROLES), role))
    content, calls = message.get("content"), message.get("tool_calls")
    if calls is not None and not isinstance(calls, list):
        add(place.at("tool_calls"), say_wrong_type("a list of tool calls", calls))
    if content is None:
        if not calls:
            add(place.at("content"), "`content` is missing: the text of the message")
    elif isinstance(content, list):
        for index, part in enumerate(content):
            if not isinstance(part, dict) or not isinstance(part.get("type"), str):
                add(
                    place.at("content", index), say_wrong_type("a content part ({type: text, text: …})", part)
                )
    elif not isinstance(content, str):
        add(place.at("content"), say_wrong_type("a text or a list of content parts", content))


def check_prompt_template(text: str, place: Place, reading: Reading) -> None:
    """A problem where a text that becomes part of a prompt is no template, or names `expected`."""
    problem = find_template_problem(text, sees_expected=False)
    if problem is not None:
        line, what = problem
        reading.problems.add(place, f"line {line} of the template: {what}" if "\n" in text.strip() else what)

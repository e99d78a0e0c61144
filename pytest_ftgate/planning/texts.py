"""Texts of cases and shots, brought to one form for comparing, searching and measuring."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_ftgate.model.evalset import Case, Json, Message
from pytest_ftgate.model.trial import Request

CHARS_PER_TOKEN = 4
"""Rule of thumb for English text under the usual tokenizers; an estimate, never a bill."""

_WORD = re.compile(r"\w+")
_GAPS = {code: " " for code in range(128) if not _WORD.match(chr(code))}


def normalise(text: str) -> str:
    """NFKC, case folded, white space collapsed."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def words(text: str) -> list[str]:
    """The words of a text, normalised; punctuation is dropped."""
    return split_words(normalise(text))


def join_words(text: str) -> str:
    """The words of a text with single spaces between."""
    return " ".join(words(text))


def split_words(normal: str) -> list[str]:
    """The words of a text that is normalised."""
    if normal.isascii():
        # The same words at a third of the cost.
        return normal.translate(_GAPS).split()
    return _WORD.findall(normal)


def json_text(value: Json) -> str:
    """A value as it stands in a prompt: a string as it is, all else as JSON."""
    return value if isinstance(value, str) else _PROMPT_JSON.encode(value)


def case_text(case: Case) -> str:
    """What a case asks: its input, or the text of its conversation."""
    if case.messages is not None:
        return "\n".join(content_text(message) for message in case.messages)
    return json_text(case.input)


def content_text(message: Message) -> str:
    """The text of a message: of a content of parts, the parts' texts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return ""


def context_text(context: Json) -> str:
    """A context as text: a list of texts becomes paragraphs."""
    if isinstance(context, Sequence) and not isinstance(context, str):
        return "\n\n".join(json_text(part) for part in context)
    return json_text(context)


def request_chars(request: Request) -> int:
    """Characters of a request: messages, response format and tools."""
    size = sum(len(content_text(message)) for message in request.messages)
    for part in (request.response_format, request.tools):
        size += len(json_text(part)) if part else 0
    return size


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON type")


_PROMPT_JSON = json.JSONEncoder(ensure_ascii=False, default=_plain)

"""The identity of what is sent: equal requests have equal hashes, wherever they are sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from json.encoder import encode_basestring_ascii as _quote
from sys import intern
from typing import Any

from pytest_ftgate.model.evalset import Json, Message
from pytest_ftgate.model.trial import Request

TRANSPORT_PARAMS = frozenset({
    "api_base", "base_url", "api_key", "api_version", "api_type", "organization", "azure_ad_token",
    "timeout", "request_timeout", "stream_timeout", "max_retries", "num_retries",
    "headers", "extra_headers", "client", "aws_region_name", "aws_profile_name",
    "vertex_project", "vertex_location", "vertex_credentials",
})  # fmt: skip
"""Params that say where and how a request travels, not what is asked."""


def request_hash(request: Request) -> str:
    """SHA-256 (hex) of what is sent: model id, messages, params, response format and tools.

    Raises ValueError for a request that is no JSON or nested too deep.
    """
    return hash_messages(request.messages, describe_rest(request))


def describe_rest(request: Request) -> str:
    """The canonical JSON of what is sent but for the messages: the same for most requests of an arm.

    Raises ValueError as `request_hash` does.
    """
    sent = {
        "model": request.model,
        "params": {key: value for key, value in request.params.items() if key not in TRANSPORT_PARAMS},
        "response_format": request.response_format,
        "tools": request.tools,
    }
    if request.operation != "chat":
        sent["operation"] = request.operation
    return canonical_json(sent)


def hash_messages(messages: Iterable[Message], rest: str) -> str:
    """The `request_hash` of messages and what else is sent. Raises ValueError as that does."""
    # The canonical JSON of all: `messages` is the first of its keys.
    return _hash(f'{{"messages":[{",".join(map(_write_message, messages))}],{rest[1:]}')


def digest(value: Json) -> str:
    """SHA-256 (hex) of a value's canonical JSON. Raises ValueError where it has none."""
    return _hash(canonical_json(value))


def digest_long(value: Json) -> str:
    """As `digest`, for lists of thousands: piece by piece, for their text as a whole takes megabytes."""
    found = hashlib.sha256()
    for piece in _CANONICAL.iterencode(value):
        found.update(piece.encode("ascii"))
    return found.hexdigest()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _write_message(message: Message) -> str:
    """The canonical JSON of a message; nearly all are of two texts, for which an encoder is a long way."""
    role, content = message.get("role"), message.get("content")
    if len(message) == 2 and type(role) is str and type(content) is str:
        return f'{{"content":{_quote(content)},"role":{_quote(role)}}}'
    return canonical_json(message)


def canonical_json(value: Json) -> str:
    """JSON with sorted keys and no spaces, ASCII only: NaN and lone surrogates have a fixed form too.

    Raises ValueError for what is no JSON or nested too deep.
    """
    try:
        return _CANONICAL.encode(value)
    except RecursionError:
        raise ValueError("nested too deep") from None
    except TypeError as error:
        raise ValueError(f"not JSON: {error}") from None


def draw_name(repeat: int, rank: int) -> str:
    """The draw of a trial: its repeat, and its rank (from 0) among equal requests of other cases."""
    # Interned: nearly all trials share a handful of names.
    return intern(str(repeat) if rank == 0 else f"{repeat}.{rank}")


def rename_draw(draw: str, repeat: int) -> str:
    """The draw of another repeat of the same trial."""
    _, dot, rank = draw.partition(".")
    return intern(f"{repeat}{dot}{rank}")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON type")


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_plain)

"""What an application under test is given (`target: NAME` in an evalset)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_ftgate.model.evalset import Json, Message

TARGET = "target"
"""Stands before the slash in the model id of an application: `target/NAME`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetCall:
    """One trial, as an application sees it; never the expected value.

    `input`, `context` and `vars` are the case's, as written. `messages` is the rendered prompt of the arm,
    `prompt` the text of its last message. `params`, `tools` and `response_format` (OpenAI form) are what a
    model would be sent. `repeat` counts from 1.
    """

    input: Json
    prompt: str
    messages: tuple[Message, ...]
    case: str
    arm: str
    repeat: int
    context: Json = None
    vars: Mapping[str, Json] = field(default_factory=dict)
    params: Mapping[str, Json] = field(default_factory=dict)
    tools: tuple[Json, ...] | None = None
    response_format: Json = None

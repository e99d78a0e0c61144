"""Training data: solved examples that may be tuned on, and what keeps others out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from pytest_ftgate.model.evalset import Case, Json, Message

Reason: TypeAlias = Literal[
    "is_case",
    "near_case",
    "same_group",
    "no_answer",
    "rejected",
    "no_tools",
    "copy",
    "contradiction",
]
"""Why an example is no training row. The first three keep the evaluation cases held out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A solved example. `name` tells it to a reader, `source` where it comes from.

    `given` may hold `answer` (the text) or `tool_calls`, where `case.expected` is not what to answer.
    """

    name: str
    source: str
    case: Case
    given: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRow:
    """What is trained on: the rendered prompt, and the assistant's answer as the last of `messages`.

    `is_checked`: a grader read the answer, and every one that can be run without a model accepts it.
    """

    name: str
    source: str
    messages: tuple[Message, ...]
    tools: tuple[Json, ...] | None = None
    is_checked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """An example that is no training row. `detail`: the case or row that it is like, or what is wrong."""

    name: str
    source: str
    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """A case that judges. `digest`: SHA-256 of what it asks, normalised, to check other data against."""

    evalset: str
    case: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSet:
    """Training rows, and what was kept out of them. `spent`: cases trained on, which may no longer judge."""

    rows: tuple[TrainingRow, ...] = ()
    removed: tuple[Removed, ...] = ()
    held_out: tuple[HeldOut, ...] = ()
    spent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCount:
    """Tokens of the training rows, prompt and answer, in their order. `method` says how they were counted."""

    by_row: tuple[int, ...]
    method: str

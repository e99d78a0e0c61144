"""A grader's judgement, and the closed taxonomy of failure kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from pytest_ftgate.model.quickly_made import quickly_made

Outcome: TypeAlias = Literal["passed", "failed", "error", "ungraded"]

KINDS = (
    "infra", "call", "filtered", "refusal", "empty", "format", "schema", "tool", "label", "style", "value",
)  # fmt: skip
"""Failure kinds in the order of attribution: the first that applies is the primary kind."""

FORMAT_TOOL_SIGNATURES = ("tool:no_call", "tool:missing_arg", "tool:unknown_arg", "tool:arg_type")

CITATIONS = "citations"
"""The grader that holds an answer's citations against the passages it was given."""

FORMAT_GRADERS = frozenset((
    "is-json", "contains-json", "json-fields", "tool-call", "is-valid-openai-tools-call",
    "is-valid-function-call", "regex", "label", "choice", "no-extra-text",
))  # fmt: skip
"""The built-in graders that judge form, for where no registry is at hand."""


def kind_of(signature: str) -> str:
    """The failure kind of a signature: what stands before the first colon.

    `refusal:content_filter` is the only signature of kind `filtered`.
    """
    return "filtered" if signature == "refusal:content_filter" else signature.split(":", 1)[0]


def is_format_failure(signature: str) -> bool:
    """Whether the primary signature counts in the format-failure rate (DESIGN section 6)."""
    kind = kind_of(signature)
    if kind != "tool":
        return kind in ("format", "schema", "empty")
    return any(signature == s or signature.startswith(s + ":") for s in FORMAT_TOOL_SIGNATURES)


def is_unanswered(signature: str | None) -> bool:
    """Whether the signature says that no answer came (`infra:*`)."""
    return signature is not None and signature.startswith("infra:")


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """One grader's judgement of one response.

    `signature` is set for `failed`, and `infra:*` for an `error` that the model asked by the grader caused.
    `secondary`: signatures of the lenient parse that the primary one pre-empts. `predicted`: the label or
    number that the answer comes to; with `expected_label`, for the confusion table. `fields`: JSON pointer →
    passed, for graders that compare field by field. `score`: what a scored grader measured, in its own unit.
    `votes`: (for, against) of a model-graded grader.
    """

    grader: str
    outcome: Outcome
    signature: str | None = None
    reason: str = ""
    secondary: tuple[str, ...] = ()
    is_format: bool = False
    expected_label: str | None = None
    predicted: str | None = None
    fields: Mapping[str, bool] = field(default_factory=dict)
    score: float | None = None
    votes: tuple[int, int] | None = None

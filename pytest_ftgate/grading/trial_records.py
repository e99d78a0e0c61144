"""From an answer and its grades, or from none, to the record of a trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pytest_ftgate.grading.attribution import attribute, is_truncated
from pytest_ftgate.grading.parsed import TextOutput
from pytest_ftgate.grading.signatures import clean
from pytest_ftgate.model.evalset import Case, GraderSpec
from pytest_ftgate.model.grade import Grade, Outcome, is_unanswered
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.response import Failure, Response, ToolCall
from pytest_ftgate.model.trial import Trial
from pytest_ftgate.registry import Registries

MAX_REASON_CHARS = 600
MAX_SHARED = 1_000

_shared: dict[tuple[object, ...], tuple[Grade, ...]] = {}


def record_failure(
    trial: Trial, failure: Failure, case: Case, graders: Sequence[GraderSpec], registries: Registries
) -> Record:
    """The record without a response: unanswered (`infra:*`), or failed by the call, a filter or a refusal."""
    outcome: Outcome = "error"
    if not is_unanswered(failure.signature):
        outcome = "failed" if is_gradable(case, graders, registries) else "ungraded"
    return Record(
        key=trial.key,
        outcome=outcome,
        signature=failure.signature if outcome != "ungraded" else None,
        latency_s=failure.latency_s,
        paid_usd=failure.paid_usd,
        attempts=failure.attempts,
        request_hash=trial.request_hash,
        error=clean(failure.message, MAX_REASON_CHARS),
    )


def is_gradable(case: Case, graders: Sequence[GraderSpec], registries: Registries) -> bool:
    """Whether the case has graders, and the expected value that they need."""
    if not graders:
        return False
    if case.has_expected:
        return True
    needing = (spec for spec in graders if not spec.has_value and spec.name in registries.graders)
    return not any(registries.graders.get(spec.name).needs_expected for spec in needing)


def record_answer(
    trial: Trial,
    response: Response,
    read: Response,
    parsed: TextOutput,
    grades: tuple[Grade, ...],
    outcome: Outcome,
    *,
    max_output_chars: int,
) -> Record:
    """The record of an answer with its grades: a failed one attributed to its cause.

    `read` is the response as graders read it; what the model sent is kept.
    """
    cause = attribute(trial, read, parsed, grades) if outcome == "failed" else None
    signature = cause.signature if cause is not None else None
    if outcome == "error":
        signature = _find_unanswered(grades)
    output = _cut(response.text, max_output_chars)
    is_cut = output != response.text
    error = None
    if outcome == "error":
        error = next((grade.reason for grade in grades if grade.outcome == "error"), None)
    calls = response.tool_calls and tuple(_cut_call(call, max_output_chars) for call in response.tool_calls)
    return Record(
        key=trial.key,
        outcome=outcome,
        signature=signature,
        secondary=cause.secondary if cause is not None else (),
        grades=_share(grades) if outcome == "passed" else grades,
        output=output,
        tool_calls=calls,
        finish_reason=response.finish_reason,
        usage=response.usage,
        latency_s=response.latency_s,
        cost_usd=response.cost_usd,
        paid_usd=response.paid_usd,
        model=response.model,
        system_fingerprint=response.system_fingerprint,
        cached=response.cached,
        answered_at=response.answered_at,
        attempts=response.attempts,
        turns=response.turns,
        request_hash=trial.request_hash,
        tied_to_prompt=response.tied_to_prompt,
        schema_enforced=response.schema_enforced,
        flags=_find_flags(trial, response, parsed, outcome, signature, is_cut=is_cut),
        error=error,
    )


def _share(grades: tuple[Grade, ...]) -> tuple[Grade, ...]:
    """The same object for equal grades: in a large run most are, and all are kept to its end."""
    key: list[object] = []
    for grade in grades:
        if grade.score is not None or grade.votes is not None:
            return grades  # no two alike
        key += grade.grader, grade.outcome, grade.signature, grade.reason, grade.secondary, grade.is_format
        key += grade.expected_label, grade.predicted, *grade.fields.items()
    if len(_shared) >= MAX_SHARED:
        _shared.clear()
    return _shared.setdefault(tuple(key), grades)


def _find_unanswered(grades: Sequence[Grade]) -> str | None:
    """The `infra:*` signature of a trial that only its graders' models left open; None where a grader
    crashed."""
    signatures = [grade.signature for grade in grades if grade.outcome == "error"]
    return signatures[0] if all(map(is_unanswered, signatures)) else None


def _find_flags(
    trial: Trial,
    response: Response,
    parsed: TextOutput,
    outcome: Outcome,
    signature: str | None,
    *,
    is_cut: bool,
) -> tuple[str, ...]:
    """Of an answer that fails because it is no JSON, they say whether a tolerant parser read a value."""
    flags = []
    if outcome == "passed" and is_truncated(trial, response):
        flags.append("truncated")
    if parsed.has_duplicate_keys:
        flags.append("duplicate_keys")
    for found in parsed.diagnoses:
        if signature in found.signatures:
            flags.append("recovered" if found.has_value else "not_recovered")
            break
    if is_cut:
        flags.append("output_cut")
    return tuple(flags)


def _cut(text: str | None, limit: int) -> str | None:
    if text is None or len(text) <= limit:
        return text
    return f"{text[:limit]}\n… [cut: {len(text)} characters]"


def _cut_call(call: ToolCall, limit: int) -> ToolCall:
    return (
        call if len(call.arguments) <= limit else replace(call, arguments=_cut(call.arguments, limit) or "")
    )

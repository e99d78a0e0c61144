"""Run the graders of a trial and make its record. A crashing grader is an error, never a model's failure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pytest_ftgate.grading.attribution import Cause, attribute, is_truncated
from pytest_ftgate.grading.grades import GraderError
from pytest_ftgate.grading.limits import MAX_OUTPUT_CHARS
from pytest_ftgate.grading.parsed import TextOutput, read_output
from pytest_ftgate.grading.signatures import clean
from pytest_ftgate.grading.transforms import transform_output
from pytest_ftgate.model.evalset import Case, Evalset, GraderSpec
from pytest_ftgate.model.grade import KINDS, Grade, Outcome, is_format_failure, is_unanswered, kind_of
from pytest_ftgate.model.protocols import GradeContext, Grader
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.response import Answer, Failure, Response, ToolCall
from pytest_ftgate.model.trial import Trial
from pytest_ftgate.registry import Registries

_MAX_REASON_CHARS = 600
_FLIPPED: dict[Outcome, Outcome] = {"passed": "failed", "failed": "passed"}


def judge_trial(
    trial: Trial,
    answer: Answer,
    case: Case,
    graders: tuple[GraderSpec, ...],
    registries: Registries,
    evalset: Evalset | None = None,
    *,
    max_output_chars: int = MAX_OUTPUT_CHARS,
) -> Record:
    """The record of one trial. Never raises for any answer or grader.

    Outcome, first that applies: `error` (no answer, or a grader crashed), `ungraded` (no graders, or one
    needs an expected value that the case has not), `failed` (any grade), `passed`. Of the output the
    record keeps `max_output_chars` characters.
    """
    if isinstance(answer, Failure):
        return _record_failure(trial, answer, case, graders, registries)
    parsed = read_output(answer.text, tolerant=trial.tolerant, extract=trial.extract)
    grades = grade_answer(answer, parsed, case, graders, registries, evalset)
    outcome = _combine(grades)
    cause = attribute(trial, answer, parsed, grades) if outcome == "failed" else None
    return _record_answer(trial, answer, parsed, grades, outcome, cause, max_output_chars)


def grade_answer(
    response: Response,
    parsed: TextOutput,
    case: Case,
    graders: Sequence[GraderSpec],
    registries: Registries,
    evalset: Evalset | None = None,
) -> tuple[Grade, ...]:
    """One grade per grader, in order."""
    return tuple(_run_grader(spec, response, parsed, case, registries, evalset) for spec in graders)


def find_format_problem(
    trial: Trial, response: Response, case: Case, graders: tuple[GraderSpec, ...], registries: Registries
) -> str | None:
    """What is wrong with the answer's format, as a sentence for the model (arm `reask`); None = nothing.

    Only what a program could tell without knowing the expected value: never which answer is right.
    """
    parsed = read_output(response.text, tolerant=trial.tolerant, extract=trial.extract)
    specs = [spec for spec in graders if not spec.negated and spec.name in registries.graders]
    formats = [spec for spec in specs if registries.graders.get(spec.name).is_format]
    if not formats:
        return None
    if parsed.is_blank and not response.tool_calls:
        return "The answer was empty."
    found: list[str] = []
    for spec in formats:
        grader = registries.graders.get(spec.name)
        judge = getattr(grader, "format_grade", grader.grade)
        if grader.needs_expected and not (spec.has_value or case.has_expected):
            continue
        try:
            ctx = _make_context(spec, case, response, parsed, registries)
        except GraderError:
            continue
        grade = _call(judge, ctx, grader)
        if grade.outcome == "failed" and _is_about_format(grade.signature or ""):
            found.append(grade.reason or grade.signature or "")
    return "\n".join(dict.fromkeys(found)) or None


def _is_about_format(signature: str) -> bool:
    return is_format_failure(signature) or signature in ("tool:wrong_name", "style:extra_text")


def _make_context(
    spec: GraderSpec, case: Case, response: Response, parsed: TextOutput, registries: Registries
) -> GradeContext:
    return GradeContext(
        spec=spec,
        case=case,
        response=response,
        parsed=transform_output(parsed, spec, registries.functions.get),
        expected=spec.value if spec.has_value else case.expected,
        has_expected=spec.has_value or case.has_expected,
        functions=registries.functions.get,
    )


def _run_grader(
    spec: GraderSpec,
    response: Response,
    parsed: TextOutput,
    case: Case,
    registries: Registries,
    evalset: Evalset | None,
) -> Grade:
    try:
        grader = registries.graders.get(spec.name)
        complete = getattr(grader, "complete_spec", None)
        if complete is not None and evalset is not None:
            spec = complete(spec, evalset)
    except Exception as error:  # noqa: BLE001 - whatever a registered part raises is its own error
        return _error_grade(spec, error)
    if grader.needs_expected and not spec.has_value and not case.has_expected:
        return Grade(grader=spec.label, outcome="ungraded", reason="the case has no expected value")
    try:
        ctx = _make_context(spec, case, response, parsed, registries)
    except GraderError as error:
        return _error_grade(spec, error)
    grade = _call(grader.grade, ctx, grader)
    return _negate(grade, ctx, grader) if spec.negated else grade


def _call(judge: Any, ctx: GradeContext, grader: Grader) -> Grade:
    try:
        grade = judge(ctx)
    except Exception as error:  # noqa: BLE001 - a crash of any kind is the grader's, not the model's
        return _error_grade(ctx.spec, error)
    if not isinstance(grade, Grade):
        return _error_grade(ctx.spec, GraderError(f"returned {type(grade).__name__}, not a Grade"))
    signature = grade.signature
    if grade.outcome == "failed" and signature is None:
        signature = "value:text"
    if signature is not None and kind_of(signature) not in KINDS:
        kinds = ", ".join(KINDS)
        what = f"gave the signature {clean(signature)!r}; its kind must be one of {kinds}"
        return _error_grade(ctx.spec, GraderError(what))
    reason = grade.reason
    if len(reason) > _MAX_REASON_CHARS:
        reason = clean(reason, _MAX_REASON_CHARS)
    is_format = grader.is_format and not ctx.spec.negated
    return replace(grade, grader=ctx.spec.label, signature=signature, reason=reason, is_format=is_format)


def _error_grade(spec: GraderSpec, error: Exception) -> Grade:
    name = "" if isinstance(error, GraderError) else f"{type(error).__name__}: "
    where = f" ({spec.where})" if spec.where is not None else ""
    reason = f"grader {spec.label}{where}: {name}{clean(str(error), _MAX_REASON_CHARS)}"
    return Grade(grader=spec.label, outcome="error", reason=reason)


def _negate(grade: Grade, ctx: GradeContext, grader: Grader) -> Grade:
    outcome = _FLIPPED.get(grade.outcome)
    if outcome is None:
        return grade
    signature, reason = None, grade.reason
    if outcome == "failed":
        name = getattr(grader, "negated_signature", None)
        signature = name(ctx) if name is not None else "value:text"
        reason = grade.reason or f"{ctx.spec.name} holds, and must not"
    return Grade(grader=ctx.spec.label, outcome=outcome, signature=signature, reason=reason)


def _combine(grades: Sequence[Grade]) -> Outcome:
    outcomes = {grade.outcome for grade in grades}
    if "error" in outcomes:
        return "error"
    if not grades or "ungraded" in outcomes:
        return "ungraded"
    return "failed" if "failed" in outcomes else "passed"


def _record_failure(
    trial: Trial, failure: Failure, case: Case, graders: Sequence[GraderSpec], registries: Registries
) -> Record:
    """No response: unanswered (`infra:*`), or failed by the call, a filter or a refusal."""
    outcome: Outcome = "error"
    if not is_unanswered(failure.signature):
        outcome = "failed" if _is_gradable(case, graders, registries) else "ungraded"
    return Record(
        key=trial.key,
        outcome=outcome,
        signature=failure.signature if outcome != "ungraded" else None,
        latency_s=failure.latency_s,
        attempts=failure.attempts,
        request_hash=trial.request_hash,
        error=clean(failure.message, _MAX_REASON_CHARS),
    )


def _is_gradable(case: Case, graders: Sequence[GraderSpec], registries: Registries) -> bool:
    if not graders:
        return False
    if case.has_expected:
        return True
    needing = (spec for spec in graders if not spec.has_value and spec.name in registries.graders)
    return not any(registries.graders.get(spec.name).needs_expected for spec in needing)


def _record_answer(
    trial: Trial,
    response: Response,
    parsed: TextOutput,
    grades: tuple[Grade, ...],
    outcome: Outcome,
    cause: Cause | None,
    max_output_chars: int,
) -> Record:
    output = _cut(response.text, max_output_chars)
    is_cut = output != response.text
    error = next((grade.reason for grade in grades if grade.outcome == "error"), None)
    calls = tuple(_cut_call(call, max_output_chars) for call in response.tool_calls)
    return Record(
        key=trial.key,
        outcome=outcome,
        signature=cause.signature if cause is not None else None,
        secondary=cause.secondary if cause is not None else (),
        grades=grades,
        output=output,
        tool_calls=calls,
        finish_reason=response.finish_reason,
        usage=response.usage,
        latency_s=response.latency_s,
        cost_usd=response.cost_usd,
        model=response.model,
        system_fingerprint=response.system_fingerprint,
        cached=response.cached,
        answered_at=response.answered_at,
        attempts=response.attempts,
        turns=response.turns,
        request_hash=trial.request_hash,
        tied_to_prompt=response.tied_to_prompt,
        schema_enforced=response.schema_enforced,
        flags=_find_flags(trial, response, parsed, outcome, is_cut=is_cut),
        error=error,
    )


def _find_flags(
    trial: Trial, response: Response, parsed: TextOutput, outcome: Outcome, *, is_cut: bool
) -> tuple[str, ...]:
    flags = []
    if outcome == "passed" and is_truncated(trial, response):
        flags.append("truncated")
    if "strict" in parsed.__dict__ and parsed.strict.duplicate_keys:
        flags.append("duplicate_keys")
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

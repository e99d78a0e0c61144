"""Run the graders of a trial and make its record. A crashing grader is an error, never a model's failure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from pytest_ftgate.grading.forced_calls import grade_no_call, open_answer
from pytest_ftgate.grading.grades import GraderError, UnansweredError
from pytest_ftgate.grading.limits import MAX_OUTPUT_CHARS
from pytest_ftgate.grading.parsed import TextOutput, read_output
from pytest_ftgate.grading.signatures import clean
from pytest_ftgate.grading.transforms import transform_output
from pytest_ftgate.grading.trial_records import MAX_REASON_CHARS, is_gradable, record_answer, record_failure
from pytest_ftgate.model.evalset import Case, Evalset, GraderSpec
from pytest_ftgate.model.grade import KINDS, Grade, Outcome, is_format_failure, kind_of
from pytest_ftgate.model.protocols import GradeContext, Grader
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.response import Answer, Failure, Response
from pytest_ftgate.model.trial import Trial
from pytest_ftgate.registry import Registries

Replies: TypeAlias = Mapping[int, tuple[Answer, ...]]
"""Position of a grader that asks (from 1) → the replies to what it asked, in order."""

_NO_REPLIES: Replies = {}
_FLIPPED: dict[Outcome, Outcome] = {"passed": "failed", "failed": "passed"}


def judge_trial(
    trial: Trial,
    answer: Answer,
    case: Case,
    graders: tuple[GraderSpec, ...],
    registries: Registries,
    evalset: Evalset | None = None,
    *,
    replies: Replies = _NO_REPLIES,
    max_output_chars: int = MAX_OUTPUT_CHARS,
) -> Record:
    """The record of one trial. Never raises for any answer or grader.

    Outcome, first that applies: `error` (no answer, or a grader crashed), `ungraded` (no graders, or one
    needs an expected value that the case has not), `failed` (any grade), `passed`. An error for want of a
    usable reply of a judge leaves the trial unanswered (`infra:*`). Of the output the record keeps
    `max_output_chars` characters.
    """
    if isinstance(answer, Failure):
        return record_failure(trial, answer, case, graders, registries)
    opened = open_answer(trial, answer)
    read = answer if opened is None else opened
    parsed = read_output(trial, read.text)
    if opened is not None:
        grades = grade_answer(opened, parsed, case, graders, registries, evalset, replies=replies)
        outcome = _combine(grades)
    else:
        grades = (grade_no_call(trial, answer),)
        outcome = "failed" if is_gradable(case, graders, registries) else "ungraded"
    return record_answer(trial, answer, read, parsed, grades, outcome, max_output_chars=max_output_chars)


def grade_answer(
    response: Response,
    parsed: TextOutput,
    case: Case,
    graders: Sequence[GraderSpec],
    registries: Registries,
    evalset: Evalset | None = None,
    *,
    replies: Replies = _NO_REPLIES,
) -> tuple[Grade, ...]:
    """One grade per grader, in order; graders that ask a model only count where all others passed.

    Where another grader settles the trial, one that asks and got no replies has no grade. Where none does,
    it has an error: what nobody judged is never passed.
    """
    found = [
        _run_grader(spec, response, parsed, case, registries, evalset, replies.get(position))
        for position, spec in enumerate(graders, start=1)
    ]
    given = tuple([grade for grade in found if grade is not None])
    if len(given) == len(found) or any(grade.outcome != "passed" for grade in given):
        return given
    return tuple(
        grade or _explain_silence(spec, response, parsed, case, registries, evalset)
        for grade, spec in zip(found, graders, strict=True)
    )


def grade_alone(
    spec: GraderSpec,
    response: Response,
    parsed: TextOutput,
    case: Case,
    registries: Registries,
    evalset: Evalset,
    replies: tuple[Answer, ...] | None = None,
) -> Grade:
    """The grade of one grader, as if the case had no other."""
    grade = _run_grader(spec, response, parsed, case, registries, evalset, replies)
    return grade or _explain_silence(spec, response, parsed, case, registries, evalset)


def asks(name: str, registries: Registries) -> bool:
    """Whether the grader of that name asks a model (model.protocols.AskingGrader)."""
    return name in registries.graders and hasattr(registries.graders.get(name), "ask")


def find_format_problem(
    trial: Trial, response: Response, case: Case, graders: tuple[GraderSpec, ...], registries: Registries
) -> str | None:
    """What is wrong with the answer's format, as a sentence for the model (arm `reask`); None = nothing.

    Only what a program could tell without knowing the expected value: never which answer is right.
    """
    opened = open_answer(trial, response)
    if opened is None:
        return grade_no_call(trial, response).reason
    response = opened
    parsed = read_output(trial, response.text)
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
            ctx = make_context(spec, grader, case, response, parsed, registries)
        except GraderError:
            continue
        grade = _call(judge, ctx)
        if grade.outcome == "failed" and _is_about_format(grade.signature or ""):
            found.append(grade.reason or grade.signature or "")
    return "\n".join(dict.fromkeys(found)) or None


def _is_about_format(signature: str) -> bool:
    return is_format_failure(signature) or signature in ("tool:wrong_name", "style:extra_text")


def make_context(
    spec: GraderSpec,
    grader: Grader,
    case: Case,
    response: Response,
    parsed: TextOutput,
    registries: Registries,
    replies: tuple[Answer, ...] = (),
) -> GradeContext:
    """What a grader sees of a trial. Raises GraderError where a transform fails."""
    return GradeContext(
        spec=spec,
        case=case,
        response=response,
        parsed=transform_output(parsed, spec, registries.functions.get)
        if "transform" in spec.options
        else parsed,
        expected=spec.value if spec.has_value else case.expected,
        has_expected=spec.has_value or case.has_expected,
        functions=registries.functions.get,
        is_format=grader.is_format and not spec.negated,
        replies=replies,
    )


def _run_grader(
    spec: GraderSpec,
    response: Response,
    parsed: TextOutput,
    case: Case,
    registries: Registries,
    evalset: Evalset | None,
    replies: tuple[Answer, ...] | None,
) -> Grade | None:
    """The grade; None from a grader that asks a model and has no replies."""
    try:
        grader = registries.graders.get(spec.name)
        if hasattr(grader, "complete_spec"):
            spec = complete_spec(spec, grader, evalset)
    except Exception as error:  # noqa: BLE001 - whatever a registered part raises is its own error
        return _error_grade(spec, error)
    if grader.needs_expected and not spec.has_value and not case.has_expected:
        return Grade(grader=spec.label, outcome="ungraded", reason="the case has no expected value")
    if replies is None and hasattr(grader, "ask"):
        return None
    try:
        ctx = make_context(spec, grader, case, response, parsed, registries, replies or ())
    except GraderError as error:
        return _error_grade(spec, error)
    grade = _call(grader.grade, ctx)
    return _negate(grade, ctx, grader) if spec.negated else grade


def complete_spec(spec: GraderSpec, grader: Grader, evalset: Evalset | None) -> GraderSpec:
    """The spec with what its grader takes from the evalset as a whole."""
    complete = getattr(grader, "complete_spec", None)
    if complete is None or evalset is None:
        return spec
    completed: GraderSpec = complete(spec, evalset)
    return completed


def _explain_silence(
    spec: GraderSpec,
    response: Response,
    parsed: TextOutput,
    case: Case,
    registries: Registries,
    evalset: Evalset | None,
) -> Grade:
    """The error of a grader whose model should have been asked and was not."""
    try:
        grader: Any = registries.graders.get(spec.name)
        spec = complete_spec(spec, grader, evalset)
        grader.ask(make_context(spec, grader, case, response, parsed, registries))
    except Exception as error:  # noqa: BLE001 - what kept it from asking
        return _error_grade(spec, error)
    return _error_grade(spec, GraderError("its model was not asked"))


def _call(judge: Any, ctx: GradeContext) -> Grade:
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
    if len(reason) > MAX_REASON_CHARS:
        reason = clean(reason, MAX_REASON_CHARS)
    label = ctx.spec.label
    if (grade.grader, grade.signature, grade.reason, grade.is_format) == (
        label, signature, reason, ctx.is_format,
    ):  # fmt: skip
        return grade
    return replace(grade, grader=label, signature=signature, reason=reason, is_format=ctx.is_format)


def _error_grade(spec: GraderSpec, error: Exception) -> Grade:
    name = "" if isinstance(error, GraderError) else f"{type(error).__name__}: "
    where = f" ({spec.where})" if spec.where is not None else ""
    reason = f"grader {spec.label}{where}: {name}{clean(str(error), MAX_REASON_CHARS)}"
    signature = error.signature if isinstance(error, UnansweredError) else None
    return Grade(grader=spec.label, outcome="error", signature=signature, reason=reason)


def _negate(grade: Grade, ctx: GradeContext, grader: Grader) -> Grade:
    outcome = _FLIPPED.get(grade.outcome)
    if outcome is None:
        return grade
    signature, reason = None, grade.reason
    if outcome == "failed":
        name = getattr(grader, "negated_signature", None)
        signature = name(ctx) if name is not None else "value:text"
        reason = grade.reason or f"{ctx.spec.name} holds, and must not"
    return Grade(
        grader=ctx.spec.label,
        outcome=outcome,
        signature=signature,
        reason=reason,
        score=grade.score,
        votes=grade.votes,
    )


def _combine(grades: Sequence[Grade]) -> Outcome:
    outcomes = {grade.outcome for grade in grades}
    if "error" in outcomes:
        return "error"
    if not grades or "ungraded" in outcomes:
        return "ungraded"
    return "failed" if "failed" in outcomes else "passed"

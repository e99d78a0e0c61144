"""Making grades."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from pytest_ftgate.grading.signatures import clean
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.protocols import GradeContext

NOTHING: dict[str, Any] = {}


class GraderError(Exception):
    """A grader cannot judge: what it was given is unusable. Becomes a grade with outcome `error`."""


class UnansweredError(GraderError):
    """The model that a grader asked gave nothing usable. Becomes an `error` grade with an `infra:*`
    signature, and the trial is unanswered: a judge's trouble is no failure of the model it judges."""

    def __init__(self, signature: str, message: str) -> None:
        self.signature = signature
        super().__init__(message)


class TooLargeError(Exception):
    """An answer holds too much to be judged in time. Becomes `format:too_large`."""


class Problem(NamedTuple):
    """One thing that is wrong: its signature and a sentence."""

    signature: str
    reason: str


Problems: TypeAlias = Sequence[Problem]


def pass_grade(ctx: GradeContext, reason: str = "", **fields: Any) -> Grade:
    """A passed grade. `fields`: further ones of it, such as `score`."""
    return Grade(grader=ctx.spec.label, outcome="passed", reason=reason, is_format=ctx.is_format, **fields)


def fail_grade(
    ctx: GradeContext, signature: str, reason: str, secondary: Sequence[str] = (), **fields: Any
) -> Grade:
    """A failed grade with its primary signature. `fields`: further ones of it, such as `score`."""
    return Grade(
        grader=ctx.spec.label,
        outcome="failed",
        signature=signature,
        reason=reason,
        secondary=tuple(dict.fromkeys([entry for entry in secondary if entry != signature])),
        is_format=ctx.is_format,
        **fields,
    )


def judge_blank(ctx: GradeContext, signature: str) -> Grade:
    """Failed, also where the grader is negated: an empty answer is not the opposite of what is wanted."""
    reason = "the answer is empty"
    return pass_grade(ctx, reason) if ctx.spec.negated else fail_grade(ctx, signature, reason)


def judge_problems(ctx: GradeContext, problems: Problems, **fields: Any) -> Grade:
    """Passed without problems; otherwise failed by the first, the others secondary. `fields`: as there."""
    if not problems:
        return pass_grade(ctx, **fields)
    reason = "; ".join([problem.reason for problem in problems[:3]])
    signatures = [problem.signature for problem in problems]
    return fail_grade(ctx, signatures[0], reason, signatures[1:], **fields)


def show(value: object, limit: int = 80) -> str:
    """A value for a reason: quoted, on one line, cut."""
    text = value if isinstance(value, str) else repr(value)[: limit * 4]
    return f'"{clean(text, limit)}"' if isinstance(value, str) else clean(text, limit)


def read_text(value: object) -> str:
    """An expected scalar as the text a model would write: JSON's spelling of true, false and null."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)

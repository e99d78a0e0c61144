"""What graders ask of a model about an answer, and what to say of a model that gave nothing usable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_ftgate.grading.apply import asks, complete_spec, grade_answer, make_context
from pytest_ftgate.grading.forced_calls import open_answer
from pytest_ftgate.grading.grades import UnansweredError
from pytest_ftgate.grading.parsed import TextOutput, read_output
from pytest_ftgate.model.evalset import Case, Evalset, GraderSpec
from pytest_ftgate.model.protocols import Question
from pytest_ftgate.model.response import STOP_SIGNATURES, Answer, Failure, Response
from pytest_ftgate.model.trial import Trial
from pytest_ftgate.registry import Registries

_UNASKED_SIGNATURES = ("infra:stale", "infra:not_recorded")
_KEPT_SIGNATURES = (*_UNASKED_SIGNATURES, *STOP_SIGNATURES)


def list_questions(
    trial: Trial,
    response: Response,
    case: Case,
    graders: Sequence[GraderSpec],
    registries: Registries,
    evalset: Evalset | None = None,
) -> dict[int, tuple[Question, ...]]:
    """Position of a grader (from 1) → what it asks about the answer. Never raises.

    Empty unless every grader that asks nothing passed: a trial that is settled needs no judge. A grader
    that cannot ask is left out; why, its grade will say.
    """
    positions = [at for at, spec in enumerate(graders, start=1) if asks(spec.name, registries)]
    if not positions:
        return {}
    opened = open_answer(trial, response)
    if opened is None:
        return {}
    response = opened
    parsed = read_output(trial, response.text)
    others = [spec for at, spec in enumerate(graders, start=1) if at not in positions]
    grades = grade_answer(response, parsed, case, others, registries, evalset)
    if any(grade.outcome != "passed" for grade in grades):
        return {}
    found: dict[int, tuple[Question, ...]] = {}
    for position in positions:
        spec = graders[position - 1]
        grader: Any = registries.graders.get(spec.name)
        if grader.needs_expected and not (spec.has_value or case.has_expected):
            return {}  # ungraded, whatever the others would say
        try:
            found[position] = _ask(grader, spec, case, response, parsed, registries, evalset)
        except Exception:  # noqa: BLE001, S112 - a third party's grader; apply says what it raises
            continue
    return found


def _ask(
    grader: Any,
    spec: GraderSpec,
    case: Case,
    response: Response,
    parsed: TextOutput,
    registries: Registries,
    evalset: Evalset | None,
) -> tuple[Question, ...]:
    spec = complete_spec(spec, grader, evalset)
    return tuple(grader.ask(make_context(spec, grader, case, response, parsed, registries)))


def is_unasked(replies: Sequence[Answer]) -> bool:
    """Whether a replay has not all the replies: what was never asked was not lost by a vendor."""
    return any(isinstance(reply, Failure) and reply.signature in _UNASKED_SIGNATURES for reply in replies)


def explain_no_reply(role: str, replies: Sequence[Answer], what: str) -> UnansweredError:
    """The error of a grader whose model was of no use; `what` is the sentence about it.

    The signature is `infra:ROLE`, but theirs where replies are stale or not recorded in a replay, and where
    the run stopped asking.
    """
    failures = [reply for reply in replies if isinstance(reply, Failure)]
    seen = {failure.signature for failure in failures}
    signature = next((known for known in _KEPT_SIGNATURES if known in seen), f"infra:{role}")
    said = f": {failures[0].signature}: {failures[0].message}" if failures else ""
    return UnansweredError(signature, what + said)

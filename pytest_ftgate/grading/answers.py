"""Whether an answer that is to be trained on passes the graders of its case; no model is asked."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_ftgate.grading.apply import asks, judge_trial
from pytest_ftgate.grading.grader_lists import BUDGETS, is_known
from pytest_ftgate.model.evalset import Case, Evalset, GraderSpec, Message
from pytest_ftgate.model.response import Response, ToolCall
from pytest_ftgate.model.trial import Trial
from pytest_ftgate.registry import Registries

_RUNS_CODE = "code"


def find_rejection(
    answer: Message,
    trial: Trial,
    case: Case,
    graders: Sequence[GraderSpec],
    registries: Registries,
    evalset: Evalset,
) -> tuple[str, bool]:
    """('' or 'GRADER: SIGNATURE' of the first that fails, whether any grader judged the answer).

    Graders that ask a model, run code, call a function of the project, or measure time and money are left
    out: nothing is known here of what they would say.
    """
    asked = tuple(spec for spec in graders if _can_judge(spec, registries))
    record = judge_trial(trial, _read_answer(answer), case, asked, registries, evalset)
    judged = [grade for grade in record.grades if grade.outcome in ("passed", "failed")]
    failed = next((grade for grade in judged if grade.outcome == "failed"), None)
    return ("" if failed is None else f"{failed.grader}: {failed.signature}"), bool(judged)


def _can_judge(spec: GraderSpec, registries: Registries) -> bool:
    if spec.name in BUDGETS or spec.name == _RUNS_CODE:
        return False
    return is_known(spec, registries) and not asks(spec.name, registries)


def _read_answer(answer: Message) -> Response:
    calls = tuple(
        ToolCall(name=call["function"]["name"], arguments=call["function"]["arguments"], id=call.get("id"))
        for call in answer.get("tool_calls") or ()
    )
    return Response(text=answer.get("content"), tool_calls=calls, finish_reason="stop")

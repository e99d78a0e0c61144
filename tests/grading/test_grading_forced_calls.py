"""Answers that come as the arguments of a forced call: graded like the same text, and kept as they came."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from grading_world import case, parts, spec, trial

from pytest_ftgate.grading.apply import find_format_problem, judge_trial
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.response import Response, ToolCall

SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}
GRADERS = (spec("is-json", schema=SCHEMA), spec("json-fields"))
FORCED = replace(trial(), answer_tool="answer")


def calling(*arguments: str, name: str = "answer", **more: object) -> Response:
    calls = tuple(ToolCall(name=name, arguments=text) for text in arguments)
    return Response(text=None, tool_calls=calls, **more)  # type: ignore[arg-type]


def judged(response: Response, *, graders: tuple = GRADERS, forced: object = FORCED) -> Record:
    return judge_trial(forced, response, case({"total": 3}), graders, parts())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "arguments", ['{"total": 3}', '{"total": 4}', '{"total": "3"}', "{}", '{"total": ', "", "```{}```", "[3]"]
)
def test_the_arguments_are_graded_as_that_text_is(arguments: str) -> None:
    called, written = judged(calling(arguments)), judged(Response(text=arguments), forced=trial())
    assert (called.outcome, called.signature, called.secondary) == (
        written.outcome, written.signature, written.secondary,
    )  # fmt: skip
    assert [grade.reason for grade in called.grades] == [grade.reason for grade in written.grades]


def test_what_the_model_sent_is_kept() -> None:
    record = judged(calling('{"total": 3}', '{"total": 9}'))
    assert record.outcome == "passed", "the first call counts"
    assert record.output is None
    assert [call.arguments for call in record.tool_calls] == ['{"total": 3}', '{"total": 9}']


@pytest.mark.parametrize(
    ("response", "signature", "said"),
    [
        (Response(text='{"total": 3}'), "tool:no_call", "it wrote a text"),
        (Response(text=None), "empty:blank", "it said nothing"),
        (calling("{}", name="other"), "tool:no_call", "it called other"),
        (Response(text="I cannot help with that."), "refusal:text", "it wrote a text"),
        (Response(text='{"tot', finish_reason="length"), "call:truncated", "it wrote a text"),
    ],
)
def test_without_the_call_the_trial_fails(response: Response, signature: str, said: str) -> None:
    record = judged(response)
    assert (record.outcome, record.signature) == ("failed", signature)
    (grade,) = record.grades
    assert grade.is_format
    assert said in grade.reason


def test_a_case_that_cannot_be_graded_is_not_failed_for_it() -> None:
    plain = judge_trial(FORCED, Response(text="no"), replace(case({}), has_expected=False), GRADERS, parts())
    assert plain.outcome == "ungraded"
    assert judged(Response(text="no"), graders=()).outcome == "ungraded"


def test_a_label_is_read_from_the_arguments() -> None:
    forced = replace(FORCED, extract="/label")
    grader = (spec("label", labels=["refund", "charge"]),)
    answer = calling(json.dumps({"label": "refund"}))
    assert judge_trial(forced, answer, case("refund"), grader, parts()).outcome == "passed"
    assert judge_trial(forced, answer, case("charge"), grader, parts()).signature == (
        "label:confusion:charge→refund"
    )


def test_reask_hears_what_is_wrong_with_the_call() -> None:
    def problem(response: Response) -> str | None:
        return find_format_problem(FORCED, response, case({"total": 3}), GRADERS, parts())

    assert problem(calling('{"total": 4}')) is None, "which answer is right is never told"
    assert "total" in (problem(calling("{}")) or "")
    assert "'answer' was to be called" in (problem(Response(text="three")) or "")

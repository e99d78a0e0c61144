"""Answers that are the arguments of one forced tool call (arm `structured`, mode `tool`)."""

from __future__ import annotations

from dataclasses import replace

from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.response import Response
from pytest_ftgate.model.trial import Trial

NO_CALL = "tool:no_call"
GRADER = "tool mode"
"""Stands for a grader in the grade of an answer without the call."""


def open_answer(trial: Trial, response: Response) -> Response | None:
    """The response as graders read it, its text the arguments of the call; None where the call is missing.

    Of several calls of the tool the first counts, as in the clients that use this mode.
    """
    if trial.answer_tool is None:
        return response
    call = next((call for call in response.tool_calls if call.name == trial.answer_tool), None)
    return None if call is None else replace(response, text=call.arguments, tool_calls=())


def grade_no_call(trial: Trial, response: Response) -> Grade:
    """The grade of an answer that did not make the call."""
    others = ", ".join(sorted({call.name for call in response.tool_calls}))
    instead = f"it called {others}" if others else "it wrote a text" if response.text else "it said nothing"
    reason = f"the tool {trial.answer_tool!r} was to be called with the answer; {instead}"
    return Grade(grader=GRADER, outcome="failed", signature=NO_CALL, reason=reason, is_format=True)

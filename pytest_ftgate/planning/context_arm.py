"""Arm `context`: the gold context of each case before its question (question 2, the oracle)."""

# ruff: noqa: ARG002 - the Arm protocol fixes the parameters

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from pytest_ftgate.model.evalset import ArmSpec, Case, Evalset, Json
from pytest_ftgate.model.protocols import ArmTask
from pytest_ftgate.model.trial import Trial
from pytest_ftgate.planning.passages import (
    DEFAULT_CITE,
    DEFAULT_TEMPLATE,
    case_passages,
    find_template_problems,
    give_passages,
)
from pytest_ftgate.planning.templates import mentions

HAS_CONTEXT = "the prompt already has the context"


class ContextArm:
    """The case's `context`, where the prompt names it, or else in front of the question.

    Cases without context are asked by the evalset's prompt.
    """

    question: Literal[1, 2] = 2
    options: Mapping[str, Json] = {
        "from": {"enum": ["case"], "default": "case"},
        "template": {"type": "string", "default": DEFAULT_TEMPLATE},
        "cite": {"type": "string", "default": DEFAULT_CITE},
    }

    def problems(self, spec: ArmSpec, evalset: Evalset) -> Iterable[str]:
        yield from find_template_problems(spec)

    def inapplicable(self, spec: ArmSpec, evalset: Evalset) -> str | None:
        if mentions(evalset.prompt, "context"):
            return HAS_CONTEXT
        if all(case.context is None for case in evalset.cases):
            return "no case has context"
        return None

    def trials(self, task: ArmTask, case: Case) -> Iterable[Trial]:
        passages = case_passages(case)
        if passages:
            return give_passages(task, case, passages)
        messages = task.render(task.evalset.prompt, case, {})
        return [task.make(case, repeat, messages) for repeat in range(1, task.repeats + 1)]

"""Arm `context`: the gold context of each case before its question (question 2, the oracle)."""

# ruff: noqa: ARG002 - the Arm protocol fixes the parameters

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from pytest_ftgate.model.evalset import ArmSpec, Case, Evalset, Json, Message
from pytest_ftgate.model.protocols import ArmTask
from pytest_ftgate.model.trial import Trial
from pytest_ftgate.planning.conversation import prepend_text
from pytest_ftgate.planning.templates import case_names, mentions, render_text
from pytest_ftgate.planning.texts import context_text

DEFAULT_TEMPLATE = "Use this context to answer.\n\n<context>\n{{ context }}\n</context>\n\n"
HAS_CONTEXT = "the prompt already has the context"


class ContextArm:
    """The case's `context`, where the prompt names it, or else in front of the question.

    Cases without context are asked by the evalset's prompt.
    """

    question: Literal[1, 2] = 2
    options: Mapping[str, Json] = {
        "from": {"enum": ["case"], "default": "case"},
        "template": {"type": "string", "default": DEFAULT_TEMPLATE},
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
        if case.context is None:
            messages = task.render(task.evalset.prompt, case, {})
        else:
            messages = give_context(task, case, context_text(case.context))
        return [task.make(case, repeat, messages) for repeat in range(1, task.repeats + 1)]


def find_template_problems(spec: ArmSpec) -> Iterable[str]:
    """What is wrong with an arm's `template` for the context."""
    template = spec.options.get("template", DEFAULT_TEMPLATE)
    if not mentions(template, "context"):
        yield f"arm {spec.name!r}: `template` must contain {{{{ context }}}}"
    elif mentions(template, "expected"):
        yield f"arm {spec.name!r}: `template` names `expected`, which is never shown to a prompt"


def give_context(task: ArmTask, case: Case, context: str) -> tuple[Message, ...]:
    """The messages of a case with that context in them."""
    if "names_context" not in task.memo:
        task.memo["names_context"] = mentions(task.prompt, "context")
    if task.memo["names_context"]:
        return task.render(task.prompt, case, {"context": context})
    template = str(task.spec.options.get("template", DEFAULT_TEMPLATE))
    block = render_text(template, {**case_names(case), "context": context})
    return prepend_text(task.render(task.prompt, case, {}), block)

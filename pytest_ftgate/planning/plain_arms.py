"""Arms that only differ in their prompt: `as_is`, and any arm with a `prompt` of its own."""

# ruff: noqa: ARG002 - the Arm protocol fixes the parameters

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from pytest_ftgate.model.evalset import ArmSpec, Case, Evalset, Json
from pytest_ftgate.model.protocols import ArmTask
from pytest_ftgate.model.trial import Trial


class AsIsArm:
    """What ships today: the evalset's prompt, nothing added."""

    question: Literal[1, 2] = 1
    options: Mapping[str, Json] = {}

    def problems(self, spec: ArmSpec, evalset: Evalset) -> Iterable[str]:
        return ()

    def inapplicable(self, spec: ArmSpec, evalset: Evalset) -> str | None:
        return None

    def trials(self, task: ArmTask, case: Case) -> Iterable[Trial]:
        messages = task.render(task.prompt, case, {})
        return [task.make(case, repeat, messages) for repeat in range(1, task.repeats + 1)]


class PromptArm(AsIsArm):
    """A prompt of the arm's own."""

    def problems(self, spec: ArmSpec, evalset: Evalset) -> Iterable[str]:
        if spec.prompt is None:
            yield f"arm {spec.name!r} needs a `prompt`: a text, messages, or {{file: PATH}}"

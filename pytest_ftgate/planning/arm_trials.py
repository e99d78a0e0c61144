"""Trials of each arm × role, built once and on demand: an arm may borrow another's requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from pytest_ftgate.errors import FtgateError
from pytest_ftgate.model.evalset import ArmSpec, Case, Evalset, Json, Location, Message
from pytest_ftgate.model.protocols import ArmTask
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.trial import Trial
from pytest_ftgate.model.vectors import Vector
from pytest_ftgate.planning.conversation import render_prompt
from pytest_ftgate.planning.passages import case_passages, has_citation_grader
from pytest_ftgate.planning.problems import Problems
from pytest_ftgate.planning.templates import TemplateUseError, case_names, mentions
from pytest_ftgate.planning.trial_maker import TrialMaker
from pytest_ftgate.registry import Registries

SAMPLE = 200
"""Cases by which the arms are put in order."""

TrialsByCase = Mapping[str, tuple[Trial, ...]]

Embedder = Callable[[Evalset, ArmSpec, Sequence[str]], Sequence[Vector]]
"""The vectors of texts for an arm, in order. Raises FtgateError where they cannot be had."""


def sample_step(cases: int) -> int:
    """Every how many of so many cases is in the sample."""
    return max(1, cases // SAMPLE)


class ArmTrials:
    """Builds the trials of an evalset's arms. Problems of cases are noted, and the case left out.

    `step`: only those of every step-th case are made, and stand for those of the cases after it.
    """

    def __init__(
        self,
        evalset: Evalset,
        settings: Settings,
        registries: Registries,
        problems: Problems,
        *,
        repeats: int,
        embedder: Embedder,
        step: int = 1,
    ) -> None:
        self._evalset, self._settings, self._registries = evalset, settings, registries
        self._problems, self._repeats, self._embedder = problems, repeats, embedder
        self._step = step
        self._built: dict[tuple[str, str], TrialsByCase] = {}
        self._tasks: dict[tuple[str, str], ArmTask] = {}
        self._building: list[str] = []

    def of(self, arm: str, role: str) -> TrialsByCase:
        """Case id → its trials, in the order of the cases. Raises FtgateError for arms in a circle."""
        if (arm, role) not in self._built:
            if arm in self._building:
                raise FtgateError(
                    f"arms refer to each other in a circle: {' → '.join(self._building)} → {arm}"
                )
            self._building.append(arm)
            try:
                self._built[arm, role] = self._build(self._evalset.arm(arm), role)
            finally:
                self._building.pop()
        return self._built[arm, role]

    def task_of(self, arm: str, role: str) -> ArmTask:
        """What the arm's trials are built with, and what it keeps of that."""
        if (arm, role) not in self._tasks:
            self._tasks[arm, role] = self._make_task(self._evalset.arm(arm), role)
        return self._tasks[arm, role]

    def _build(self, spec: ArmSpec, role: str) -> TrialsByCase:
        task = self.task_of(spec.name, role)
        kind = self._registries.arms.get(spec.kind)
        built: dict[str, tuple[Trial, ...]] = {}
        made: tuple[Trial, ...] = ()
        for place, case in enumerate(self._evalset.cases):
            if place % self._step:
                built[case.id] = made
                continue
            try:
                built[case.id] = made = tuple(self._tie_context(task, case, kind.trials(task, case)))
            except TemplateUseError as fault:
                self._problems.add(self._place(spec, fault.pointer), fault.text, case.id, topic=fault.topic)
            except FtgateError as error:
                self._problems.add(self._place(spec, ""), f"arm {spec.name!r}: {error}", case.id)
        return built

    def _tie_context(self, task: ArmTask, case: Case, trials: Iterable[Trial]) -> Iterable[Trial]:
        """The trials; where the evalset grades citations and their prompt names the context, that has to be
        quoted."""
        if "shows_context" not in task.memo:
            is_graded = has_citation_grader(self._evalset)
            task.memo["shows_context"] = is_graded and mentions(task.prompt, "context")
        if not task.memo["shows_context"]:
            return trials
        passages = case_passages(case)
        return [trial if trial.passages else replace(trial, passages=passages) for trial in trials]

    def _make_task(self, spec: ArmSpec, role: str) -> ArmTask:
        def trials_of(arm: str, case_id: str) -> tuple[Trial, ...]:
            trials = self.of(arm, role).get(case_id)
            if trials is None:
                raise FtgateError(f"arm {arm!r} has no trials for this case")
            return trials

        model = self._evalset.models[role]
        maker = TrialMaker(
            evalset=self._evalset.name, arm=spec.name, role=role, model=model, trials_of=trials_of
        )
        return ArmTask(
            spec=spec,
            evalset=self._evalset,
            role=role,
            model=model,
            repeats=self._repeats,
            rootdir=self._settings.rootdir,
            prompt=spec.prompt if spec.prompt is not None else self._evalset.prompt,
            render=_render,
            make=maker,
            embed=lambda texts: self._embedder(self._evalset, spec, texts),
            allow_outside_files=self._settings.allow_outside_files,
        )

    def _place(self, spec: ArmSpec, pointer: str) -> Location:
        path = self._evalset.path
        if pointer and spec.prompt is None:
            return Location(file=path, pointer=f"/prompt{pointer}")
        if spec.where is None:
            return Location(
                file=path, pointer=f"/arms/{spec.name}" + (f"/prompt{pointer}" if pointer else "")
            )
        return spec.where


def _render(messages: Sequence[Message], case: Case, extra: Mapping[str, Json]) -> tuple[Message, ...]:
    names = case_names(case)
    names.update(extra)
    rendered = render_prompt(messages, case, names)
    if not rendered:
        raise FtgateError("there is nothing to ask: the evalset has no `prompt` and the case no `messages`")
    return rendered

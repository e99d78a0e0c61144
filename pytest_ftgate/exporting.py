"""From an evalset to training rows: examples gathered, rendered, checked, and held apart from what judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_ftgate.grading.answers import find_rejection
from pytest_ftgate.model.evalset import AS_IS, Case, Evalset, Message
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.training import Candidate, HeldOut, Reason, Removed, TrainingRow, TrainingSet
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.planning.fingerprint import canonical_json
from pytest_ftgate.planning.held_out import digest_question, divide_cases, find_likenesses
from pytest_ftgate.planning.plan import build_plan
from pytest_ftgate.planning.shot_answers import reads_parts
from pytest_ftgate.planning.training_rows import (
    build_training_evalset,
    find_unknown_label,
    list_cases,
    list_pool,
    write_answer,
)
from pytest_ftgate.registry import Registries

Made = TrainingRow | tuple[Reason, str]
"""A row, or why there is none, with the detail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporting:
    """What a training set is made of. `others`: further evalsets whose cases judge.

    `train_share`: the share of the judging cases to train on; None = none of them.
    """

    evalset: Evalset
    others: Sequence[Evalset]
    further: Sequence[Candidate]
    train_share: float | None
    settings: Settings
    registries: Registries


def build_training_set(task: Exporting) -> TrainingSet:
    """The rows of all sources that are no evaluation cases, nor like one, and whose answers are right.

    Raises EvalsetError where an example does not fit the prompt.
    """
    evalset = task.evalset
    judging = list(evalset.judging_cases)
    spent = (
        divide_cases(judging, task.train_share, evalset.decision.seed) if task.train_share else frozenset()
    )
    held = [case for case in judging if case.id not in spent]
    others = [(other.name, case) for other in task.others for case in other.judging_cases]
    candidates = [*task.further, *list_pool(evalset), *list_cases(evalset, spent)]
    likenesses = find_likenesses(
        [candidate.case for candidate in candidates], [*held, *(case for _, case in others)]
    )
    kept = [candidate for place, candidate in enumerate(candidates) if place not in likenesses]
    removed = [
        Removed(name=candidates[place].name, source=candidates[place].source, reason=reason, detail=case)
        for place, (reason, case) in sorted(likenesses.items())
    ]
    rows, refused = _make_rows(task, kept)
    return TrainingSet(
        rows=rows,
        removed=(*removed, *refused),
        held_out=tuple(
            HeldOut(evalset=name, case=case.id, digest=digest_question(case))
            for name, case in [*((evalset.name, case) for case in held), *others]
        ),
        spent=tuple(case.id for case in judging if case.id in spent),
    )


def _make_rows(
    task: Exporting, candidates: Sequence[Candidate]
) -> tuple[tuple[TrainingRow, ...], tuple[Removed, ...]]:
    """The rows of the candidates, without copies and contradictions of earlier ones."""
    if not candidates:
        return (), ()
    plan = _plan_rows(task, candidates)
    maker = _RowMaker(plan, task.registries, has_parts=reads_parts(task.evalset))
    rows: list[TrainingRow] = []
    removed: list[Removed] = []
    first: dict[str, TrainingRow] = {}
    for place, candidate in enumerate(candidates):
        made = maker.make(place, candidate)
        if isinstance(made, TrainingRow):
            made = _compare(made, first)
        if isinstance(made, TrainingRow):
            rows.append(made)
        else:
            reason, detail = made
            removed.append(
                Removed(name=candidate.name, source=candidate.source, reason=reason, detail=detail)
            )
    return tuple(rows), tuple(removed)


def _compare(row: TrainingRow, first: dict[str, TrainingRow]) -> Made:
    """The row, or why it adds nothing: an earlier one asks the same."""
    asked = canonical_json([list(row.messages[:-1]), list(row.tools or ())])
    earlier = first.setdefault(asked, row)
    if earlier is row:
        return row
    is_same = canonical_json(earlier.messages[-1]) == canonical_json(row.messages[-1])
    return ("copy" if is_same else "contradiction"), earlier.name


def _plan_rows(task: Exporting, candidates: Sequence[Candidate]) -> Plan:
    settings = replace(task.settings, arms=None, repeats=1, shard=None)
    return build_plan(build_training_evalset(task.evalset, candidates), settings, task.registries)


class _RowMaker:
    """Renders a candidate with the prompt of `as_is`, and lets its graders read the answer."""

    def __init__(self, plan: Plan, registries: Registries, *, has_parts: bool) -> None:
        self._plan, self._registries, self._has_parts = plan, registries, has_parts
        self._cases: Mapping[str, Case] = {case.id: case for case in plan.evalset.cases}
        self._trials = {
            item.case: item.trials[0]
            for item in plan.items
            if item.arm == AS_IS and item.role == plan.roles[0]
        }

    def make(self, place: int, candidate: Candidate) -> Made:
        """The row of the candidate at that place."""
        name = str(place)
        case, trial, graders = self._cases[name], self._trials[name], self._plan.graders[name]
        answer, why = write_answer(candidate, graders, self._registries, has_parts=self._has_parts)
        if answer is None:
            return "no_answer", why
        if answer.get("tool_calls") and not case.tools:
            return (
                "no_tools",
                "its answer calls tools: give it its `tools`, or the text to say as its `answer`",
            )
        rejection, is_checked = find_rejection(
            answer, trial, case, graders, self._registries, self._plan.evalset
        )
        rejection = rejection or find_unknown_label(answer, graders)
        if rejection:
            return "rejected", rejection
        messages: tuple[Message, ...] = (*trial.request.messages, answer)
        return TrainingRow(
            name=candidate.name,
            source=candidate.source,
            messages=messages,
            tools=case.tools,
            is_checked=is_checked,
        )

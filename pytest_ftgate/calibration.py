"""Holds a judge against people: asks it about answers that people have labelled, and counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pytest_ftgate.execution.builtin import find_provider
from pytest_ftgate.execution.engine import Engine
from pytest_ftgate.execution.recorded_provider import RecordedProvider, ResponseRecorder
from pytest_ftgate.execution.recorded_rows import RecordedResponses
from pytest_ftgate.execution.store import SqliteStore
from pytest_ftgate.grading.apply import judge_trial
from pytest_ftgate.model.evalset import AS_IS, CANDIDATE, JUDGE, Case, Evalset, GraderSpec, ModelSpec
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.response import Response
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.trial import Plan, Request, Trial, TrialKey
from pytest_ftgate.planning.grader_values import resolve_graders
from pytest_ftgate.planning.problems import Problems
from pytest_ftgate.registry import Registries
from pytest_ftgate.serving import Asker
from pytest_ftgate.statistics.kappa import Kappa, measure_kappa

NAME = "calibration"
"""Stands for the evalset in the keys of what the judge is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledAnswer:
    """An answer that people have passed (`label`) or failed. `place` is its `file:line`."""

    case: Case
    output: str
    label: bool
    place: str


@dataclass(slots=True, kw_only=True)
class Calibration:
    """What the judge said of the labelled answers.

    `counts`: (people's label, the judge's) → answers that the judge has graded. `votes_with` of `votes`
    were cast for what their majority decided. `cost_usd` None: no price is known.
    """

    counts: dict[tuple[bool, bool], int] = field(
        default_factory=lambda: {(person, judge): 0 for person in (True, False) for judge in (True, False)}
    )
    votes: int = 0
    votes_with: int = 0
    unanimous: int = 0
    errors: list[str] = field(default_factory=list)
    disagreements: list[LabelledAnswer] = field(default_factory=list)
    requests_sent: int = 0
    cost_usd: float | None = None

    @property
    def n(self) -> int:
        """Answers that the judge has graded."""
        return sum(self.counts.values())

    @property
    def kappa(self) -> Kappa:
        """Agreement of people (the first rater) and the judge, beyond chance."""
        counts = self.counts
        return measure_kappa(
            counts[True, True], counts[True, False], counts[False, True], counts[False, False]
        )

    def add(self, answer: LabelledAnswer, record: Record) -> None:
        """Count one graded answer."""
        if not record.is_judged:
            self.errors.append(f"{answer.place}: {record.error or record.outcome}")
            return
        is_passed = record.outcome == "passed"
        self.counts[answer.label, is_passed] += 1
        if answer.label != is_passed:
            self.disagreements.append(answer)
        for votes in (grade.votes for grade in record.grades if grade.votes is not None):
            self.votes += sum(votes)
            self.votes_with += max(votes)
            self.unanimous += min(votes) == 0


def calibrate(
    answers: Sequence[LabelledAnswer],
    rubric: GraderSpec,
    judge: ModelSpec,
    *,
    settings: Settings,
    registries: Registries,
    redact: Callable[[str], str],
) -> Calibration:
    """Ask the judge about every answer, by the rubric, and count how it agrees with the labels.

    Replies come from the response store where it has them, or, with `settings.replay`, from recorded ones
    alone. Raises EvalsetError for a rubric whose template cannot be filled in, else FtgateError.
    """
    plan = _make_plan(answers, rubric, judge)
    engine = _make_engine(settings, registries, redact)
    asker = Asker(engine, registries)
    recorder = ResponseRecorder(Path(settings.record), redact=redact) if settings.record else None
    found = Calibration()
    is_priced = True
    try:
        asker.add(plan)
        trials = [_make_trial(answer.case) for answer in answers]
        for trial, answer in zip(trials, answers, strict=True):
            asker.hear(trial, Response(text=answer.output))
        for trial, answer in zip(trials, answers, strict=True):
            record = _grade(plan, trial, answer, asker, registries, recorder)
            found.add(answer, record)
            if record.serving_cost_usd is not None:
                found.cost_usd = (found.cost_usd or 0.0) + record.serving_cost_usd
            elif record.serving_attempts:
                is_priced = False
        found.requests_sent = engine.requests_sent
        if not is_priced:
            found.cost_usd = None
    finally:
        engine.close()
        asker.close()
        if recorder is not None:
            recorder.close()
    return found


def _make_plan(answers: Sequence[LabelledAnswer], rubric: GraderSpec, judge: ModelSpec) -> Plan:
    evalset = Evalset(
        path=NAME,
        name=NAME,
        models={CANDIDATE: ModelSpec(model="labelled"), JUDGE: judge},
        graders=(rubric,),
        cases=tuple(answer.case for answer in answers),
    )
    problems = Problems(NAME)
    graders = resolve_graders(evalset, problems)
    problems.raise_if_any()
    return Plan(
        evalset=evalset, items=(), arms=(), roles=(CANDIDATE,), repeats=1, multiplicity=1, graders=graders
    )


def _make_engine(settings: Settings, registries: Registries, redact: Callable[[str], str]) -> Engine:
    if settings.replay:
        recorded = RecordedProvider(RecordedResponses.load(settings.replay))
        return Engine(
            lambda _trial: recorded,
            concurrency=settings.concurrency,
            timeout_s=settings.timeout_s,
            max_attempts=1,
            redact=redact,
        )
    return Engine(
        lambda trial: find_provider(registries.providers, trial.request.model),
        store=SqliteStore(Path(settings.directory) / "responses.sqlite"),
        concurrency=settings.concurrency,
        timeout_s=settings.timeout_s,
        max_attempts=settings.max_attempts,
        redact=redact,
    )


def _make_trial(case: Case) -> Trial:
    """The trial that the labelled answer would be of; it is never asked."""
    key = TrialKey(evalset=NAME, case=case.id, arm=AS_IS, role=CANDIDATE, repeat=1)
    return Trial(key=key, request=Request(model="labelled", messages=()), request_hash="", draw="1")


def _grade(
    plan: Plan,
    trial: Trial,
    answer: LabelledAnswer,
    asker: Asker,
    registries: Registries,
    recorder: ResponseRecorder | None,
) -> Record:
    response = Response(text=answer.output)
    served = asker.serve(trial, response)
    if recorder is not None:
        for question, reply in served.asked:
            recorder.add(question, reply)
    graders = plan.graders[answer.case.id]
    record = judge_trial(
        trial, response, answer.case, graders, registries, plan.evalset, replies=served.replies
    )
    return replace(record, serving_cost_usd=served.cost_usd)

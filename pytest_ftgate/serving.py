"""Asks the models that serve graders (roles `judge` and `embedder`) about the answers of a run.

What is asked follows from an answer alone: `plan_questions` gives the same trials ahead of need, when the
answer comes in, and again when the answer is judged. The engine answers them like any other trial, so
they are stored, recorded and replayed alike, and nothing is paid twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from pytest_ftgate.execution.engine import Engine
from pytest_ftgate.execution.prices import price_response
from pytest_ftgate.grading.apply import asks
from pytest_ftgate.grading.asking import list_questions
from pytest_ftgate.model.evalset import EMBEDDER, Case, ModelSpec
from pytest_ftgate.model.protocols import Question
from pytest_ftgate.model.quickly_made import quickly_made
from pytest_ftgate.model.response import Answer, Response
from pytest_ftgate.model.trial import Plan, Request, Trial, TrialKey, is_serving_role, serving_role
from pytest_ftgate.planning.fingerprint import request_hash
from pytest_ftgate.registry import Registries

Questions = dict[int, tuple[Trial, ...]]
"""Position of a grader in its case (from 1) → the trials that ask its model, in order of its questions."""


def plan_questions(
    plan: Plan, trial: Trial, answer: Answer, registries: Registries, *, case: Case | None = None
) -> Questions:
    """What must be asked to judge this answer of a trial of the plan.

    Empty where no grader asks, where there is no answer, and where another grader already settles the
    trial: then no judge is needed. `case` spares looking for the trial's case.
    """
    if not isinstance(answer, Response):
        return {}
    case = case or plan.evalset.case(trial.key.case)
    asked = list_questions(trial, answer, case, plan.graders[case.id], registries, plan.evalset)
    return {
        position: tuple(
            _make_trial(plan, trial, question, position, index)
            for index, question in enumerate(questions, start=1)
        )
        for position, questions in asked.items()
    }


def _make_trial(plan: Plan, trial: Trial, question: Question, position: int, index: int) -> Trial:
    model = plan.evalset.models[question.role]
    request = Request(
        model=model.model,
        messages=question.messages,
        params=model.params,
        response_format=question.response_format,
        operation="embedding" if question.role == EMBEDDER else "chat",
    )
    role = serving_role(question.role, trial.key, position)
    return Trial(
        key=trial.key._replace(role=role, repeat=index),
        request=request,
        request_hash=request_hash(request),
        # Equal questions about equal answers are one question, whichever case, arm or repeat they are of.
        draw=str(question.vote),
    )


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The replies about one answer. `asked` pairs each question with its reply, in order.

    `cost_usd` is what this run paid for them (None where nothing was asked, or no price is known),
    `attempts` the requests it sent.
    """

    replies: Mapping[int, tuple[Answer, ...]]
    asked: tuple[tuple[Trial, Answer], ...] = ()
    cost_usd: float | None = None
    attempts: int = 0


class Asker:
    """Asks about answers as they come in, in a thread of its own, and hands out the replies.

    `hear` is for the engine's thread, the rest for the one that judges.
    """

    def __init__(self, engine: Engine, registries: Registries) -> None:
        self._engine, self._registries = engine, registries
        self._plans: dict[str, tuple[Plan, dict[str, Case]]] = {}
        self._ahead: dict[TrialKey, Future[Questions]] = {}
        self._thread: ThreadPoolExecutor | None = None

    def add(self, plan: Plan) -> None:
        """Take in a plan; one without graders that ask costs nothing."""
        specs = {spec.name for graders in plan.graders.values() for spec in graders}
        if any(asks(name, self._registries) for name in specs):
            self._plans[plan.evalset.name] = plan, {case.id: case for case in plan.evalset.cases}
            # Graders run here: one that is slow must hold up neither the requests nor pytest.
            self._thread = self._thread or ThreadPoolExecutor(1, thread_name_prefix="ftgate-asker")

    def hear(self, trial: Trial, answer: Answer) -> None:
        """Have the questions about an answer asked soon."""
        if self._thread is None or is_serving_role(trial.key.role) or not self._case_of(trial):
            return
        with suppress(RuntimeError):  # the run has ended
            self._ahead[trial.key] = self._thread.submit(self._ask, trial, answer)

    def serve(self, trial: Trial, answer: Answer) -> Served:
        """Wait for the replies about an answer. Raises FtgateError for a fault of a provider or the store."""
        if not self._case_of(trial):
            return Served(replies={})
        ahead = self._ahead.pop(trial.key, None)
        questions = self._ask(trial, answer) if ahead is None or ahead.cancel() else ahead.result()
        replies = {
            position: tuple(self._wait(each) for each in asked) for position, asked in questions.items()
        }
        pairs = [
            pair
            for position, asked in questions.items()
            for pair in zip(asked, replies[position], strict=True)
        ]
        paid = [reply for _, reply in pairs if isinstance(reply, Response) and not reply.cached]
        known = [reply.cost_usd for reply in paid if reply.cost_usd is not None]
        return Served(
            replies=replies,
            asked=tuple(pairs),
            cost_usd=sum(known) if pairs and (known or not paid) else None,
            attempts=sum(reply.attempts for _, reply in pairs if not getattr(reply, "cached", False)),
        )

    def close(self) -> None:
        """Ask no more."""
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)

    def _case_of(self, trial: Trial) -> Case | None:
        _, cases = self._plans.get(trial.key.evalset, (None, {}))
        return cases.get(trial.key.case)

    def _ask(self, trial: Trial, answer: Answer) -> Questions:
        plan, cases = self._plans[trial.key.evalset]
        answer = price_answer(answer, plan.evalset.models.get(trial.key.role))
        case = cases[trial.key.case]
        questions = plan_questions(plan, trial, answer, self._registries, case=case)
        self._engine.submit((each for asked in questions.values() for each in asked), first=True)
        return questions

    def _wait(self, trial: Trial) -> Answer:
        plan, _ = self._plans[trial.key.evalset]
        model = plan.evalset.models[trial.key.role.split(":", 1)[0]]
        return price_answer(self._engine.wait(trial.key), model)


def price_answer(answer: Answer, model: ModelSpec | None) -> Answer:
    """The answer with the price that the evalset states for its model, which goes before any other."""
    price = model.price if model is not None else None
    return price_response(answer, price) if isinstance(answer, Response) else answer

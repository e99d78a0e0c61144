"""What each arm × role of a plan, and each role that serves graders, would take. Nothing is asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path

from pytest_ftgate.execution.local_provider import host_limit
from pytest_ftgate.execution.price_map import find_max_output, find_price
from pytest_ftgate.execution.prices import cost_of
from pytest_ftgate.execution.store import StoreKey
from pytest_ftgate.execution.store_survey import Survey, key_of, survey_store
from pytest_ftgate.grading.apply import asks
from pytest_ftgate.grading.asking import list_questions
from pytest_ftgate.looks import plan_looks
from pytest_ftgate.model.estimate import Need, Range
from pytest_ftgate.model.evalset import EMBEDDER, Case
from pytest_ftgate.model.protocols import Question
from pytest_ftgate.model.response import Response, Usage
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.trial import Plan, PlannedItem, Request, Trial
from pytest_ftgate.planning.probe import build_probe, has_form
from pytest_ftgate.planning.token_estimates import (
    LONGEST_ANSWER,
    SHORTEST_ANSWER,
    estimate_answer,
    estimate_prompt,
    find_cap,
)
from pytest_ftgate.registry import Registries
from pytest_ftgate.runner import IDENTICAL_CASES, PROBE_CASE
from pytest_ftgate.serving import plan_questions

LATENCY_S: Range = (0.5, 5.0)
"""Seconds a call of a model of which the response store has too few responses."""

ENOUGH_LATENCIES = 5


class NeedCounter:
    """Adds up one plan. A trial that equals an earlier one costs nothing: its answer is there by then.

    `together`: one process runs the whole evalset, so that it may drop identical repeats.
    """

    def __init__(
        self,
        plan: Plan,
        items: Sequence[PlannedItem],
        settings: Settings,
        registries: Registries,
        *,
        together: bool,
    ) -> None:
        self.plan, self.settings, self.registries, self.together = plan, settings, registries, together
        self.cases: dict[str, Case] = {case.id: case for case in plan.evalset.cases}
        self.rungs: dict[tuple[str, str], list[PlannedItem]] = {}
        for item in items:
            self.rungs.setdefault((item.arm, item.role), []).append(item)
        self.schedules = plan_looks(plan, len(items), settings, together=together)
        self.probes = {key: _list_probes(rung[0].trials[0]) for key, rung in self.rungs.items()}
        probes = [probe for found in self.probes.values() for probe in found]
        self.survey = self.look([*_own_trials(items), *probes])
        self._answered_tokens = self._average_answers(items)
        self._claimed: set[StoreKey] = set()

    def look(self, trials: Sequence[Trial]) -> Survey:
        """What the response store holds for trials; a replay does not look there."""
        if self.settings.replay:
            return Survey()
        return survey_store(Path(self.settings.directory) / "responses.sqlite", trials)

    def list_needs(self) -> tuple[Need, ...]:
        """One for each arm × role in ladder order, then one for each role that serves graders."""
        return (*(self._count_rung(*key) for key in self.rungs), *self._count_serving())

    def drops_repeats(self, items: Sequence[PlannedItem]) -> bool:
        """Whether later repeats are asked only where the first cases' answers differ."""
        is_greedy = items[0].trials[0].request.params.get("temperature") == 0
        return (
            self.together
            and not self.settings.exhaustive
            and is_greedy
            and self.plan.repeats > 2
            and len(items) >= IDENTICAL_CASES
        )

    # -- arms -----------------------------------------------------------------------------------

    def _count_rung(self, arm: str, role: str) -> Need:
        items = self.rungs[arm, role]
        trials = [trial for item in items for trial in item.trials]
        asked = [trial for trial in trials if self._claim(trial, self.survey)]
        probes = [trial for trial in self.probes[arm, role] if self._claim(trial, self.survey)]
        low = self._measure([*probes, *self._list_least(items, asked)], is_high=False)
        high = self._measure([*probes, *asked], is_high=True)
        need = Need(
            arm=arm,
            role=role,
            model=self.plan.evalset.models[role].model,
            trials=len(trials),
            stored=len(trials) - len(asked),
            calls=(low[0], high[0]),
            prompt_tokens=(low[1], high[1]),
            completion_tokens=(low[2], high[2]),
        )
        return self._price(self._time(need, trials[0].request, waits=True))

    def _claim(self, trial: Trial, survey: Survey) -> bool:
        """Whether the trial has to be asked, and no equal one was before it."""
        if self.settings.replay or trial.source_arm is not None:
            return False
        key = key_of(trial)
        if key in self._claimed:
            return False
        self._claimed.add(key)
        return self.settings.refresh or key not in survey.answered

    def _list_least(self, items: Sequence[PlannedItem], asked: Sequence[Trial]) -> Sequence[Trial]:
        """What is asked even where the arm is proven at its first look and all repeats are identical."""
        schedule = self.schedules.get(items[0].arm)
        end = schedule.next_end(0, len(items)) if schedule is not None else len(items)
        if end == len(items) and not self.drops_repeats(items):
            return asked
        kept: set[int] = set()
        for index, item in enumerate(items[:end]):
            few = 2 if index < IDENTICAL_CASES else 1
            kept.update(map(id, item.trials[:few] if self.drops_repeats(items) else item.trials))
        return [trial for trial in asked if id(trial) in kept]

    def _measure(self, trials: Iterable[Trial], *, is_high: bool) -> tuple[int, int, int]:
        """Calls, prompt tokens, completion tokens; at the high end every allowed turn is taken."""
        calls, prompt, completion = 0, 0.0, 0.0
        sizes: dict[int, float] = {}
        for trial in trials:
            # Repeats share one request.
            place = id(trial.request)
            size = sizes[place] if place in sizes else sizes.setdefault(place, estimate_prompt(trial.request))
            answer = self._answer_tokens(trial, is_high=is_high)
            turns = 1 + trial.max_turns if is_high else 1
            calls += turns
            # A further turn sends all answers before it again.
            prompt += turns * size + answer * turns * (turns - 1) / 2
            completion += turns * answer
        return calls, ceil(prompt), ceil(completion)

    def _answer_tokens(self, trial: Trial, *, is_high: bool) -> float:
        role = trial.key.role
        if is_high:
            return self.longest_answer(role)
        known = self._answered_tokens.get(role)
        if known is not None:
            return known
        return min(estimate_answer(self.cases.get(trial.key.case)), self.longest_answer(role))

    def longest_answer(self, role: str) -> int:
        """Tokens of an answer at the high end: what the params allow, else the model, else LONGEST_ANSWER."""
        model = self.plan.evalset.models[role]
        cap = find_cap(model)
        return cap if cap is not None else find_max_output(model.model) or LONGEST_ANSWER

    def _average_answers(self, items: Iterable[PlannedItem]) -> dict[str, float]:
        """Role → mean completion tokens of the stored responses to its trials."""
        found: dict[str, list[int]] = {}
        for trial in _own_trials(items) if self.survey.answered else ():
            response = self.survey.answered.get(key_of(trial))
            if response is not None and response.usage is not None:
                found.setdefault(trial.key.role, []).append(response.usage.completion_tokens)
        return {role: sum(tokens) / len(tokens) for role, tokens in found.items()}

    # -- what serves graders ------------------------------------------------------------------

    def _count_serving(self) -> list[Need]:
        """What judges and embedders would be asked.

        About stored answers the questions are known; about the others each grader may ask, or none does.
        """
        specs = {spec.name for graders in self.plan.graders.values() for spec in graders}
        if self.settings.replay or not any(asks(name, self.registries) for name in specs):
            return []
        sure: list[Trial] = []
        possible: list[Question] = []
        for rung in self.rungs.values():
            for item in rung:
                questions: list[Question] | None = None
                for trial in _own_trials([item]):
                    answer = None if self.settings.refresh else self.survey.answered.get(key_of(trial))
                    if answer is not None:
                        sure += self._plan_questions(trial, answer)
                        continue
                    if questions is None:
                        questions = self._guess_questions(trial)
                    possible += questions
        survey = self.look(sure)
        sure = [trial for trial in sure if self._claim(trial, survey)]
        roles = dict.fromkeys([*(t.key.role.partition(":")[0] for t in sure), *(q.role for q in possible)])
        return [self._count_role(role, sure, possible) for role in roles]

    def _plan_questions(self, trial: Trial, answer: Response) -> list[Trial]:
        case = self.cases[trial.key.case]
        found = plan_questions(self.plan, trial, answer, self.registries, case=case)
        return [each for asked in found.values() for each in asked]

    def _guess_questions(self, trial: Trial) -> list[Question]:
        """What the graders of a case would ask about some answer that all its other graders pass."""
        case = self.cases[trial.key.case]
        found: list[Question] = []
        for spec in self.plan.graders[case.id]:
            if asks(spec.name, self.registries):
                answer = Response(text="x")
                asked = list_questions(trial, answer, case, [spec], self.registries, self.plan.evalset)
                found += [question for questions in asked.values() for question in questions]
        return found

    def _count_role(self, role: str, sure: Sequence[Trial], possible: Sequence[Question]) -> Need:
        model = self.plan.evalset.models[role]
        known = [trial.request for trial in sure if trial.key.role.partition(":")[0] == role]
        prompt_low = sum(estimate_prompt(request) for request in known)
        prompt_high, count = float(prompt_low), 0
        for question in possible:
            if question.role == role:
                count += 1
                request = Request(
                    model=model.model,
                    messages=question.messages,
                    response_format=question.response_format,
                )
                prompt_high += estimate_prompt(request)
        # A question carries the answer that it is about.
        prompt_high += count * max(self.longest_answer(answering) for answering in self.plan.roles)
        calls = (len(known), len(known) + count)
        answer = (0, 0) if role == EMBEDDER else (SHORTEST_ANSWER, self.longest_answer(role))
        need = Need(
            arm="",
            role=role,
            model=model.model,
            calls=calls,
            prompt_tokens=(ceil(prompt_low), ceil(prompt_high)),
            completion_tokens=(calls[0] * answer[0], calls[1] * answer[1]),
        )
        return self._price(self._time(need, Request(model=model.model, messages=()), waits=False))

    # -- money and time -----------------------------------------------------------------------

    def _price(self, need: Need) -> Need:
        price = self.plan.evalset.models[need.role].price or find_price(need.model)
        if price is None:
            return replace(need, cost_usd=None if need.calls[1] else (0.0, 0.0))
        low, high = (
            cost_of(Usage(prompt_tokens=round(prompt), completion_tokens=round(completion)), price)
            for prompt, completion in zip(need.prompt_tokens, need.completion_tokens, strict=True)
        )
        return replace(need, cost_usd=(low, high))

    def _time(self, need: Need, request: Request, *, waits: bool) -> Need:
        """`waits`: what comes next cannot begin before the last of these calls has ended."""
        latency = self.latency(need.model)
        limit = host_limit(request)
        at_once = self.settings.concurrency if limit is None else min(limit, self.settings.concurrency)
        low, high = (
            max(latency_s if waits and calls else 0.0, calls * latency_s / at_once)
            for calls, latency_s in zip(need.calls, latency, strict=True)
        )
        return replace(need, duration_s=(low, high))

    def latency(self, model: str) -> Range:
        """Seconds a call: the median and the 95th percentile of stored responses, else LATENCY_S."""
        known = self.survey.latencies_s.get(model, [])
        if len(known) < ENOUGH_LATENCIES:
            return LATENCY_S
        return known[len(known) // 2], known[min(len(known) - 1, 95 * len(known) // 100)]


def _own_trials(items: Iterable[PlannedItem]) -> list[Trial]:
    """The trials that have a request of their own."""
    return [trial for item in items for trial in item.trials if trial.source_arm is None]


def _list_probes(trial: Trial) -> tuple[Trial, ...]:
    if trial.source_arm is not None or not has_form(trial):
        return ()
    return tuple(probe.trial for probe in build_probe(trial, case=PROBE_CASE))

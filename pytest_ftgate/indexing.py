"""Indexes the documents of evalsets ahead of a run: asks the embedder for vectors, and measures recall."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_ftgate.errors import FtgateError
from pytest_ftgate.execution.builtin import find_provider
from pytest_ftgate.execution.engine import Engine
from pytest_ftgate.execution.store import SqliteStore
from pytest_ftgate.model.evalset import AS_IS, EMBEDDER, ArmSpec, Evalset, ModelSpec
from pytest_ftgate.model.response import Answer, Response
from pytest_ftgate.model.retrieval import Rank, RetrievalSummary
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.trial import Plan, Request, Trial, TrialKey
from pytest_ftgate.model.vectors import Vector, decode_vector
from pytest_ftgate.plan_loading import load_plan
from pytest_ftgate.planning.fingerprint import request_hash
from pytest_ftgate.planning.plan import build_plan
from pytest_ftgate.planning.retrieval import KIND, RANKS, rank_of
from pytest_ftgate.registry import Registries
from pytest_ftgate.serving import price_answer
from pytest_ftgate.statistics.searches import measure_searches
from pytest_ftgate.storage.redaction import Redactor
from pytest_ftgate.vector_source import VectorSource

INDEX = "index"
"""Stands for case and arm in the keys of what the embedder is asked."""

MAX_CHARS = 16_000
"""What an embedder is sent of a text; most take about 8,000 tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed:
    """What became of one evalset: its searches, as they are and (where asked for) by the other rankings.

    `requests_sent` to the embedder; `cost_usd` of those, None where no price is known.
    """

    path: str
    searches: tuple[RetrievalSummary, ...]
    requests_sent: int
    cost_usd: float | None


def index_evalset(path: Path, settings: Settings, registries: Registries, *, compare: bool) -> Indexed:
    """Have the texts of an evalset's searches embedded that are not yet, and measure what they reach.

    `compare`: by all three rankings. Raises EvalsetError.
    """
    embedder = _Embedder(settings, registries)
    source = VectorSource(settings, embedder)
    try:
        plan = load_plan(path, settings, registries, embedder=source)
        searches = list(_measure(plan))
        for spec, rank in _list_others(plan.evalset) if compare else ():
            variant = replace(spec, options={**spec.options, "rank": rank})
            as_is = [arm for arm in plan.evalset.arms if arm.name == AS_IS]
            kept = replace(plan.evalset, arms=(*as_is, variant))
            searches += _measure(build_plan(kept, settings, registries, embedder=source))
        return Indexed(
            path=plan.evalset.path,
            searches=tuple(searches),
            requests_sent=embedder.requests_sent,
            cost_usd=embedder.cost_usd,
        )
    finally:
        embedder.close()


def _list_others(evalset: Evalset) -> list[tuple[ArmSpec, Rank]]:
    """Each searching arm with the rankings that it does not use."""
    specs = (spec for spec in evalset.arms if spec.kind == KIND)
    return [(spec, rank) for spec in specs for rank in RANKS if rank != rank_of(spec)]


def _measure(plan: Plan) -> tuple[RetrievalSummary, ...]:
    groups = {case.id: case.group for case in plan.evalset.cases}
    return measure_searches(plan.retrievals, (), groups, alpha=plan.evalset.decision.alpha)


class _Embedder:
    """Asks an evalset's embedder, through the response store, which is opened when something is asked.

    `cost_usd`: as far as its price is known.
    """

    def __init__(self, settings: Settings, registries: Registries) -> None:
        self._settings, self._registries = settings, registries
        self._engine: Engine | None = None
        self.cost_usd: float | None = None

    @property
    def requests_sent(self) -> int:
        return self._engine.requests_sent if self._engine is not None else 0

    def close(self) -> None:
        """Ask no more."""
        if self._engine is not None:
            self._engine.close()

    def __call__(self, evalset: Evalset, model: ModelSpec, texts: Sequence[str]) -> list[Vector]:
        engine = self._engine = self._engine or self._start()
        trials = [_make_trial(evalset, model, text, number) for number, text in enumerate(texts, start=1)]
        engine.submit(trials)
        answers = (price_answer(engine.wait(trial.key), model) for trial in trials)
        return [self._read(trial, answer) for trial, answer in zip(trials, answers, strict=True)]

    def _start(self) -> Engine:
        engine = Engine(
            lambda trial: find_provider(self._registries.providers, trial.request.model),
            store=SqliteStore(Path(self._settings.directory) / "responses.sqlite"),
            concurrency=self._settings.concurrency,
            timeout_s=self._settings.timeout_s,
            max_attempts=self._settings.max_attempts,
            redact=Redactor(os.environ).redact,
        )
        engine.start()
        return engine

    def _read(self, trial: Trial, answer: Answer) -> Vector:
        model = trial.request.model
        if not isinstance(answer, Response):
            raise FtgateError(f"{model} gave no embedding: {answer.message} ({answer.signature})")
        if answer.cost_usd is not None and not answer.cached:
            self.cost_usd = (self.cost_usd or 0.0) + answer.cost_usd
        try:
            return decode_vector(answer.text or "")
        except ValueError as error:
            raise FtgateError(f"{model} gave no usable embedding: {error}") from None


def _make_trial(evalset: Evalset, model: ModelSpec, text: str, number: int) -> Trial:
    sent = text[:MAX_CHARS].encode("utf-8", "replace").decode("utf-8")
    request = Request(
        model=model.model,
        messages=({"role": "user", "content": sent},),
        params=model.params,
        operation="embedding",
    )
    key = TrialKey(evalset=evalset.name, case=INDEX, arm=INDEX, role=EMBEDDER, repeat=number)
    return Trial(key=key, request=request, request_hash=request_hash(request), draw="1")

"""Builds the engine of a session from its settings and plans: providers, response store, follow-ups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pytest_ftgate.errors import EvalsetError
from pytest_ftgate.execution.budget import Caps
from pytest_ftgate.execution.builtin import find_provider
from pytest_ftgate.execution.engine import Engine
from pytest_ftgate.execution.local_provider import host_limit
from pytest_ftgate.execution.price_map import find_price
from pytest_ftgate.execution.recorded_provider import RecordedProvider
from pytest_ftgate.execution.recorded_rows import RecordedResponses
from pytest_ftgate.execution.store import SqliteStore
from pytest_ftgate.execution.target_provider import TargetProvider
from pytest_ftgate.grading.apply import asks, find_format_problem
from pytest_ftgate.loading.lines import add_lines
from pytest_ftgate.model.evalset import EMBEDDER, JUDGE, Case, Location, Price
from pytest_ftgate.model.protocols import Provider
from pytest_ftgate.model.response import Response
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.trial import Plan, Request, Trial, TrialKey
from pytest_ftgate.planning.reask import follow_up_request
from pytest_ftgate.registry import Registries


def make_engine(
    settings: Settings, registries: Registries, plans: Sequence[Plan], *, redact: Callable[[str], str]
) -> Engine:
    """The engine that answers the trials of these plans; it is not started yet.

    Raises RecordedResponsesError where a file of recorded responses cannot be used, EvalsetError where a
    cap on money is asked for and a model has no price.
    """
    follow_up = FollowUp(plans, registries)
    if settings.replay:
        responses = RecordedResponses.load(settings.replay)
        responses.check(plans)
        recorded = RecordedProvider(responses, require_hash=settings.strict, follow_up=follow_up)
        return Engine(
            lambda _trial: recorded,
            concurrency=settings.concurrency,
            timeout_s=settings.timeout_s,
            max_attempts=1,
            redact=redact,
        )

    if settings.max_cost_usd is not None:
        for plan in plans:
            refuse_unpriced(plan, settings, registries)

    find_case = make_find_case(plans)
    targets: dict[int, Provider] = {}

    def provider_for(trial: Trial) -> Provider:
        provider = find_provider(registries.providers, trial.request.model)
        if not isinstance(provider, TargetProvider):
            return provider
        return targets.setdefault(id(provider), provider.with_cases(find_case))

    return Engine(
        provider_for,
        store=SqliteStore(Path(settings.directory) / "responses.sqlite"),
        concurrency=settings.concurrency,
        timeout_s=settings.timeout_s,
        max_attempts=settings.max_attempts,
        follow_up=follow_up,
        redact=redact,
        refresh=settings.refresh,
        host_limit=host_limit,
        rpm=settings.rpm,
        tpm=settings.tpm,
        caps=Caps(
            max_cost_usd=settings.max_cost_usd,
            max_tokens=settings.max_total_tokens,
            workers=settings.workers,
        ),
        price_of=make_price_of(plans),
    )


def make_price_of(plans: Sequence[Plan]) -> Callable[[Trial], Price | None]:
    """A function that gives the price that a trial's evalset states for its model; None: it states none."""
    models = {plan.evalset.name: plan.evalset.models for plan in plans}

    def price_of(trial: Trial) -> Price | None:
        model = models[trial.key.evalset].get(trial.key.role.partition(":")[0])
        return None if model is None else model.price

    return price_of


def refuse_unpriced(plan: Plan, settings: Settings, registries: Registries) -> None:
    """Raise EvalsetError for models that may be asked and whose price nobody knows: a cap could not hold."""
    evalset = plan.evalset
    names = {spec.name for graders in plan.graders.values() for spec in graders}
    serving = (JUDGE, EMBEDDER) if any(asks(name, registries) for name in names) else ()
    problems = []
    for role, model in evalset.models.items():
        is_asked = role in plan.roles or role in serving
        if is_asked and model.price is None and find_price(model.model) is None:
            what = (
                f"--ftgate-max-cost needs the price of {model.model!r}, and litellm's price map has none. "
                f"State it: models: {{{role}: {{model: {model.model}, price: {{input_usd_per_m: USD, "
                "output_usd_per_m: USD}}} (USD per million tokens), or use --ftgate-max-tokens"
            )
            problems.append((Location(file=evalset.path, pointer=f"/models/{role}"), what))
    if problems:
        raise add_lines(EvalsetError(evalset.path, problems), Path(settings.rootdir) / evalset.path)


def make_find_case(plans: Sequence[Plan]) -> Callable[[TrialKey], Case | None]:
    """A function that gives the case of a trial, or None."""
    cases = {plan.evalset.name: {case.id: case for case in plan.evalset.cases} for plan in plans}
    return lambda key: cases.get(key.evalset, {}).get(key.case)


class FollowUp:
    """Gives the next request of a trial whose response has a format problem (arm `reask`)."""

    def __init__(self, plans: Sequence[Plan], registries: Registries) -> None:
        self._registries = registries
        self._plans = {plan.evalset.name: plan for plan in plans}
        self._find_case = make_find_case(plans)

    def __call__(self, trial: Trial, request: Request, response: Response) -> Request | None:
        """The next request, or None where the format is fine."""
        case = self._find_case(trial.key)
        if case is None:
            return None
        graders = self._plans[trial.key.evalset].graders[case.id]
        problem = find_format_problem(trial, response, case, graders, self._registries)
        return None if problem is None else follow_up_request(request, response, problem)

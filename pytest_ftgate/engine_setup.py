"""Builds the engine of a session from its settings and plans: providers, response store, follow-ups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pytest_ftgate.execution.builtin import find_provider
from pytest_ftgate.execution.engine import Engine
from pytest_ftgate.execution.local_provider import host_limit
from pytest_ftgate.execution.recorded_provider import RecordedProvider
from pytest_ftgate.execution.recorded_rows import RecordedResponses
from pytest_ftgate.execution.store import SqliteStore
from pytest_ftgate.grading.apply import find_format_problem
from pytest_ftgate.model.evalset import Case
from pytest_ftgate.model.protocols import Provider
from pytest_ftgate.model.response import Response
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.trial import Plan, Request, Trial
from pytest_ftgate.planning.reask import follow_up_request
from pytest_ftgate.registry import Registries


def make_engine(
    settings: Settings, registries: Registries, plans: Sequence[Plan], *, redact: Callable[[str], str]
) -> Engine:
    """The engine that answers the trials of these plans; it is not started yet.

    Raises RecordedResponsesError where a file of recorded responses cannot be used.
    """
    follow_up = FollowUp(plans, registries)
    if settings.replay:
        responses = RecordedResponses.load(settings.replay)
        responses.check(plans)
        recorded = RecordedProvider(responses, require_hash=settings.strict)
        return Engine(
            lambda _trial: recorded,
            concurrency=settings.concurrency,
            timeout_s=settings.timeout_s,
            max_attempts=1,
            redact=redact,
        )

    def provider_for(trial: Trial) -> Provider:
        return find_provider(registries.providers, trial.request.model)

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
    )


class FollowUp:
    """Gives the next request of a trial whose response has a format problem (arm `reask`)."""

    def __init__(self, plans: Sequence[Plan], registries: Registries) -> None:
        self._registries = registries
        self._plans = {plan.evalset.name: plan for plan in plans}
        self._cases: dict[str, dict[str, Case]] = {
            name: {case.id: case for case in plan.evalset.cases} for name, plan in self._plans.items()
        }

    def __call__(self, trial: Trial, request: Request, response: Response) -> Request | None:
        """The next request, or None where the format is fine."""
        case = self._cases[trial.key.evalset].get(trial.key.case)
        if case is None:
            return None
        graders = self._plans[trial.key.evalset].graders[case.id]
        problem = find_format_problem(trial, response, case, graders, self._registries)
        return None if problem is None else follow_up_request(request, response.text or "", problem)

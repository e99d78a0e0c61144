"""Who answers: the models of each role; command line before evalset before ini."""

from __future__ import annotations

from dataclasses import replace

from pytest_ftgate.errors import suggest
from pytest_ftgate.model.evalset import CANDIDATE, Evalset, Location, ModelSpec
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.planning.fingerprint import TRANSPORT_PARAMS
from pytest_ftgate.planning.problems import Problems

COMPARED_ROLES = ("base", "teacher")
"""Roles that answer arm `as_is` beside the candidate."""
SERVING_ROLES = ("judge", "embedder")
"""Roles that serve graders and never answer a case."""
RECORDED_MODEL = "recorded"
"""Model id of replayed answers whose model nobody named."""


def resolve_models(evalset: Evalset, settings: Settings, problems: Problems) -> dict[str, ModelSpec]:
    """Role → model. Problems: a role that does not exist, no model for the candidate."""
    known = (CANDIDATE, *COMPARED_ROLES, *SERVING_ROLES)
    models = {role: ModelSpec(model=model) for role, model in settings.ini_models.items()}
    models |= evalset.models
    for role, model in settings.models.items():
        models[role] = _override(models.get(role), model)
    for role in models:
        if role not in known:
            where = Location(file=evalset.path, pointer=f"/models/{role}")
            problems.add(where, f"unknown role {role!r}.{suggest(role, known)}")
    if CANDIDATE not in models and settings.replay:
        models[CANDIDATE] = ModelSpec(model=RECORDED_MODEL)
    elif CANDIDATE not in models:
        problems.add(
            Location(file=evalset.path, pointer="/models/candidate"),
            "no model is given for role 'candidate': add `models: {candidate: {model: vendor/name}}`, "
            "or use --ftgate-use-model vendor/name",
        )
    return models


def answering_roles(models: dict[str, ModelSpec]) -> tuple[str, ...]:
    """The roles that answer cases: the candidate, then those it is compared with."""
    return (CANDIDATE, *(role for role in COMPARED_ROLES if role in models))


def _override(stated: ModelSpec | None, model: str) -> ModelSpec:
    if stated is None:
        return ModelSpec(model=model)
    if stated.model == model:
        return stated
    params = dict(stated.params)
    if stated.model.split("/", 1)[0] != model.split("/", 1)[0]:
        # Another vendor must not be called at the address of the one it replaces.
        params = {key: value for key, value in params.items() if key not in TRANSPORT_PARAMS}
    return replace(stated, model=model, params=params, price=None)

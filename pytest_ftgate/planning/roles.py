"""Who answers: the models of each role; command line before evalset before ini."""

from __future__ import annotations

from dataclasses import replace

from pytest_ftgate.errors import suggest
from pytest_ftgate.model.evalset import (
    CANDIDATE,
    EMBEDDER,
    JUDGE,
    RECORDED_MODEL,
    Evalset,
    Location,
    ModelSpec,
)
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.planning.fingerprint import TRANSPORT_PARAMS
from pytest_ftgate.planning.problems import Problems
from pytest_ftgate.registry import Registries

COMPARED_ROLES = ("base", "teacher")
"""Roles that answer arm `as_is` beside the candidate."""
SERVING_ROLES = (JUDGE, EMBEDDER)
"""Roles that serve graders and never answer a case."""


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


def add_serving_models(
    models: dict[str, ModelSpec],
    evalset: Evalset,
    settings: Settings,
    registries: Registries,
    problems: Problems,
) -> dict[str, ModelSpec]:
    """The models, with one for each role that a grader of the evalset asks. Problems: roles without one."""
    specs = (*evalset.graders, *(spec for case in evalset.cases for spec in case.graders))
    for spec in specs:
        grader = registries.graders.get(spec.name) if spec.name in registries.graders else None
        role = getattr(grader, "role", None)
        if role is None or role in models:
            continue
        if settings.replay:
            models = models | {role: ModelSpec(model=RECORDED_MODEL)}
            continue
        problems.add(
            spec.where or Location(file=evalset.path, pointer="/graders"),
            f"grader {spec.label!r} asks a model, and none is given for role {role!r}: add "
            f"`models: {{{role}: {{model: vendor/name}}}}`, or use --ftgate-use-model {role}=vendor/name",
            topic=f"no model for role {role}",
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

"""The plan of an evalset: every trial that will be asked, known before the first call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Protocol, runtime_checkable

from pytest_ftgate.errors import FtgateError
from pytest_ftgate.model.evalset import AS_IS, CANDIDATE, DEFAULT_REPEATS, ArmSpec, Evalset, GateSpec, Json
from pytest_ftgate.model.protocols import ArmTask
from pytest_ftgate.model.retrieval import Retrieval
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.trial import Plan, PlannedArm, PlannedItem
from pytest_ftgate.model.vectors import Vector
from pytest_ftgate.planning.arm_trials import ArmTrials, Embedder, sample_step
from pytest_ftgate.planning.fingerprint import digest
from pytest_ftgate.planning.grader_problems import find_grader_problems
from pytest_ftgate.planning.grader_values import resolve_graders
from pytest_ftgate.planning.ladder import choose_arms, order_arms
from pytest_ftgate.planning.problems import Problems
from pytest_ftgate.planning.reask import tie_turns
from pytest_ftgate.planning.roles import add_serving_models, answering_roles, resolve_models
from pytest_ftgate.planning.shards import keep_shard
from pytest_ftgate.planning.shot_answers import find_shot_answer_problems
from pytest_ftgate.planning.texts import context_text
from pytest_ftgate.planning.token_counts import count_tokens
from pytest_ftgate.registry import Registries


@runtime_checkable
class SearchingArm(Protocol):
    """An arm that searches documents, and can say what it searched."""

    def describe_search(self, task: ArmTask) -> Retrieval: ...


def _refuse_embedding(evalset: Evalset, spec: ArmSpec, texts: Sequence[str]) -> Sequence[Vector]:
    del evalset, texts
    raise FtgateError(f"rank `{spec.options.get('rank')}` needs vectors, and none can be had here")


def build_plan(
    evalset: Evalset,
    settings: Settings,
    registries: Registries,
    *,
    embedder: Embedder = _refuse_embedding,
    is_listing: bool = False,
) -> Plan:
    """All trials of an evalset. Its `models` are those in force, the command line's choice included.

    `embedder`: where the vectors of documents come from, asked only by arms that rank by them. `is_listing`:
    only the items are wanted, of an evalset that has no problems; the trials of most are those of another
    case. Raises EvalsetError with all problems: templates, arms that cannot be used, no model.
    """
    problems = Problems(evalset.path)
    models = resolve_models(evalset, settings, problems)
    models = add_serving_models(models, evalset, settings, registries, problems)
    evalset = replace(evalset, models=models)
    repeats = settings.repeats or evalset.repeats or settings.ini_repeats or DEFAULT_REPEATS
    planned = choose_arms(evalset, settings, registries, problems)
    graders = resolve_graders(evalset, problems)
    find_grader_problems(evalset, graders, registries, problems)
    find_shot_answer_problems(evalset, graders, planned, registries, problems)
    # Trials need a model and arms that can be used; what a template lacks is told all the same later.
    problems.raise_if_any()
    trials = ArmTrials(
        evalset, settings, registries, problems, repeats=repeats, embedder=embedder,
        step=sample_step(len(evalset.cases)) if is_listing else 1,
    )  # fmt: skip
    arms = order_arms(planned, evalset, trials, problems)
    roles = answering_roles(dict(evalset.models))
    items = tie_turns(_list_items(evalset, arms, roles, trials), evalset, graders, registries)
    problems.raise_if_any()
    multiplicity = _count_claims(evalset, arms)
    retrievals = _describe_searches(arms, trials, registries)
    return Plan(
        evalset=evalset,
        items=items if settings.shard is None else keep_shard(items, evalset.cases, settings.shard),
        arms=arms,
        roles=roles,
        repeats=repeats,
        multiplicity=multiplicity,
        graders=graders,
        knowledge_tokens=_measure_knowledge(evalset, retrievals),
        retrievals=retrievals,
        settings_hash=_hash_settings(evalset, arms, repeats, multiplicity),
        shard=settings.shard,
        stated_models=settings.models,
    )


def _count_claims(evalset: Evalset, arms: Sequence[PlannedArm]) -> int:
    """M of the correction for several arms: the arms that run; with `split: dev`, which chooses one of each
    question, the questions that have arms to choose from.
    """
    running = [arm for arm in arms if arm.status == "run"]
    if not evalset.dev_cases:
        return len(running)
    return max(1, len({arm.question for arm in running if arm.name != AS_IS}))


def _list_items(
    evalset: Evalset, arms: Sequence[PlannedArm], roles: Sequence[str], trials: ArmTrials
) -> tuple[PlannedItem, ...]:
    return tuple(
        PlannedItem(evalset=evalset.name, case=case_id, arm=arm.name, role=role, trials=case_trials)
        for arm in arms
        if arm.status == "run"
        for role in (roles if arm.name == AS_IS else (CANDIDATE,))
        for case_id, case_trials in trials.of(arm.name, role).items()
    )


def _describe_searches(
    arms: Sequence[PlannedArm], trials: ArmTrials, registries: Registries
) -> tuple[Retrieval, ...]:
    found = []
    for arm in arms:
        kind = registries.arms.get(arm.kind)
        if arm.status == "run" and isinstance(kind, SearchingArm):
            found.append(kind.describe_search(trials.task_of(arm.name, CANDIDATE)))
    return tuple(found)


def _measure_knowledge(evalset: Evalset, retrievals: Sequence[Retrieval]) -> int | None:
    """Tokens of the documents that an arm searches, else of the distinct contexts; None where none."""
    if retrievals:
        return max(search.tokens for search in retrievals)
    contexts = {context_text(case.context) for case in evalset.cases if case.context is not None}
    return count_tokens(sorted(contexts)) if contexts else None


def _hash_settings(evalset: Evalset, arms: Sequence[PlannedArm], repeats: int, multiplicity: int) -> str:
    specs = {spec.name: spec for spec in evalset.arms}
    dev = sorted(evalset.dev_cases)
    return digest(
        {
            **({"dev": dev} if dev else {}),
            "decision": asdict(evalset.decision),
            "bar": evalset.bar,
            "repeats": repeats,
            "multiplicity": multiplicity,
            "arms": [_describe_arm(arm, specs.get(arm.name)) for arm in arms],
            "gates": [_describe_gate(gate) for gate in evalset.gates],
            **({"suite": asdict(evalset.suite)} if evalset.suite else {}),
        }
    )


def _describe_arm(arm: PlannedArm, spec: ArmSpec | None) -> Mapping[str, Json]:
    return {
        "name": arm.name,
        "kind": arm.kind,
        "status": arm.status,
        "options": spec.options if spec else {},
        "prompt": spec.prompt if spec else None,
    }


def _describe_gate(gate: GateSpec) -> Mapping[str, Json]:
    fields = ("name", "options", "arm", "role", "evidence")
    return {name: getattr(gate, name) for name in fields}

"""The plan of an evalset: every trial that will be asked, known before the first call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Protocol, runtime_checkable

from pytest_ftgate.model.evalset import AS_IS, CANDIDATE, DEFAULT_REPEATS, ArmSpec, Evalset, GateSpec, Json
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.trial import Plan, PlannedArm, PlannedItem
from pytest_ftgate.planning.arm_trials import ArmTrials
from pytest_ftgate.planning.fingerprint import digest
from pytest_ftgate.planning.grader_problems import find_grader_problems
from pytest_ftgate.planning.grader_values import resolve_graders
from pytest_ftgate.planning.ladder import choose_arms, order_arms
from pytest_ftgate.planning.problems import Problems
from pytest_ftgate.planning.reask import tie_turns
from pytest_ftgate.planning.roles import add_serving_models, answering_roles, resolve_models
from pytest_ftgate.planning.shards import keep_shard
from pytest_ftgate.planning.shot_answers import find_shot_answer_problems
from pytest_ftgate.planning.texts import CHARS_PER_TOKEN, context_text, estimate_tokens
from pytest_ftgate.registry import Registries


@runtime_checkable
class KnowledgeArm(Protocol):
    """An arm that brings knowledge of its own, and can say how much."""

    def measure_knowledge(self, spec: ArmSpec, evalset: Evalset, rootdir: str, *, allow_outside: bool) -> int:
        """Characters of all that it may put into a prompt."""
        ...


def build_plan(evalset: Evalset, settings: Settings, registries: Registries) -> Plan:
    """All trials of an evalset. Its `models` are those in force, the command line's choice included.

    Raises EvalsetError with all problems: templates, arms that cannot be used, no model.
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
    trials = ArmTrials(evalset, settings, registries, problems, repeats=repeats)
    arms = order_arms(planned, evalset, trials, problems)
    roles = answering_roles(dict(evalset.models))
    items = tie_turns(_list_items(evalset, arms, roles, trials), evalset, graders, registries)
    problems.raise_if_any()
    multiplicity = sum(arm.status == "run" for arm in arms)
    return Plan(
        evalset=evalset,
        items=items if settings.shard is None else keep_shard(items, evalset.cases, settings.shard),
        arms=arms,
        roles=roles,
        repeats=repeats,
        multiplicity=multiplicity,
        graders=graders,
        knowledge_tokens=_measure_knowledge(evalset, arms, settings, registries),
        settings_hash=_hash_settings(evalset, arms, repeats, multiplicity),
        shard=settings.shard,
    )


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


def _measure_knowledge(
    evalset: Evalset, arms: Sequence[PlannedArm], settings: Settings, registries: Registries
) -> int | None:
    """Tokens of the documents that an arm searches, else of the distinct contexts; None where none."""
    measured = []
    for arm in arms:
        kind = registries.arms.get(arm.kind)
        if arm.status == "run" and isinstance(kind, KnowledgeArm):
            chars = kind.measure_knowledge(
                evalset.arm(arm.name), evalset, settings.rootdir, allow_outside=settings.allow_outside_files
            )
            measured.append(chars // CHARS_PER_TOKEN)
    if measured:
        return max(measured)
    contexts = {context_text(case.context) for case in evalset.cases if case.context is not None}
    return estimate_tokens(contexts) if contexts else None


def _hash_settings(evalset: Evalset, arms: Sequence[PlannedArm], repeats: int, multiplicity: int) -> str:
    specs = {spec.name: spec for spec in evalset.arms}
    return digest(
        {
            "decision": asdict(evalset.decision),
            "bar": evalset.bar,
            "repeats": repeats,
            "multiplicity": multiplicity,
            "arms": [_describe_arm(arm, specs.get(arm.name)) for arm in arms],
            "gates": [_describe_gate(gate) for gate in evalset.gates],
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

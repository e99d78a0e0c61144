"""Which arms run, and in which order: cheap questions before dear ones (DESIGN 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

from pytest_ftgate.errors import FtgateError, suggest
from pytest_ftgate.model.evalset import AS_IS, CANDIDATE, ArmSpec, Evalset, Location, base_arm
from pytest_ftgate.model.protocols import Arm
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.trial import ArmStatus, Draw, PlannedArm
from pytest_ftgate.planning.arm_trials import ArmTrials, TrialsByCase, sample_step
from pytest_ftgate.planning.problems import Problems
from pytest_ftgate.planning.templates import mentions
from pytest_ftgate.planning.texts import request_chars
from pytest_ftgate.registry import Registries


@runtime_checkable
class ShotArm(Protocol):
    """An arm that shows examples."""

    def list_shots(self, spec: ArmSpec, evalset: Evalset) -> Sequence[int]:
        """Places (from 0) of those that every case is shown, in their order; empty where they differ."""
        ...


def choose_arms(
    evalset: Evalset, settings: Settings, registries: Registries, problems: Problems
) -> list[PlannedArm]:
    """Every arm of the evalset with its status, in the evalset's order; then waived arms it lacks."""
    _check_names(evalset, settings, registries, problems)
    planned = []
    for spec in evalset.arms:
        where = spec.where or Location(file=evalset.path, pointer=f"/arms/{spec.name}")
        try:
            kind = registries.arms.get(spec.kind)
            for text in kind.problems(spec, evalset):
                problems.add(where, text)
            status, reason = _choose_status(spec, settings, evalset, kind.inapplicable(spec, evalset))
            question = 2 if _gives_context(spec, evalset) else kind.question
            planned.append(
                PlannedArm(
                    name=spec.name,
                    kind=spec.kind,
                    question=question,
                    status=status,
                    reason=reason,
                    draw=_describe_draw(spec, evalset, kind),
                )
            )
        except FtgateError as error:
            problems.add(where, str(error))
    known = {base_arm(arm.name) for arm in planned}
    for name, reason in evalset.decision.waive.items():
        if name not in known and name in registries.arms:
            question = registries.arms.get(name).question
            planned.append(
                PlannedArm(name=name, kind=name, question=question, status="waived", reason=reason)
            )
    return planned


def order_arms(
    planned: Sequence[PlannedArm], evalset: Evalset, trials: ArmTrials, problems: Problems
) -> tuple[PlannedArm, ...]:
    """The arms that run, in ladder order; then the others, in the evalset's.

    Ladder: `as_is`, the arms that judge its responses again, question 1 by expected tokens, question 2.
    """
    running = [arm for arm in planned if arm.status == "run"]
    built: dict[str, TrialsByCase] = {}
    for arm in running:
        try:
            built[arm.name] = trials.of(arm.name, CANDIDATE)
        except FtgateError as error:
            where = Location(file=evalset.path, pointer=f"/arms/{arm.name}")
            problems.add(evalset.arm(arm.name).where or where, str(error))
            built[arm.name] = {}
    settled = [_settle(arm, running, built) for arm in running]
    climbing = [arm for arm in settled if arm.status == "run"]
    size = _measure_arms({arm.name: built[arm.name] for arm in climbing})
    ladder = sorted(
        (arm for arm in climbing if _source(built[arm.name]) is None),
        key=lambda arm: (arm.name != AS_IS, arm.question, size[base_arm(arm.name)]),
    )
    for arm in climbing:
        source = _source(built[arm.name])
        if source is not None:
            place = next(index for index, other in enumerate(ladder) if other.name == source)
            ladder.insert(place + 1, arm)
    left = [arm for arm in settled if arm.status != "run"] + [a for a in planned if a.status != "run"]
    return (*ladder, *left)


def _describe_draw(spec: ArmSpec, evalset: Evalset, kind: Arm) -> Draw | None:
    if spec.draw is None:
        return None
    shots = kind.list_shots(spec, evalset) if isinstance(kind, ShotArm) else ()
    return Draw(
        number=spec.draw,
        count=sum(arm.base == spec.base for arm in evalset.arms),
        shots=tuple(place + 1 for place in shots),
    )


def _check_names(evalset: Evalset, settings: Settings, registries: Registries, problems: Problems) -> None:
    own = list(dict.fromkeys(name for arm in evalset.arms for name in (arm.base, arm.name)))
    for name in settings.arms or ():
        # Another evalset of the session may have an arm that this one lacks.
        if name not in own and name not in registries.arms:
            where = Location(file=evalset.path, pointer="/arms")
            problems.add(where, f"--ftgate-arms names no arm of this evalset: {name!r}.{suggest(name, own)}")
    for name in evalset.decision.waive:
        where = Location(file=evalset.path, pointer=f"/decision/waive/{name}")
        if name == AS_IS:
            problems.add(where, f"arm {AS_IS!r} cannot be waived: it is what all others are compared with")
        elif name not in own and name not in registries.arms:
            known = sorted({*own, *registries.arms} - {AS_IS})
            problems.add(where, f"unknown arm {name!r}.{suggest(name, known)}")


def _choose_status(
    spec: ArmSpec, settings: Settings, evalset: Evalset, inapplicable: str | None
) -> tuple[ArmStatus, str]:
    names = (spec.name, spec.base)
    waived = next((evalset.decision.waive[name] for name in names if name in evalset.decision.waive), None)
    is_named = settings.arms is not None and any(name in settings.arms for name in names)
    if spec.name == AS_IS:
        return "run", ""
    if waived is not None and not is_named:
        return "waived", waived
    if inapplicable is not None:
        return "skipped", inapplicable
    if settings.arms is not None and not is_named:
        return "not_run", "left out by --ftgate-arms"
    return "run", ""


def _gives_context(spec: ArmSpec, evalset: Evalset) -> bool:
    """Whether the arm's own prompt adds the context that the evalset's prompt leaves out."""
    return mentions(spec.prompt or (), "context") and not mentions(evalset.prompt, "context")


def _settle(arm: PlannedArm, running: Sequence[PlannedArm], built: Mapping[str, TrialsByCase]) -> PlannedArm:
    """The arm with what follows from the arm whose responses it judges."""
    trial = next((trials[0] for trials in built[arm.name].values() if trials), None)
    source = next((other for other in running if trial and other.name == trial.source_arm), None)
    if source is not None:
        return replace(arm, question=max(arm.question, source.question))
    if trial is not None and trial.source_arm is not None:
        reason = f"arm {trial.source_arm!r}, whose responses it judges, does not run"
        return replace(arm, status="not_run", reason=reason)
    return arm


def _source(trials: TrialsByCase) -> str | None:
    return next((case_trials[0].source_arm for case_trials in trials.values() if case_trials), None)


def _measure_arms(built: Mapping[str, TrialsByCase]) -> dict[str, float]:
    """Arm as written → expected characters of a trial; its draws are one size, so they stay together."""
    sizes: dict[str, list[float]] = {}
    for name, trials in built.items():
        sizes.setdefault(base_arm(name), []).append(_expected_chars(trials))
    return {name: sum(chars) / len(chars) for name, chars in sizes.items()}


def _expected_chars(trials: TrialsByCase) -> float:
    """Mean characters sent for a trial, every follow-up turn counted as taken."""
    firsts = [case_trials[0] for case_trials in trials.values() if case_trials]
    sample = firsts[:: sample_step(len(firsts))]
    if not sample:
        return 0.0
    return sum(request_chars(trial.request) * (1 + trial.max_turns) for trial in sample) / len(sample)

"""Two runs or baselines held against each other, evalset by evalset, and judged by the gates of the later."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pytest_ftgate.cli.check import builtin_registries
from pytest_ftgate.decision.evidence import choose_evidence
from pytest_ftgate.errors import SettingsError, StorageError
from pytest_ftgate.model.baseline import BASELINE, Baseline
from pytest_ftgate.model.comparison import AgainstBaseline
from pytest_ftgate.model.evalset import AS_IS, CANDIDATE, GateSpec
from pytest_ftgate.model.verdict import GateResult
from pytest_ftgate.registry import Registries
from pytest_ftgate.reports.report import make_json_safe
from pytest_ftgate.statistics.baseline_arms import summarise_baseline
from pytest_ftgate.statistics.baseline_pairs import ArmChoice, compare_baselines
from pytest_ftgate.storage.baseline_files import read_baselines
from pytest_ftgate.storage.baseline_places import find_baseline, list_baselines
from pytest_ftgate.storage.redaction import Redactor

DEFAULT_GATES = ("no_regression", "collapse")
"""Where an evalset states none that reads a baseline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What of the runs is compared, and how strictly; None = as the evalset has it."""

    arm: str | None = None
    against_arm: str | None = None
    role: str = CANDIDATE
    margin: float | None = None
    strict: bool = False


def compare_runs(a: str, b: str, *, directory: Path, choice: Choice) -> dict[str, Any]:
    """B held against A: an entry for each evalset of both, as reports have them, and notes on the others.

    Raises FtgateError: no such run or baseline, nothing in common, an arm that is not there.
    """
    before, now = read_named(a, directory), read_named(b, directory)
    common = [name for name in now if name in before]
    if not common:
        raise SettingsError(
            f"{a} and {b} have no evalset in common: {a} has {', '.join(sorted(before))}, "
            f"{b} has {', '.join(sorted(now))}"
        )
    registries = builtin_registries()
    told = {
        "before": a,
        "now": b,
        "evalsets": [_compare(a, now[name], before[name], choice, registries) for name in common],
        "notes": list(_list_notes(a, b, before, now)),
    }
    safe: dict[str, Any] = make_json_safe(Redactor(os.environ).redact_json(told))
    return safe


def read_named(name: str, directory: Path) -> dict[str, Baseline]:
    """The evalsets of a baseline or run. Raises StorageError where there is none of that name."""
    path = find_baseline(name, directory, Path.cwd())
    if path is None:
        there = ", ".join(list_baselines(directory)) or "none"
        raise StorageError(f"{name}: no such baseline, run or path. Baselines under {directory}: {there}.")
    return read_baselines(path)


def _compare(
    name: str, now: Baseline, before: Baseline, choice: Choice, registries: Registries
) -> dict[str, Any]:
    chosen = None
    if choice.arm is not None or choice.against_arm is not None:
        arm = choice.arm or AS_IS
        chosen = [ArmChoice(arm, choice.role, choice.against_arm or arm)]
        for each, wanted in ((now, chosen[0].arm), (before, chosen[0].against)):
            if each.arm(wanted, choice.role) is None:
                known = ", ".join(f"{arm.arm} ({arm.role})" for arm in each.arms) or "none"
                raise SettingsError(f"{each.evalset}: no arm {wanted} ({choice.role}); there are: {known}")
    against = AgainstBaseline(name=name, pairs=compare_baselines(now, before, chosen))
    gates = list(_judge(now, before, against, choice, registries))
    return {
        "name": now.evalset,
        "path": now.path,
        "bar": now.bar,
        "gates": [asdict(gate) for gate in gates],
        "baseline": asdict(against),
    }


def _judge(
    now: Baseline, before: Baseline, against: AgainstBaseline, choice: Choice, registries: Registries
) -> Iterator[GateResult]:
    if now.gaps:
        yield GateResult(name="complete", arm="*", role="*", outcome="failed", reason=now.gaps)
    summary = replace(summarise_baseline(now), baseline=against)
    for spec in _list_gates(now, choice):
        rule = choose_evidence(spec, evidence=None, strict=choice.strict, fallback=None)
        gate = registries.gates.get(spec.name)
        yield gate.evaluate(spec, summary, evidence=rule, baseline=summarise_baseline(before))


def _list_gates(now: Baseline, choice: Choice) -> Iterator[GateSpec]:
    """The evalset's gates that read a baseline, else the usual ones; of the chosen arm where one is."""
    stated = [gate for gate in now.gates if gate.name in DEFAULT_GATES]
    for gate in stated or [GateSpec(name=name) for name in DEFAULT_GATES]:
        options = {**gate.options, "against": BASELINE}
        if choice.margin is not None and gate.name == "no_regression":
            options["margin"] = choice.margin
        arm, role = gate.arm, gate.role
        if choice.arm is not None or choice.against_arm is not None:
            arm, role = choice.arm or AS_IS, choice.role
        yield replace(gate, options=options, arm=arm, role=role)


def _list_notes(a: str, b: str, before: Mapping[str, Baseline], now: Mapping[str, Baseline]) -> Iterator[str]:
    for other, names in ((a, now.keys() - before.keys()), (b, before.keys() - now.keys())):
        if names:
            yield f"not in {other}: {', '.join(sorted(names))}"
    for name, baseline in before.items():
        if baseline.gaps and name in now:
            yield f"{a} is no whole run of {name}: {baseline.gaps}"

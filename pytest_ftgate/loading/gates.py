"""The rules for the build, as written → GateSpecs; `complete` and `accuracy` are implied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pytest_ftgate.loading.places import Place
from pytest_ftgate.loading.reading import Reading
from pytest_ftgate.loading.validation import check_options, say_not_among
from pytest_ftgate.loading.wording import say_unknown, say_wrong_type, show
from pytest_ftgate.model.evalset import AS_IS, CANDIDATE, GateSpec, Json, base_arm

COMPLETE, ACCURACY = "complete", "accuracy"
OFF: tuple[Json, ...] = ("off", False)
ROLES = ("candidate", "base", "teacher", "judge", "embedder")
KEYS = ("arm", "role", "evidence")
EVIDENCE = ("estimate", "prove-pass", "prove-fail")


def is_off(value: Json) -> bool:
    """Whether a gate or the decision is switched off: `off` (a string in YAML 1.2) or `false`."""
    return value is False or value == "off"


def read_gates(
    value: Json, bar: float | None, arms: Sequence[str], place: Place, reading: Reading
) -> tuple[GateSpec, ...]:
    """`complete`, `accuracy` (unless off), then the others as written; those with problems are left out.

    A gate of an arm with several draws is a gate of each: one lucky draw passes nothing.
    """
    found = {COMPLETE: GateSpec(name=COMPLETE), ACCURACY: GateSpec(name=ACCURACY)}
    if value is None:
        return tuple(found.values())
    if not isinstance(value, dict):
        reading.problems.add(
            place, say_wrong_type("a mapping of gates (`format_failures: {max: 0.05}`)", value)
        )
        return tuple(found.values())
    for name, written in value.items():
        inner = place.at(name)
        if name not in reading.registries.gates:
            reading.problems.add(inner, say_unknown("gate", name, reading.registries.gates.names()))
        elif not is_off(written):
            gate = _read_gate(name, written, bar, arms, inner, reading)
            if gate is not None:
                found[name] = gate
        elif name == COMPLETE:
            reading.problems.add(inner, "`complete` cannot be switched off: an incomplete run proves nothing")
        else:
            found.pop(name, None)
    return tuple(replace(gate, arm=arm) for gate in found.values() for arm in _list_draws(gate.arm, arms))


def _list_draws(arm: str, arms: Sequence[str]) -> Sequence[str]:
    """The draws of an arm that has several, else the arm itself."""
    return [name for name in arms if name != arm and base_arm(name) == arm] or [arm]


def _read_gate(
    name: str, written: Json, bar: float | None, arms: Sequence[str], place: Place, reading: Reading
) -> GateSpec | None:
    if written is not None and not isinstance(written, dict):
        reading.problems.add(place, say_wrong_type("a mapping of options, or off", written))
        return None
    before = len(reading.problems)
    options: dict[str, Json] = dict(written or {})
    arm: Any = options.pop("arm", AS_IS)
    role: Any = options.pop("role", CANDIDATE)
    is_evidence_stated = "evidence" in options
    evidence: Any = options.pop("evidence", None)
    if arm not in arms:
        what = (
            say_unknown("arm", arm, arms)
            if isinstance(arm, str)
            else say_wrong_type("the name of an arm", arm)
        )
        reading.problems.add(place.at("arm"), what)
    if role not in ROLES:
        reading.problems.add(place.at("role"), say_not_among(list(ROLES), role))
    if is_evidence_stated and evidence not in EVIDENCE:
        reading.problems.add(place.at("evidence"), say_not_among(list(EVIDENCE), evidence))
    declared = reading.registries.gates.get(name).options
    check_options(options, declared, f"option of {name}", place, reading.problems, also=KEYS)
    lowest = options.get("min")
    if name == ACCURACY and bar is not None and isinstance(lowest, int | float) and abs(lowest - bar) > 1e-12:
        reading.problems.add(
            place.at("min"),
            f"must be the bar ({show(bar)}), got {show(lowest)}; the bar is set once, by `bar:`",
        )
    if len(reading.problems) > before:
        return None
    return GateSpec(name=name, options=options, arm=arm, role=role, evidence=evidence, where=place.where)

"""The plain sections of an evalset: name, bar, repeats, models, decision, economics, suite.

Their shapes stand in `schemas/evalset.schema.json` alone; what a schema cannot say is checked here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pytest_ftgate.loading.gates import is_off
from pytest_ftgate.loading.graders import check_function
from pytest_ftgate.loading.places import Place
from pytest_ftgate.loading.reading import Reading
from pytest_ftgate.loading.secret_names import find_secrets
from pytest_ftgate.loading.validation import check_with, compile_evalset_schema
from pytest_ftgate.loading.wording import say_unknown
from pytest_ftgate.model.evalset import (
    CANDIDATE,
    DEFAULT_BAR,
    DecisionSpec,
    Json,
    Knowledge,
    ModelSpec,
    Price,
    Suite,
)
from pytest_ftgate.model.target import TARGET

_OTHER_SECTIONS: Mapping[str, Json] = {
    "prompt": "-",
    "graders": [],
    "arms": {},
    "gates": {},
    "cases": [{"input": "-"}],
}
"""Sections with readers of their own, as the schema is happy with: it judges the head only."""
_CONSTANTS = ("alpha", "alpha_fine_tune", "floor", "share", "looks", "further_repeats", "seed", "min_cases")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The plain sections. `bar` is None where what is written is no bar."""

    name: str
    bar: float | None = DEFAULT_BAR
    repeats: int | None = None
    models: Mapping[str, ModelSpec] = field(default_factory=dict)
    decision: DecisionSpec = field(default_factory=DecisionSpec)
    economics: Mapping[str, Json] = field(default_factory=dict)
    suite: Suite | None = None


def read_head(written: Mapping[str, Json], default_name: str, place: Place, reading: Reading) -> Head:
    """The plain sections; defaults after a problem. Unknown keys of the evalset are found here."""
    head = {key: value for key, value in written.items() if key not in _OTHER_SECTIONS}
    for path, what in find_secrets(head.get("models"), ("models",)):
        reading.problems.add(place.at(*path), what)
    if not check_with(compile_evalset_schema(), {**_OTHER_SECTIONS, **head}, place, reading.problems):
        bar = head.get("bar", DEFAULT_BAR)
        is_bar = isinstance(bar, int | float) and not isinstance(bar, bool) and 0 < bar < 1
        return Head(name=default_name, bar=float(bar) if is_bar else None)
    written_models = _name_target(head, place, reading)
    repeats = head.get("repeats")
    return Head(
        name=str(head.get("name", default_name)),
        bar=float(head.get("bar", DEFAULT_BAR)),
        repeats=None if repeats is None else int(repeats),
        models={role: _make_model(model) for role, model in written_models.items()},
        decision=_make_decision(head.get("decision")),
        economics=head.get("economics") or {},
        suite=_make_suite(head.get("suite")),
    )


def check_waivers(decision: DecisionSpec, arms: Sequence[str], place: Place, reading: Reading) -> None:
    """Only arms that exist can be waived: a misspelt one would still be waited for."""
    known = sorted({*reading.registries.arms.names(), *arms})
    for arm in decision.waive:
        if arm not in known:
            reading.problems.add(place.at("decision", "waive", arm), say_unknown("arm", arm, known))


def _name_target(head: Mapping[str, Json], place: Place, reading: Reading) -> Mapping[str, Json]:
    """The models as written, `target: NAME` among them; targets must be registered functions."""
    models = dict(head.get("models") or {})
    name = head.get("target")
    if name is not None and CANDIDATE in models:
        what = "`target` is who answers, and so is `models: candidate`; keep one of them"
        reading.problems.add(place.at("target"), what)
    elif name is not None:
        check_function(name, place.at("target"), reading)
        return {**models, CANDIDATE: {"target": name}}
    for role, model in models.items():
        if isinstance(model, dict) and "target" in model:
            check_function(model["target"], place.at("models", role, "target"), reading)
    return models


def is_target(model: ModelSpec | None) -> bool:
    """Whether an application answers."""
    return model is not None and model.model.startswith(f"{TARGET}/")


def _make_model(written: Json) -> ModelSpec:
    if isinstance(written, str):
        return ModelSpec(model=written)
    price = written.get("price")
    return ModelSpec(
        model=written["model"] if "model" in written else f"{TARGET}/{written['target']}",
        params=written.get("params") or {},
        price=None if price is None else Price(**{name: float(usd) for name, usd in price.items()}),
    )


def _make_decision(written: Json) -> DecisionSpec:
    if is_off(written):
        return DecisionSpec(enabled=False)
    stated = written or {}
    constants = {key: stated[key] for key in _CONSTANTS if key in stated}
    for key in ("looks", "further_repeats", "seed", "min_cases"):
        if key in constants:
            constants[key] = int(constants[key])
    return DecisionSpec(
        **constants, waive=stated.get("waive") or {}, knowledge=_make_knowledge(stated.get("knowledge"))
    )


def _make_suite(written: Json) -> Suite | None:
    if written is None or isinstance(written, str):
        return None if written is None else Suite(name=written)
    return Suite(name=written["name"], weight=float(written.get("weight", 1)))


def _make_knowledge(written: Json) -> Knowledge:
    if written is None:
        return Knowledge()
    if written == "none":
        return Knowledge(stated=True, none=True)
    return Knowledge(stated=True, changes=written.get("changes"), citations=written.get("citations", False))

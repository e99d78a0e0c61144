"""`pytest-ftgate doctor`: is all there that a run needs? Keys are named, never shown."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from pytest_ftgate.checkup import Wanted, is_embedding_role, look_at_all
from pytest_ftgate.cli.check import builtin_registries, find_evalsets, find_rootdir
from pytest_ftgate.errors import EvalsetError
from pytest_ftgate.model.checkup import Checkup, ModelCheckup
from pytest_ftgate.model.evalset import RECORDED_MODEL, ModelSpec
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.plan_loading import load_plan
from pytest_ftgate.registry import Registries
from pytest_ftgate.reports.hostile_text import show_text

_SCHEMA = {
    "listed": "listed by litellm's map, not proven (--ask)",
    "not listed": "not listed by litellm's map",
    "unknown": "unknown",
    "enforced": "enforced (proven)",
    "unsupported": "unsupported (proven)",
    "unverified": "not enforced, as far as asking shows",
}


def run_doctor(options: argparse.Namespace) -> int:
    """Look and tell; returns the exit status. Raises FtgateError."""
    registries = builtin_registries()
    wanted, problems = _find_models(options, registries)
    found = look_at_all(wanted, options.dir, registries, timeout_s=options.timeout, ask=options.ask)
    found = replace(found, problems=(*found.problems, *problems))
    if options.json:
        print(json.dumps({"is_well": found.is_well, **asdict(found)}, indent=2))
    else:
        print("\n".join(show_text(line, unicode=True) for line in _lines(found)))
    return 0 if found.is_well else 1


def _find_models(options: argparse.Namespace, registries: Registries) -> tuple[list[Wanted], list[str]]:
    """The models of the evalsets and of --model, each once, and evalsets that are not usable."""
    found: dict[str, Wanted] = {}
    problems: list[str] = []
    for name in options.model:
        _add(found, ModelSpec(model=name), "--model", is_embedder=False)
    for path in find_evalsets(options.paths):
        rootdir = str(find_rootdir(path))
        settings = Settings(rootdir=rootdir, directory=str(Path(rootdir) / ".ftgate"), replay=("doctor",))
        try:
            evalset = load_plan(path, settings, registries).evalset
        except EvalsetError as error:
            problems.append(f"{path}: not usable; see pytest-ftgate check ({error.problems[0][1][:200]})")
            continue
        for role, spec in evalset.models.items():
            if spec.model == RECORDED_MODEL:
                if not options.model:
                    problems.append(_tell_unnamed(path, role))
                continue
            _add(found, spec, f"{evalset.name}: {role}", is_embedder=is_embedding_role(role))
    return list(found.values()), problems


def _tell_unnamed(path: Path, role: str) -> str:
    return (
        f"{path}: no model is named for role {role}: give one to look at, --model vendor/name, and to the "
        f"run, --ftgate-use-model {role}=vendor/name (or `models: {{{role}: {{model: vendor/name}}}}`)"
    )


def _add(found: dict[str, Wanted], spec: ModelSpec, used_by: str, *, is_embedder: bool) -> None:
    key = json.dumps([spec.model, dict(spec.params)], sort_keys=True)
    known = found.get(key)
    uses = (*(known.used_by if known else ()), used_by)
    found[key] = Wanted(spec=spec, used_by=uses, is_embedder=is_embedder)


def _lines(found: Checkup) -> Iterator[str]:
    yield ", ".join(f"{name} {text}" for name, text in found.versions.items())
    yield "extras: " + ", ".join(f"{name} {'yes' if there else 'no'}" for name, there in found.extras.items())
    state = found.sandbox if found.sandbox_works else f"none ({found.sandbox[:200]})"
    yield f"sandbox of grader `code`: {state}"
    for model in found.models:
        yield ""
        yield from _model_lines(model)
    if not found.models and not found.problems:
        yield "no model was named: give an evalset, or --model vendor/name"
    for problem in found.problems:
        yield f"PROBLEM: {problem}"
    yield ""
    yield "all is there" if found.is_well else "something is missing: see PROBLEM"


def _model_lines(model: ModelCheckup) -> Iterator[str]:
    yield f"{model.model}  ({_join(model.used_by)})"
    if model.keys:
        yield "  keys: " + ", ".join(
            f"{name} {'set' if there else 'not set'}" for name, there in model.keys.items()
        )
    place = f"{model.address} " if model.address else ""
    note = f": {model.endpoint_note}" if model.endpoint_note else ""
    yield f"  endpoint: {place}{model.endpoint}{note}"
    price = (
        "unknown"
        if model.price is None
        else f"${model.price[0]:g} in, ${model.price[1]:g} out per million tokens"
    )
    yield f"  price: {price}"
    why = f": {model.schema_note}" if model.schema_note else ""
    yield f"  schemas: {_SCHEMA[model.schema]}{why}"
    if model.answer:
        yield "  it was asked, and answered"
    yield from (f"  note: {note}" for note in model.notes)
    yield from (f"  PROBLEM: {problem}" for problem in model.problems)


def _join(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")

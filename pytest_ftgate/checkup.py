"""Looks at all that a run needs before it asks anything: keys, endpoints, prices, schemas, this machine."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from pytest_ftgate import __version__
from pytest_ftgate.errors import ProviderError
from pytest_ftgate.execution.builtin import find_provider
from pytest_ftgate.execution.endpoints import endpoint_of, is_loopback, refuse_unsafe_params
from pytest_ftgate.execution.engine import Engine
from pytest_ftgate.execution.local_provider import host_limit
from pytest_ftgate.execution.price_map import find_price, find_schema_support
from pytest_ftgate.execution.reach import find_address, reach
from pytest_ftgate.execution.vendor_keys import find_keys
from pytest_ftgate.grading.grades import GraderError
from pytest_ftgate.grading.sandbox import find_sandbox
from pytest_ftgate.model.checkup import Checkup, ModelCheckup, Support
from pytest_ftgate.model.evalset import AS_IS, CANDIDATE, EMBEDDER, ModelSpec
from pytest_ftgate.model.response import Failure
from pytest_ftgate.model.target import TARGET
from pytest_ftgate.model.trial import Request, Trial, TrialKey
from pytest_ftgate.planning.fingerprint import request_hash
from pytest_ftgate.planning.probe import build_probe, read_probes
from pytest_ftgate.registry import Registries
from pytest_ftgate.storage.redaction import Redactor

EXTRAS: Mapping[str, str] = {
    "instructions": "langdetect", "local": "xllamacpp", "metrics": "rapidfuzz", "pdf": "pypdf",
    "tools": "mcp", "vectors": "tokenizers", "xdist": "xdist",
}  # fmt: skip
PACKAGES = ("pytest", "litellm", "jsonschema", "jinja2", "pytest-xdist")
_LOCAL = "local/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A model to look at, and `evalset: role` of those that ask it."""

    spec: ModelSpec
    used_by: tuple[str, ...] = ()
    is_embedder: bool = False


def look_at_all(
    wanted: Sequence[Wanted], directory: Path, registries: Registries, *, timeout_s: float, ask: bool
) -> Checkup:
    """Look at the machine and at each model. `ask`: also send two small requests to each, which cost."""
    sandbox, works = _look_at_sandbox()
    folder = _look_at_folder(directory)
    models = [look_at_model(each, timeout_s=timeout_s) for each in wanted]
    if ask:
        models = [
            _ask(each, seen, registries, timeout_s) if not (seen.problems or each.is_embedder) else seen
            for each, seen in zip(wanted, models, strict=True)
        ]
    return Checkup(
        versions=_versions(),
        extras={extra: find_spec(package) is not None for extra, package in EXTRAS.items()},
        sandbox=sandbox,
        sandbox_works=works,
        folder=folder,
        models=tuple(models),
        problems=(folder,) if folder else (),
    )


def look_at_model(wanted: Wanted, *, timeout_s: float) -> ModelCheckup:
    """Keys, endpoint, price and schema support of one model; nothing is asked of it."""
    spec = wanted.spec
    known = find_price(spec.model)
    price = spec.price or known
    seen = ModelCheckup(
        model=spec.model,
        used_by=wanted.used_by,
        price=None if price is None else (price.input_usd_per_m, price.output_usd_per_m),
    )
    if spec.model.startswith(f"{TARGET}/"):
        return replace(seen, endpoint_note="an application: a registered function answers")
    if spec.model.startswith(_LOCAL):
        missing = find_spec(EXTRAS["local"]) is None
        what = "models of this machine need pip install 'pytest-ftgate[local]'"
        return replace(seen, endpoint_note="served on this machine", problems=(what,) if missing else ())
    request = Request(model=spec.model, messages=(), params=spec.params)
    base = endpoint_of(request)
    seen = _look_at_keys(seen, base)
    found = reach(find_address(spec.model, base), timeout_s)
    seen = replace(seen, address=found.address, endpoint=found.outcome, endpoint_note=found.what)
    if found.outcome == "unreachable":
        seen = _add_problem(seen, f"{found.address} cannot be reached: {found.what}")
    try:
        refuse_unsafe_params(request)
    except ProviderError as error:
        seen = replace(seen, notes=(*seen.notes, str(error)))
    if price is None:
        note = "no price is known: costs stay open, and --ftgate-max-cost is refused; state it by `price:`"
        seen = replace(seen, notes=(*seen.notes, note))
    listed = find_schema_support(spec.model)
    support: Support = "unknown" if listed is None else "listed" if listed else "not listed"
    return replace(seen, schema=support)


def _look_at_keys(seen: ModelCheckup, base: str) -> ModelCheckup:
    keys = find_keys(seen.model)
    named = {name: name in keys.present for names in keys.wanted for name in names}
    seen = replace(seen, keys=named)
    if keys.is_enough or is_loopback(base):
        return seen
    sets = " or ".join(" and ".join(names) for names in keys.wanted)
    return _add_problem(replace(seen, keys_missing=keys.wanted), f"no key: set {sets} in the environment")


def _add_problem(seen: ModelCheckup, what: str) -> ModelCheckup:
    return replace(seen, problems=(*seen.problems, what))


def _ask(wanted: Wanted, seen: ModelCheckup, registries: Registries, timeout_s: float) -> ModelCheckup:
    """What two requests for a random object under a schema show."""
    redact = Redactor(os.environ).redact
    engine = Engine(
        lambda trial: find_provider(registries.providers, trial.request.model),
        concurrency=2,
        timeout_s=max(timeout_s, 30.0),
        max_attempts=1,
        redact=redact,
        host_limit=host_limit,
    )
    probes = build_probe(_make_trial(wanted.spec), case="doctor")
    try:
        engine.submit(probe.trial for probe in probes)
        answered = [(probe, engine.wait(probe.trial.key)) for probe in probes]
    finally:
        engine.close()
    support, why = read_probes(answered)
    failures = [answer for _, answer in answered if isinstance(answer, Failure)]
    seen = replace(seen, schema=support, schema_note=redact(why), answer="answered")
    if len(failures) == len(answered) and support != "unsupported":
        what = f"{failures[0].signature}: {redact(failures[0].message)[:300]}"
        return _add_problem(replace(seen, answer=None), f"it was asked and did not answer: {what}")
    return seen


def _make_trial(spec: ModelSpec) -> Trial:
    schema = {"name": "doctor", "strict": True, "schema": {"type": "object"}}
    request = Request(
        model=spec.model,
        messages=({"role": "user", "content": "-"},),
        params=spec.params,
        response_format={"type": "json_schema", "json_schema": schema},
    )
    key = TrialKey(evalset="doctor", case="doctor", arm=AS_IS, role=CANDIDATE, repeat=1)
    return Trial(key=key, request=request, request_hash=request_hash(request), draw="1")


def _look_at_sandbox() -> tuple[str, bool]:
    try:
        return find_sandbox().kind, True
    except GraderError as error:
        return str(error), False


def _look_at_folder(directory: Path) -> str:
    """'' where the folder of runs can be written to, else why not; nothing is left there."""
    existing = next(path for path in (directory, *directory.resolve().parents) if path.is_dir())
    try:
        with tempfile.TemporaryFile(dir=existing):
            return ""
    except OSError as error:
        return f"{directory}: cannot be written to: {error.strerror or error}"


def _versions() -> dict[str, str]:
    found = {
        "python": platform.python_version(),
        "pytest-ftgate": __version__,
        "platform": platform.platform(),
    }
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def is_embedding_role(role: str) -> bool:
    """Whether the model of a role embeds texts, and so answers no question."""
    return role == EMBEDDER

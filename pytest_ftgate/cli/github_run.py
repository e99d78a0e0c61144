"""Runs pytest as the GitHub Action does: live where every key is there, else by recorded answers."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal

from pytest_ftgate.cli.check import PATTERNS
from pytest_ftgate.errors import SettingsError
from pytest_ftgate.execution.endpoints import endpoint_of, is_loopback
from pytest_ftgate.execution.vendor_keys import find_keys
from pytest_ftgate.loading.problems import Problems
from pytest_ftgate.loading.yaml_marks import parse_yaml
from pytest_ftgate.model.evalset import CANDIDATE, Json
from pytest_ftgate.model.trial import Request

_PASSED_OVER = ("build", "dist", "node_modules", "venv")
"""As pytest's norecursedirs."""
Mode = Literal["live", "replay"]
STDERR = 2
"""The file descriptor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What is to be run. `paths`, `replay`, `args`: words as in a shell; `options`: values of --ftgate-NAME,
    '' for none.
    """

    report: Path
    paths: str = ""
    replay: str = ""
    mode: str = "auto"
    args: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDone:
    """How it was run, and pytest's exit status."""

    mode: Mode
    why: str
    command: list[str]
    status: int


def run_pytest(request: RunRequest, *, quiet: bool = False) -> RunDone:
    """Run pytest in a process of its own. `quiet`: its output goes to stderr. Raises SettingsError."""
    paths = _split(request.paths, "--paths")
    models = _split(request.options.get("use-model", ""), "--use-model")
    mode, why = choose_mode(request.mode, paths, models)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pytest", "--ftgate", *paths]
        command += ["--ftgate-report", f"json={request.report.absolute()}"]
        for name, value in request.options.items():
            command += [part for word in _split(value, f"--{name}") for part in (f"--ftgate-{name}", word)]
        if mode == "replay":
            files = [Path(name) for name in _split(request.replay, "--replay")]
            command += _replay_arguments([file for file in files if file.is_file()], Path(folder))
        command += _split(request.args, "--args")
        print(f"ftgate: {mode}: {why}", file=sys.stderr, flush=True)
        done = subprocess.run(command, check=False, stdout=STDERR if quiet else None)  # noqa: S603
    return RunDone(mode=mode, why=why, command=command, status=done.returncode)


def _replay_arguments(files: list[Path], folder: Path) -> list[str]:
    """Every file of answers; without one an empty one, so that all is told as not evaluated."""
    if not files:
        empty = folder / "no-recorded-answers.jsonl"
        empty.write_text("", encoding="utf-8")
        files = [empty]
    return [part for file in files for part in ("--ftgate-replay", str(file))]


def choose_mode(wanted: str, paths: list[str], models: list[str]) -> tuple[Mode, str]:
    """Live or replay, and why. `models`: `[ROLE=]MODEL` of the command line."""
    if wanted in ("live", "replay"):
        return "live" if wanted == "live" else "replay", "as asked for"
    missing: dict[str, None] = {}
    for model, params in _list_models([Path(path) for path in paths or ["."]], models):
        keys = find_keys(model)
        base = endpoint_of(Request(model=model, messages=(), params=params))
        if not keys.is_enough and not is_loopback(base):
            missing[" or ".join(" and ".join(names) for names in keys.wanted)] = None
    if missing:
        return (
            "replay",
            f"not set: {'; '.join(missing)}. Recorded answers are judged; the rest is NOT EVALUATED",
        )
    return "live", "every key that the models need is set"


def _list_models(paths: list[Path], models: list[str]) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """The models that would be asked. An evalset that cannot be read says so in the run."""
    given = {role if equals else CANDIDATE: model for role, equals, model in map(_part_model, models)}
    for model in given.values():
        yield model, {}
    for path in paths:
        plain = Path(str(path).partition("::")[0])
        for file in _walk(plain) if plain.is_dir() else [plain]:
            for role, spec in _read_models(file).items():
                if role in given:
                    continue
                if isinstance(spec, str):
                    yield spec, {}
                elif isinstance(spec, dict) and isinstance(spec.get("model"), str):
                    params = spec.get("params")
                    yield spec["model"], params if isinstance(params, dict) else {}


def _walk(folder: Path) -> Iterator[Path]:
    """The evalsets below a folder, where pytest would look for them."""
    for here, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _PASSED_OVER]
        yield from (Path(here, name) for name in files if any(fnmatch(name, p) for p in PATTERNS))


def _part_model(text: str) -> tuple[str, str, str]:
    role, equals, model = text.partition("=")
    return (role, equals, model) if equals else (CANDIDATE, "", text)


def _read_models(file: Path) -> dict[str, Json]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    document = parse_yaml(text, str(file), Problems(str(file)))
    found = document.value.get("models") if document and isinstance(document.value, dict) else None
    return found if isinstance(found, dict) else {}


def _split(text: str, name: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise SettingsError(f"{name} {text!r}: {error}; quote as in a shell") from None

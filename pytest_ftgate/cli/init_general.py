"""`pytest-ftgate init general`: evalsets that show what a tuned model has lost against its base."""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_ftgate.errors import SettingsError
from pytest_ftgate.general_pack import MARGIN, REPEATS, SUITES, PackOptions, build_pack
from pytest_ftgate.model.evalset import Json, ModelSpec
from pytest_ftgate.reports.hostile_text import show_text

DIRECTORY = Path("general")
ROLES = ("base", "candidate")


def add_general_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `init general`."""
    add = parser.add_argument
    add("directory", nargs="?", type=Path, default=DIRECTORY, metavar="DIR",
        help=f"where the evalsets go (default {DIRECTORY}/)")  # fmt: skip
    add("--base", metavar="MODEL", help="the model before tuning: a litellm model id, vendor/name")
    add("--candidate", metavar="MODEL", help="the tuned model")
    add("--param", action="append", default=[], metavar="[ROLE.]NAME=VALUE",
        help="a param of both models or of one: temperature=0, base.api_base=URL (may be repeated)",
    )  # fmt: skip
    add("--suites", type=_read_names, default=SUITES, metavar="A,B", help=f"of {', '.join(SUITES)}")
    add("--margin", type=_read_margin, default=MARGIN, metavar="X",
        help=f"the drop in accuracy that would not matter (default {MARGIN:g})")  # fmt: skip
    add("--repeats", type=_read_repeats, default=REPEATS, metavar="K",
        help=f"independent answers for each case (default {REPEATS})")  # fmt: skip
    add("--native-tools", action="store_true",
        help="offer functions as tools of the call, not as text in the prompt")  # fmt: skip
    add("--force", action="store_true", help="overwrite files that are there")


def run_init_general(options: argparse.Namespace) -> int:
    """Write the pack, then read it as a run would; returns the exit status. Raises SettingsError."""
    from pytest_ftgate.cli.check import check_evalsets

    named = {role: model for role in ROLES if (model := getattr(options, role))}
    models = add_params(named, options.param)
    written = build_pack(
        PackOptions(
            suites=options.suites,
            models=models,
            margin=options.margin,
            repeats=options.repeats,
            native_tools=options.native_tools,
        )
    )
    _write(options.directory, written, is_forced=options.force)
    results = check_evalsets([options.directory / name for name in written if name.endswith(".yaml")])
    if options.json:
        print(
            json.dumps(
                {"directory": str(options.directory), "files": list(written), "evalsets": results}, indent=2
            )
        )
    else:
        print("\n".join(_describe(options.directory, models, results)))
    return 1 if any(result["problems"] for result in results) else 0


def add_params(models: Mapping[str, str], written: Sequence[str]) -> dict[str, ModelSpec]:
    """Role → its model with its params. Raises SettingsError."""
    from pytest_ftgate.cli.calibrate import parse_param
    from pytest_ftgate.loading.secret_names import find_secrets

    params: dict[str, dict[str, Json]] = {role: {} for role in models}
    for text in written:
        name, value = parse_param(text)
        role, dot, own = name.partition(".")
        of = [role] if dot else list(ROLES)
        if dot and (role not in ROLES or not own):
            raise SettingsError(
                f"--param: {text!r}: a param is of {' or '.join(ROLES)}, or of both without one"
            )
        if dot and role not in models:
            raise SettingsError(f"--param: {text!r}: name the model with --{role}")
        if not models:
            raise SettingsError(f"--param: {text!r}: name the models with --base and --candidate")
        for each in of:
            if each in params:
                params[each][own if dot else name] = value
    for _, what in find_secrets({role: {"params": found} for role, found in params.items()}):
        raise SettingsError(f"--param: {what}")
    return {role: ModelSpec(model=model, params=params[role]) for role, model in models.items()}


def _write(directory: Path, written: Mapping[str, str], *, is_forced: bool) -> None:
    there = [name for name in written if (directory / name).exists()]
    if there and not is_forced:
        raise SettingsError(f"{directory / there[0]} is there already; --force overwrites it")
    for name, text in written.items():
        path = directory / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise SettingsError(f"{path}: cannot be written: {error.strerror or error}") from None


def _describe(directory: Path, models: Collection[str], results: list[dict[str, Any]]) -> Iterator[str]:
    for result in results:
        name = directory / Path(result["path"]).name
        if result["problems"]:
            yield f"{name}: not usable here"
            yield from (f"  {show_text(problem)}" for problem in result["problems"])
        else:
            yield f"{name}: {result['cases']:,} cases"
    yield f"{directory / 'README.md'}: sources and licences; keep it with the cases"
    missing = [role for role in ROLES if role not in models]
    flags = "".join(f" --ftgate-use-model {role}=VENDOR/NAME" for role in missing)
    yield f"Next: pytest --ftgate {directory}{flags} --ftgate-plan     (calls, price; asks nothing)"
    yield f"      pytest --ftgate {directory}{flags}"


def _read_names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _read_margin(text: str) -> float:
    margin = _read_number(text, float)
    if not 0 < margin <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no drop in accuracy; wanted: above 0, at most 1")
    return margin


def _read_repeats(text: str) -> int:
    repeats = _read_number(text, int)
    if not 1 <= repeats <= 100:
        raise argparse.ArgumentTypeError(f"{text!r}: wanted 1 to 100 repeats")
    return int(repeats)


def _read_number(text: str, kind: type[float] | type[int]) -> float:
    try:
        return kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None

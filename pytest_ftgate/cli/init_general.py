"""`pytest-ftgate init general`: evalsets that show what a tuned model has lost against its base."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_ftgate.cli.check import check_evalsets
from pytest_ftgate.errors import SettingsError
from pytest_ftgate.general_pack import MARGIN, REPEATS, SUITES, PackOptions, build_pack
from pytest_ftgate.reports.hostile_text import show_text

DIRECTORY = Path("general")


def add_general_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `init general`."""
    add = parser.add_argument
    add("directory", nargs="?", type=Path, default=DIRECTORY, metavar="DIR",
        help=f"where the evalsets go (default {DIRECTORY}/)")  # fmt: skip
    add("--base", metavar="MODEL", help="the model before tuning: a litellm model id, vendor/name")
    add("--candidate", metavar="MODEL", help="the tuned model")
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
    models = {role: model for role in ("base", "candidate") if (model := getattr(options, role))}
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


def _describe(directory: Path, models: Mapping[str, str], results: list[dict[str, Any]]) -> Iterator[str]:
    for result in results:
        name = directory / Path(result["path"]).name
        if result["problems"]:
            yield f"{name}: not usable here"
            yield from (f"  {show_text(problem)}" for problem in result["problems"])
        else:
            yield f"{name}: {result['cases']:,} cases"
    yield f"{directory / 'README.md'}: sources and licences; keep it with the cases"
    missing = [role for role in ("base", "candidate") if role not in models]
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

"""The arguments of `pytest-ftgate doctor`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_doctor_command(commands: Any) -> argparse.ArgumentParser:
    """Add `doctor` with its arguments to the subparsers."""
    doctor: argparse.ArgumentParser = commands.add_parser(
        "doctor", help="keys, endpoints, prices, schema support, versions: is all there for a run?"
    )
    add = doctor.add_argument
    add(
        "paths",
        nargs="*",
        type=Path,
        help="*.evalset.yaml files, or folders of them, whose models to look at",
    )
    add("--model", action="append", default=[], metavar="ID", help="a model to look at (may be repeated)")
    add(
        "--ask",
        action="store_true",
        help="send two small requests to each model: it answers, and enforces schemas",
    )
    add("--timeout", type=_seconds, default=5.0, metavar="S", help="seconds to reach an endpoint (default 5)")
    add("--dir", default=".ftgate", type=Path, help="the folder of runs (default .ftgate)")
    return doctor


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 600:
        raise argparse.ArgumentTypeError(f"{text!r} is not usable; wanted seconds above 0, at most 600")
    return value

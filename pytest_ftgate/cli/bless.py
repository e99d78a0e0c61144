"""`pytest-ftgate bless RUN NAME`: takes a run as the baseline that later ones are held against."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def add_bless_command(commands: Any) -> argparse.ArgumentParser:
    """The arguments of `bless`."""
    bless: argparse.ArgumentParser = commands.add_parser(
        "bless", help="take a run as the baseline that later ones are held against"
    )
    add = bless.add_argument
    add("run", metavar="RUN", help="a run's id or folder, or latest")
    add("name", metavar="NAME", help="the baseline: a name, or the path of a folder")
    add("--evalset", action="append", default=[], metavar="NAME", help="only this evalset (default: all)")
    add("--dir", default=".ftgate", type=Path, help="the folder of runs and baselines (default .ftgate)")
    return bless


def run_bless(options: argparse.Namespace) -> int:
    """Save the run; 1 where some evalset is not whole and so was not. Raises FtgateError."""
    from pytest_ftgate.cli.blessed_run import bless_run

    blessed = bless_run(
        options.run, options.name, directory=options.dir.absolute(), evalsets=tuple(options.evalset)
    )
    if options.json:
        print(json.dumps(blessed, indent=2))
    else:
        _show(blessed)
    return 1 if blessed["refused"] else 0


def _show(blessed: Mapping[str, Any]) -> None:
    from pytest_ftgate.reports.hostile_text import show_text
    from pytest_ftgate.reports.numbers import format_count, format_percent

    for saved in blessed["saved"]:
        was = "" if saved["was"] is None else f", was {format_percent(saved['was'])}"
        print(
            show_text(
                f"{saved['evalset']}: {format_count(saved['cases'], 'case')}, "
                f"accuracy {format_percent(saved['accuracy'])}{was} ({os.path.relpath(saved['path'])})"
            )
        )
    for name, why in blessed["refused"].items():
        print(show_text(f"{name}: not saved, the run is not whole: {why}"), file=sys.stderr)

"""`pytest-ftgate`: look at evalsets and at finished runs, without pytest and without a model.

Exit statuses: 0 fine, 1 problems were found, 2 the command line or a file is not usable.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_ftgate import __version__
from pytest_ftgate.cli.check import check_evalsets
from pytest_ftgate.cli.explain import read_report
from pytest_ftgate.errors import FtgateError
from pytest_ftgate.reports.terminal import render_evalset


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="pytest-ftgate", description="Evalsets and runs of pytest --ftgate."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="read evalsets and list every problem; calls no model")
    check.add_argument("paths", nargs="+", type=Path, help="*.evalset.yaml files, or folders of them")
    explain = commands.add_parser("explain", help="show the verdict of a finished run with all its evidence")
    explain.add_argument("run", nargs="?", default="latest", help="a run's id, `latest`, or a report.json")
    explain.add_argument("--dir", default=".ftgate", type=Path, help="the folder of runs (default .ftgate)")
    for command in (check, explain):
        command.add_argument("--json", action="store_true", help="machine-readable output")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    options = build_parser().parse_args(arguments)
    try:
        return _check(options) if options.command == "check" else _explain(options)
    except FtgateError as error:
        print(f"pytest-ftgate: {error}", file=sys.stderr)
        return 2


def _check(options: argparse.Namespace) -> int:
    results = check_evalsets(options.paths)
    if options.json:
        print(json.dumps(results, indent=2))
    else:
        for result in results:
            print("\n".join(_check_lines(result)))
    return 1 if any(result["problems"] or result["faults"] for result in results) else 0


def _check_lines(result: dict[str, Any]) -> list[str]:
    if result["problems"]:
        return [f"{result['path']}: not usable", *(f"  {p}" for p in result["problems"])]
    arms = ", ".join(f"{arm['arm']} ({arm['status']})" for arm in result["arms"])
    lines = [f"{result['path']}: {result['cases']} cases, {result['trials']} trials; arms: {arms}"]
    for fault in result["faults"]:
        cases = f" Cases: {', '.join(fault['cases'][:10])}." if fault["cases"] else ""
        lines.append(f"  {fault['severity']}: {fault['what']}.{cases} {fault['remedy']}".rstrip())
    return lines


def _explain(options: argparse.Namespace) -> int:
    report = read_report(options.run, options.dir)
    if options.json:
        print(json.dumps(report, indent=2))
        return 0
    for entry in report["evalsets"]:
        print("\n".join(render_evalset(entry, width=80, verbosity=1)))
        print()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""`pytest-ftgate compare A B`: what became better and worse from run A to run B, by the gates of B."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

WIDTH = 80


def add_compare_command(commands: Any) -> argparse.ArgumentParser:
    """The arguments of `compare`."""
    compare: argparse.ArgumentParser = commands.add_parser(
        "compare", help="what became better and worse from run A to run B; exit status 1 where a gate fails"
    )
    add = compare.add_argument
    what = "a baseline's name or path, a run's id or folder, its report.json, or latest"
    add("a", metavar="A", help=f"the earlier one: {what}")
    add("b", metavar="B", help="the later one, likewise: it is held against A")
    add("--arm", metavar="NAME", help="compare this arm of B alone (default: every arm of both)")
    add("--against-arm", metavar="NAME", help="with this arm of A (default: the same)")
    add("--role", default="candidate", metavar="R", help="with --arm: who answered (default candidate)")
    add("--margin", type=_read_margin, metavar="X",
        help="the drop in accuracy that would not matter (default: the evalset's, else 0.05)")  # fmt: skip
    add("--strict", action="store_true", help="gates need proof, as with --ftgate-strict")
    add("--dir", default=".ftgate", type=Path, help="the folder of runs and baselines (default .ftgate)")
    add("-v", "--verbose", action="store_true", help="every arm, and more flips and patterns")
    return compare


def _read_margin(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share above 0 and at most 1, such as 0.05")
    return value


def run_compare(options: argparse.Namespace) -> int:
    """Compare two runs; returns the exit status. Raises FtgateError."""
    from pytest_ftgate.cli.compared_runs import Choice, compare_runs

    compared = compare_runs(
        options.a,
        options.b,
        directory=options.dir.absolute(),
        choice=Choice(
            arm=options.arm,
            against_arm=options.against_arm,
            role=options.role,
            margin=options.margin,
            strict=options.strict,
        ),
    )
    if options.json:
        print(json.dumps(compared, indent=2))
    else:
        print("\n".join(_render(compared, verbosity=int(options.verbose))))
    failed = any(gate["outcome"] == "failed" for entry in compared["evalsets"] for gate in entry["gates"])
    return 1 if failed else 0


def _render(compared: Mapping[str, Any], *, verbosity: int) -> Iterator[str]:
    from pytest_ftgate.reports.baseline_text import render_baseline
    from pytest_ftgate.reports.terminal import INDENT, describe_gate, finish_line

    for entry in compared["evalsets"]:
        yield finish_line(f"{entry['path']}   bar {100 * entry['bar']:g} %", WIDTH, first=True, unicode=False)
        blocks = [
            render_baseline(entry, WIDTH - len(INDENT), verbosity=verbosity),
            [line for gate in entry["gates"] for line in describe_gate(gate, WIDTH - len(INDENT))],
        ]
        for block in blocks:
            yield ""
            for line in block:
                yield finish_line(line, WIDTH, first=False, unicode=False)
        yield ""
    for note in compared["notes"]:
        yield finish_line(note, 10 * WIDTH, first=True, unicode=False)

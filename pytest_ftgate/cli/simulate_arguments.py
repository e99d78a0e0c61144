"""The arguments of `pytest-ftgate simulate`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from pytest_ftgate.simulation.setting import REPAIR
from pytest_ftgate.simulation.world import COLUMNS
from pytest_ftgate.simulation.worlds import MAIN

DEFAULT_EVALSETS = 100
MOST_CASES, MOST_REPEATS, MOST_EVALSETS = 10_000, 50, 100_000


def add_simulate_arguments(simulate: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    add = simulate.add_argument
    add(
        "evalset", nargs="?", type=Path,
        help="take cases, repeats, bar, arms and decision from this evalset; no model is called",
    )  # fmt: skip
    add(
        "--cases",
        type=_numbers(1, MOST_CASES),
        metavar="N,N",
        help="numbers of cases (the evalset's, else 100)",
    )
    add("--repeats", type=_numbers(1, MOST_REPEATS), metavar="K,K", help="repeats (the evalset's, else 5)")
    add("--bar", type=_share, metavar="X", help="the accuracy wanted (the evalset's, else 0.80)")
    add("--arms", type=_names, metavar="A,B",
        help=f"arms of a made-up evalset beside as_is: {', '.join((*COLUMNS[1:], REPAIR))}")  # fmt: skip
    add("--worlds", type=_names, default=MAIN, metavar="W,W",
        help="worlds by name or kind (at_limit), or `all`; --list-worlds names them")  # fmt: skip
    add("--list-worlds", action="store_true", help="list the worlds with their truth, and simulate nothing")
    add("--evalsets", type=_number(1, MOST_EVALSETS), default=DEFAULT_EVALSETS, metavar="R",
        help="evalsets drawn of each world, each run twice (default 100)")  # fmt: skip
    add("--limit-evalsets", type=_number(1, MOST_EVALSETS), metavar="R",
        help="evalsets of each world where a false verdict is likeliest (as of the others)")  # fmt: skip
    add("--further", type=_number(0, MOST_REPEATS), metavar="F",
        help="further repeats where only recurrence lacks (the evalset's, else 4; 0 = none)")  # fmt: skip
    add("--seed", type=_number(0, 2**63), default=0, metavar="S", help="seed of all draws (default 0)")
    add("--jobs", type=_number(1, 1024), metavar="J", help="processes (default: one for each processor)")
    add("--save", type=Path, metavar="FILE",
        help="keep what is done in FILE; the same command goes on from there")  # fmt: skip
    add("--markdown", type=Path, metavar="FILE", help="write all tables to FILE")


def _number(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and least <= int(text[:20]) <= most):
            raise argparse.ArgumentTypeError(
                f"{text!r} is not usable; wanted: a whole number {least} to {most}"
            )
        return int(text)

    return read


def _numbers(least: int, most: int) -> Callable[[str], tuple[int, ...]]:
    read = _number(least, most)
    return lambda text: tuple(dict.fromkeys(read(part.strip()) for part in text.split(",")))


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for part in text.split(",") if (name := part.strip()))


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not usable; wanted: a share above 0 and below 1")
    return value

"""`pytest-ftgate init`: writes an evalset to start from. Each kind of thing to write is an `InitKind`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_ftgate.cli.init_evalset import add_evalset_arguments, run_init_evalset
from pytest_ftgate.cli.init_general import add_general_arguments, run_init_general


@dataclass(frozen=True, slots=True, kw_only=True)
class InitKind:
    """One thing that `init` writes. `run` returns the exit status and may raise FtgateError."""

    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


DEFAULT_KIND = "evalset"
KINDS: Mapping[str, InitKind] = {
    DEFAULT_KIND: InitKind(
        help="a commented evalset, from flags, a CSV or JSONL of examples, or a promptfoo configuration",
        add_arguments=add_evalset_arguments,
        run=run_init_evalset,
    ),
    "general": InitKind(
        help="seven evalsets of general capability, to hold a tuned model against its base",
        add_arguments=add_general_arguments,
        run=run_init_general,
    ),
}


def add_init_command(commands: Any) -> list[argparse.ArgumentParser]:
    """Add `init` to the subparsers; returns the parsers of its kinds."""
    init = commands.add_parser(
        "init", help="write an evalset to start from", description="Without a KIND: `init evalset`."
    )
    kinds = init.add_subparsers(dest="kind", metavar="KIND", required=True)
    parsers = []
    for name, kind in KINDS.items():
        parser = kinds.add_parser(name, help=kind.help, description=f"Writes {kind.help}.")
        kind.add_arguments(parser)
        parsers.append(parser)
    return parsers


def complete_init(arguments: Sequence[str]) -> list[str]:
    """The arguments with the kind that `init` means where none is named."""
    found = list(arguments)
    if found[:1] == ["init"] and found[1:2] not in ([kind] for kind in (*KINDS, "-h", "--help")):
        found.insert(1, DEFAULT_KIND)
    return found


def run_init(options: argparse.Namespace) -> int:
    """Write what was asked for; returns the exit status. Raises FtgateError."""
    return KINDS[options.kind].run(options)

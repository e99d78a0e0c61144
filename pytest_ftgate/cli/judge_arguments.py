"""The arguments of `pytest-ftgate judge` and `pytest-ftgate merge`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from pytest_ftgate.cli.calibrate_arguments import read_share
from pytest_ftgate.model.settings import Evidence


def add_judge_arguments(judge: argparse.ArgumentParser) -> None:
    """The arguments of `judge`."""
    judge.add_argument(
        "run",
        nargs="?",
        default="latest",
        help="a run's id or its start, `latest`, a run folder, or a records.jsonl in one",
    )
    judge.add_argument(
        "--evalset", action="append", type=Path, default=[], metavar="FILE",
        help="judge by this evalset (default: those of the run)",
    )  # fmt: skip
    judge.add_argument(
        "--bar", type=read_share, metavar="X", help="the accuracy wanted, in place of the evalset's"
    )
    judge.add_argument(
        "--strict", action=argparse.BooleanOptionalAction, default=None,
        help="gates need proof (default: as in the run)",
    )  # fmt: skip
    judge.add_argument(
        "--evidence", choices=get_args(Evidence), help="what decides a rate gate (default: as in the run)"
    )
    judge.add_argument("--dir", default=".ftgate", type=Path, help="the folder of runs (default .ftgate)")
    _add_outside_argument(judge)
    judge.add_argument(
        "--code-unsafe", action="store_true", help="run code of answers without the sandbox, as that ini does"
    )
    judge.add_argument("--out", type=Path, metavar="DIR", help="where the new run goes (default: the same)")
    judge.add_argument(
        "--report", action="append", default=[], metavar="KIND=PATH",
        help="write a report: json, markdown or records",
    )  # fmt: skip
    judge.add_argument(
        "--replies", action="append", default=[], type=Path, metavar="FILE",
        help="recorded responses with what judges said, where the response store lacks it",
    )  # fmt: skip
    _add_baseline_arguments(judge)
    judge.add_argument("-v", "--verbose", action="store_true", help="more patterns, confusion, tags, fields")


def _add_outside_argument(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--allow-outside-files", action="store_true",
        help="read files outside of the rootdir that an evalset names, as the ini of that name does",
    )  # fmt: skip


def _add_baseline_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--save", metavar="NAME", help="save the new run as a baseline: a name or a folder")
    command.add_argument(
        "--compare", metavar="NAME|PATH", help="compare with a baseline, as --ftgate-compare does"
    )
    command.add_argument(
        "--require-baseline", action="store_true", help="exit with 1 where that baseline is not there"
    )


def add_merge_arguments(merge: argparse.ArgumentParser) -> None:
    """The arguments of `merge`."""
    merge.add_argument(
        "runs", nargs="+", metavar="RUN",
        help="a shard's run folder, a run's id, or a folder of artefacts with run folders in it",
    )  # fmt: skip
    merge.add_argument("--dir", default=".ftgate", type=Path, help="the folder of runs (default .ftgate)")
    _add_outside_argument(merge)
    merge.add_argument(
        "--out", type=Path, metavar="DIR", help="where the merged run goes (default: the same)"
    )
    merge.add_argument(
        "--report", action="append", default=[], metavar="KIND=PATH",
        help="write a report: json, markdown or records",
    )  # fmt: skip
    _add_baseline_arguments(merge)
    merge.add_argument("-v", "--verbose", action="store_true", help="more patterns, confusion, tags, fields")

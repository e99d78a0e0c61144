"""`pytest-ftgate history`: how accuracy and other metrics went from run to run, and whether they drift."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from pytest_ftgate.history_metrics import METRICS
from pytest_ftgate.history_series import BY, Question, answer_history, is_drifting
from pytest_ftgate.reports.history_text import render_history
from pytest_ftgate.statistics.drift import MIN_BASELINE
from pytest_ftgate.storage.history import FILE
from pytest_ftgate.storage.history_reading import Wanted

_DATE = re.compile(r"\d{4}-\d\d(-\d\d)?")
ALL = "all"


def add_history_arguments(history: argparse.ArgumentParser) -> None:
    """The arguments of `history`."""
    add = history.add_argument
    add("evalset", nargs="?", help="name or path of an evalset (default: every one)")
    add("--metric", default="accuracy", metavar="M", help=f"one of {', '.join(METRICS)} (default accuracy)")
    add("--arm", default="as_is", metavar="A", help="the arm, or `all` (default as_is)")
    add("--role", default="candidate", metavar="R", help="who answered, or `all` (default candidate)")
    add("--model", metavar="ID", help="only runs that asked for this model, or that it answered")
    add("--since", type=_date, metavar="DATE", help="only runs since that day, such as 2026-11-20")
    add("--by", choices=BY, default="run",
        help="what makes one row: a run; or all runs of a commit, a day or a model, as repeats")  # fmt: skip
    add(
        "--last",
        type=_count,
        default=20,
        metavar="N",
        help="rows shown, the newest ones (default 20; 0: all)",
    )
    add("--baseline", type=_baseline, default=MIN_BASELINE, metavar="N",
        help=f"runs that drift is held against (default and least {MIN_BASELINE})")  # fmt: skip
    add("--fail-on-drift", action="store_true", help="exit with 1 where an alarm of drift rings")
    add("--dir", default=".ftgate", type=Path, help="the folder of runs (default .ftgate)")
    add(
        "--file", type=Path, metavar="FILE", help=f"the history itself (default {FILE} in the folder of runs)"
    )


def run_history(options: argparse.Namespace) -> int:
    """Answer from the history; returns the exit status. Raises FtgateError."""
    question = Question(
        metric=options.metric,
        by=options.by,
        wanted=Wanted(
            evalset=options.evalset,
            arm=None if options.arm == ALL else options.arm,
            role=None if options.role == ALL else options.role,
            model=options.model,
            since=options.since,
        ),
        last=options.last,
        baseline=options.baseline,
    )
    answer = answer_history(options.file or options.dir / FILE, question)
    print(json.dumps(answer, indent=2) if options.json else "\n".join(render_history(answer)))
    return 1 if options.fail_on_drift and is_drifting(answer) else 0


def _date(text: str) -> str:
    if not _DATE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no day; wanted YYYY-MM-DD or YYYY-MM")
    return text


def _count(text: str) -> int:
    return _at_least(text, 0)


def _baseline(text: str) -> int:
    return _at_least(text, MIN_BASELINE)


def _at_least(text: str, least: int) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) >= least):
        raise argparse.ArgumentTypeError(f"{text!r} is not usable; wanted a whole number of at least {least}")
    return int(text)

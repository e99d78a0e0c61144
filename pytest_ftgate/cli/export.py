"""`pytest-ftgate export`: a run's evalset as training data, with the cases that judge held out."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pytest_ftgate.reports.dataset_card import REASONS, TRAIN
from pytest_ftgate.reports.hostile_text import show_text
from pytest_ftgate.reports.numbers import format_count
from pytest_ftgate.reports.training_files import Format

if TYPE_CHECKING:
    from pytest_ftgate.cli.exported_run import Exported


def add_export_arguments(export: argparse.ArgumentParser) -> None:
    """The arguments of `export`."""
    add = export.add_argument
    add("run", nargs="?", default="latest", help="a run's id or its start, `latest`, or a report.json")
    add("--format", required=True, choices=get_args(Format), dest="form", help="whose format the rows have")
    add("--evalset", metavar="NAME|FILE", help="which evalset, where the run has several")
    add("--from", action="append", default=[], type=Path, metavar="FILE", dest="further",
        help="further solved examples: .jsonl, .csv or .yaml with the keys of a case")  # fmt: skip
    add("--map", action="append", default=[], type=parse_column, metavar="KEY=COLUMN",
        help="read a key of a case from another column of --from files")  # fmt: skip
    add("--train-share", type=_part, metavar="X",
        help="train on about this share of the cases that judge; those may no longer judge")  # fmt: skip
    add("--out", type=Path, metavar="DIR", help="where the files go (default .ftgate/exports/...)")
    add("--estimate", action="store_true", help="estimate tokens by length in place of counting them")
    add("--dir", default=".ftgate", type=Path, help="the folder of runs (default .ftgate)")
    add("--allow-outside-files", action="store_true",
        help="read files outside of the rootdir that an evalset names, as that ini does")  # fmt: skip


def parse_column(text: str) -> tuple[str, str]:
    """KEY=COLUMN."""
    key, equals, column = text.partition("=")
    if not (key and equals and column):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not usable; wanted: KEY=COLUMN, such as input=question"
        )
    return key, column


def _part(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not usable; wanted: a share between 0 and 1")
    return value


def run_export(options: argparse.Namespace) -> int:
    """Write the training data; 1 where there is no row to train on. Raises FtgateError."""
    from pytest_ftgate.cli.exported_run import ExportOptions, export_run

    exported = export_run(
        ExportOptions(
            run=options.run,
            directory=options.dir,
            form=options.form,
            evalset=options.evalset,
            further=tuple(options.further),
            columns=dict(options.map),
            train_share=options.train_share,
            out=options.out,
            estimate=options.estimate,
            allow_outside_files=options.allow_outside_files,
        )
    )
    if options.json:
        print(json.dumps(_describe(exported), indent=2))
    else:
        _show(exported)
    return 0 if exported.training.rows else 1


def _describe(exported: Exported) -> dict[str, Any]:
    training = exported.training
    return {
        "folder": str(exported.folder),
        "rows": len(training.rows),
        "sources": dict(Counter(row.source for row in training.rows)),
        "removed": dict(Counter(one.reason for one in training.removed)),
        "held_out": len(training.held_out),
        "no_longer_judging": list(training.spent),
        "tokens": sum(exported.tokens.by_row),
        "tokens_by": exported.tokens.method,
        "notes": list(exported.notes),
    }


def _show(exported: Exported) -> None:
    training, tokens = exported.training, exported.tokens
    for note in exported.notes:
        print(f"note: {show_text(note)}", file=sys.stderr)
    rows = format_count(len(training.rows), "training row")
    print(f"{rows}, {sum(tokens.by_row):,} tokens ({show_text(tokens.method)})")
    for source, count in sorted(Counter(row.source for row in training.rows).items()):
        print(f"  {count:,} from {show_text(source)}")
    for reason, count in sorted(Counter(one.reason for one in training.removed).items()):
        print(f"  removed {count:,}: {REASONS[reason]}")
    print(f"held out: {format_count(len(training.held_out), 'case')} that judge")
    if training.spent:
        spent = format_count(len(training.spent), "case")
        print(f"may no longer judge: {spent}; mark them `split: dev` in the evalset")
    print(f"written: {show_text(os.path.relpath(exported.folder / TRAIN))}")

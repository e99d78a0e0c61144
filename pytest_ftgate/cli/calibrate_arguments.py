"""The arguments of `pytest-ftgate calibrate`."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_calibrate_arguments(calibrate: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    add = calibrate.add_argument
    add("labelled", type=Path, help="a .jsonl or .csv file of answers with people's labels")
    add("--rubric", metavar="TEXT|@FILE", help="what a good answer is; @FILE reads it from a file")
    add("--model", help="the judge, a litellm model id (vendor/name)")
    add("--param", action="append", default=[], metavar="NAME=VALUE", help="a param of the judge's model")
    add("--votes", type=int, choices=(1, 3, 5, 7, 9), help="votes an answer (default 3)")
    add("--threshold", type=read_share, metavar="X", help="the score that a vote for the answer needs")
    add("--min-kappa", type=read_share, metavar="X", help="exit with 1 where the estimated kappa is below X")
    add("--evalset", type=Path, metavar="FILE", help="take rubric and judge from its llm-rubric grader")
    add("--grader", metavar="NAME", help="which llm-rubric grader of the evalset, by its option `name`")
    for key, default in (
        ("input", "input"),
        ("output", "output"),
        ("label", "label"),
        ("context", "context"),
    ):
        add(f"--{key}-key", default=default, metavar="KEY", help=f"where a row has its {key} ({default})")
    add("--expected-key", metavar="KEY", help="where a row has its reference (expected, else reference)")
    add("--replies", action="append", default=[], type=Path, metavar="FILE",
        help="recorded replies of the judge: no model, no key, no network")  # fmt: skip
    add("--record", type=Path, metavar="FILE", help="write the judge's replies to FILE, for --replies")
    add("--concurrency", type=int, default=50, metavar="N", help="requests in flight at once (default 50)")
    add("--dir", default=".ftgate", type=Path, help="the folder of the response store (default .ftgate)")


def read_share(text: str) -> float:
    """A share above 0 and up to 1. Raises ArgumentTypeError."""
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not usable; wanted: a share above 0 and up to 1")
    return value

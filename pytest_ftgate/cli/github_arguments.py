"""The arguments of `pytest-ftgate github`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_github_command(commands: Any) -> list[argparse.ArgumentParser]:
    """Add `github` with its actions to the subparsers; returns their parsers."""
    github = commands.add_parser("github", help="the steps of the GitHub Action: run, publish")
    actions = github.add_subparsers(dest="action", metavar="ACTION", required=True)
    run = actions.add_parser(
        "run", help="run pytest --ftgate; replays recorded answers where keys are missing"
    )
    add = run.add_argument
    add(
        "--paths",
        default="",
        metavar="P",
        help="evalsets and folders, separated by blanks (default: pytest's own)",
    )
    add("--replay", default="", metavar="FILES", help="recorded answers to judge where keys are missing")
    add(
        "--mode",
        choices=("auto", "live", "replay"),
        default="auto",
        help="default auto: by the keys that are set",
    )
    add("--args", default="", metavar="A", help="further arguments of pytest, quoted as in a shell")
    add(
        "--report",
        type=Path,
        default=Path("ftgate-report.json"),
        metavar="FILE",
        help="where report.json goes",
    )
    for name in ("use-model", "arms", "save", "compare", "changed-since"):
        add(f"--{name}", default="", metavar="V", help=f"--ftgate-{name}")
    publish = actions.add_parser(
        "publish", help="step summary, annotations, outputs and the comment of a report"
    )
    add = publish.add_argument
    add("report", type=Path, metavar="FILE", help="the report.json of the run; it may be missing")
    add("--comment", default="", metavar="KEY", help="keep one comment of this key on the pull request")
    add("--note", default="", metavar="TEXT", help="a line below the comment, such as a link to the run")
    return [run, publish]

"""`pytest-ftgate`: look at evalsets, at finished runs and at judges, without pytest.

Only `calibrate`, `index`, `doctor --ask` and `github run` ask a model. Exit statuses: exit_statuses.py.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_ftgate import __version__
from pytest_ftgate.cli.bless import add_bless_command, run_bless
from pytest_ftgate.cli.calibrate_arguments import add_calibrate_arguments
from pytest_ftgate.cli.compare import add_compare_command, run_compare
from pytest_ftgate.cli.doctor_arguments import add_doctor_command
from pytest_ftgate.cli.exit_statuses import INTERRUPTED, UNREAD, UNUSABLE, explain_statuses
from pytest_ftgate.cli.export import add_export_arguments, run_export
from pytest_ftgate.cli.github_arguments import add_github_command
from pytest_ftgate.cli.history import add_history_arguments, run_history
from pytest_ftgate.cli.index_arguments import add_index_command
from pytest_ftgate.cli.init import add_init_command, complete_init, run_init
from pytest_ftgate.cli.judge_arguments import add_judge_arguments, add_merge_arguments
from pytest_ftgate.cli.simulate_arguments import add_simulate_arguments
from pytest_ftgate.cli.store import add_store_arguments, run_store
from pytest_ftgate.errors import FtgateError
from pytest_ftgate.reports.capability_terminal import render_card
from pytest_ftgate.reports.explanation import render_explanation
from pytest_ftgate.reports.finding_text import render_finding

if TYPE_CHECKING:
    from pytest_ftgate.baseline_book import BaselineBook

CHECK_WIDTH = 100
"""Columns of `check`'s findings."""


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="pytest-ftgate", description="Evalsets and runs of pytest --ftgate."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="read evalsets and list every problem; calls no model")
    check.add_argument("--strict", action="store_true", help="exit with 1 for warnings, too")
    check.add_argument("paths", nargs="+", type=Path, help="*.evalset.yaml files, or folders of them")
    explain = commands.add_parser("explain", help="how a finished run was decided, with all its evidence")
    explain.add_argument("run", nargs="?", default="latest", help="a run's id, `latest`, or a report.json")
    explain.add_argument("--dir", default=".ftgate", type=Path, help="the folder of runs (default .ftgate)")
    judge = commands.add_parser(
        "judge", help="judge a stored run again with changed graders, bar or decision; calls no model"
    )
    add_judge_arguments(judge)
    calibrate = commands.add_parser(
        "calibrate", help="how far a judge agrees with people, on answers that people have labelled"
    )
    add_calibrate_arguments(calibrate)
    merge = commands.add_parser(
        "merge", help="join the runs of all shards (--ftgate-shard) and decide; calls no model"
    )
    add_merge_arguments(merge)
    store = commands.add_parser("store", help="what the response store holds; `store prune` empties it")
    add_store_arguments(store)
    history = commands.add_parser("history", help="metrics from run to run, what changed, and drift")
    add_history_arguments(history)
    simulate = commands.add_parser(
        "simulate", help="how often a verdict would be right, before anything is spent; calls no model"
    )
    add_simulate_arguments(simulate)
    export = commands.add_parser("export", help="training data of a run's evalset, evaluation cases held out")
    add_export_arguments(export)
    for add in (add_doctor_command, add_index_command, add_compare_command, add_bless_command):
        add(commands)
    others = list(commands.choices.values())
    for command in (*add_init_command(commands), *add_github_command(commands), *others):
        command.add_argument("--json", action="store_true", help="machine-readable output")
        command.epilog = explain_statuses(command.prog.removeprefix(f"{parser.prog} "))
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    options = build_parser().parse_args(complete_init(sys.argv[1:] if arguments is None else arguments))
    try:
        status = COMMANDS[options.command](options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Python flushes once more when it ends, and would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    except FtgateError as error:
        print(f"pytest-ftgate: {_show_error(error)}", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        print("pytest-ftgate: interrupted", file=sys.stderr)
        return INTERRUPTED


def _show_error(error: FtgateError) -> str:
    """The message; it may quote evalsets, runs and baselines, which are not ours."""
    from pytest_ftgate.reports.hostile_text import defuse_commands, show_text

    return "\n".join(defuse_commands(show_text(line, unicode=True)) for line in str(error).split("\n"))


# Each command imports its own parts: those of judging take longer to load than the history to answer.


def _check(options: argparse.Namespace) -> int:
    from pytest_ftgate.cli.check import check_evalsets

    results = check_evalsets(options.paths)
    if options.json:
        print(json.dumps(results, indent=2))
    else:
        for result in results:
            print("\n".join(_check_lines(result)))
    graves = ("error", "warning") if options.strict else ("error",)
    is_bad = any(
        result["problems"] or any(finding["severity"] in graves for finding in result["findings"])
        for result in results
    )
    return 1 if is_bad else 0


def _check_lines(result: dict[str, Any]) -> list[str]:
    if result["problems"]:
        return [f"{result['path']}: not usable", *(f"  {p}" for p in result["problems"])]
    arms = ", ".join(f"{arm['arm']} ({arm['status']})" for arm in result["arms"])
    lines = [f"{result['path']}: {result['cases']} cases, {result['trials']} trials; arms: {arms}"]
    for finding in result["findings"]:
        lines += [f"  {line}" for line in render_finding(finding, CHECK_WIDTH - 2, cases=10)]
    return lines


def _explain(options: argparse.Namespace) -> int:
    from pytest_ftgate.cli.explain import explain_run

    explained = explain_run(options.run, options.dir)
    if options.json:
        print(json.dumps(explained.report, indent=2))
        return 0
    for entry, note in zip(explained.report["evalsets"], explained.notes, strict=True):
        print("\n".join(render_explanation(entry, note=note)))
        print()
    if card := render_card(explained.report.get("capability")):
        print("\n".join(card))
    return 0


def _judge(options: argparse.Namespace) -> int:
    from pytest_ftgate.cli.judge import JudgeOptions, judge_run
    from pytest_ftgate.cli.judged_run import parse_report, show_run

    judged = judge_run(
        JudgeOptions(
            run=options.run,
            directory=options.dir,
            evalsets=tuple(options.evalset),
            bar=options.bar,
            strict=options.strict,
            evidence=options.evidence,
            out=options.out,
            reports=tuple(parse_report(text) for text in options.report),
            replies=tuple(options.replies),
            allow_outside_files=options.allow_outside_files,
            code_unsafe=options.code_unsafe,
            baselines=_make_book(options),
        )
    )
    show_run(judged, as_json=options.json, verbosity=int(options.verbose))
    return 0 if judged.is_green else 1


def _make_book(options: argparse.Namespace) -> BaselineBook:
    from pytest_ftgate.baseline_book import make_book

    return make_book(
        options.dir, Path.cwd(), options.compare, options.save, is_required=options.require_baseline
    )


def _merge(options: argparse.Namespace) -> int:
    from pytest_ftgate.cli.judged_run import parse_report, show_run
    from pytest_ftgate.cli.merge import MergeOptions, merge_runs

    merged = merge_runs(
        MergeOptions(
            runs=tuple(options.runs),
            directory=options.dir,
            out=options.out,
            reports=tuple(parse_report(text) for text in options.report),
            allow_outside_files=options.allow_outside_files,
            baselines=_make_book(options),
        )
    )
    show_run(merged, as_json=options.json, verbosity=int(options.verbose))
    return 0 if merged.is_green else 1


def _calibrate(options: argparse.Namespace) -> int:
    from pytest_ftgate.cli.calibrate import CalibrateOptions, calibrate_judge, parse_param, show_calibration
    from pytest_ftgate.cli.labelled_file import Keys

    judged = calibrate_judge(
        CalibrateOptions(
            labelled=options.labelled,
            directory=options.dir,
            rubric=options.rubric,
            model=options.model,
            params=dict(parse_param(text) for text in options.param),
            votes=options.votes,
            threshold=options.threshold,
            evalset=options.evalset,
            grader=options.grader,
            keys=Keys(
                input=options.input_key,
                output=options.output_key,
                label=options.label_key,
                expected=options.expected_key,
                context=options.context_key,
            ),
            replies=tuple(options.replies),
            record=options.record,
            concurrency=max(1, options.concurrency),
        )
    )
    show_calibration(judged, as_json=options.json)
    kappa = judged.found.kappa.value
    if options.min_kappa is not None and kappa is not None and kappa < options.min_kappa:
        print(f"pytest-ftgate: kappa {kappa:.3f} is below the {options.min_kappa:g} wanted", file=sys.stderr)
        return 1
    return 0 if judged.is_usable else 1


def _simulate(options: argparse.Namespace) -> int:
    from pytest_ftgate.cli.simulate import run_simulate

    return run_simulate(options)


def _doctor(options: argparse.Namespace) -> int:
    from pytest_ftgate.cli.doctor import run_doctor

    return run_doctor(options)


def _index(options: argparse.Namespace) -> int:
    from pytest_ftgate.cli.index import run_index

    return run_index(options)


def _github(options: argparse.Namespace) -> int:
    from pytest_ftgate.cli.github import run_github

    return run_github(options)


COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "check": _check,
    "explain": _explain,
    "judge": _judge,
    "calibrate": _calibrate,
    "merge": _merge,
    "store": run_store,
    "history": run_history,
    "export": run_export,
    "simulate": _simulate,
    "doctor": _doctor,
    "github": _github,
    "index": _index,
    "init": run_init,
    "compare": run_compare,
    "bless": run_bless,
}


if __name__ == "__main__":
    raise SystemExit(main())

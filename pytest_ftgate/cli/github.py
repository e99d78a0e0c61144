"""`pytest-ftgate github`: what the steps of action.yml do: run pytest, then tell GitHub what came of it."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_ftgate.cli.explain import read_report
from pytest_ftgate.cli.github_run import RunRequest, run_pytest
from pytest_ftgate.errors import StorageError
from pytest_ftgate.reports.github_text import (
    list_annotations,
    list_outputs,
    mark_of,
    render_comment,
    render_nothing,
    render_summary,
    write_command,
)
from pytest_ftgate.storage.pull_request_comment import PullRequest, write_comment
from pytest_ftgate.storage.redaction import Redactor

DEFAULT_API = "https://api.github.com"


def run_github(options: argparse.Namespace) -> int:
    """Do the action; returns the exit status. Raises FtgateError."""
    return _run(options) if options.action == "run" else _publish(options)


def _run(options: argparse.Namespace) -> int:
    options.report.unlink(missing_ok=True)
    done = run_pytest(
        RunRequest(
            paths=options.paths,
            replay=options.replay,
            mode=options.mode,
            args=options.args,
            report=options.report,
            options={
                name: getattr(options, name.replace("-", "_"))
                for name in ("use-model", "arms", "save", "compare", "changed-since")
            },
        ),
        quiet=options.json,
    )
    _write_outputs({"mode": done.mode, "why": done.why, "status": str(done.status)})
    if options.json:
        print(
            json.dumps({"mode": done.mode, "why": done.why, "status": done.status, "command": done.command})
        )
    return done.status


def _publish(options: argparse.Namespace) -> int:
    redact = Redactor(os.environ).redact
    report = read_report(str(options.report), Path()) if options.report.is_file() else None
    told: dict[str, Any] = {"report": None, "summary": False, "annotations": 0, "comment": None}
    if report is not None:
        report = _relate_files(report)
        told["report"] = str(options.report)
    outputs = (
        list_outputs(report, str(options.report))
        if report
        else {"decision": "", "decisions": "{}", "report": "", "failures": ""}
    )
    _write_outputs(outputs)
    told.update(outputs)
    annotations = [redact(line) for line in (list_annotations(report) if report else ())]
    told["annotations"] = len(annotations)
    if not options.json:
        print("\n".join(annotations), end="\n" if annotations else "")
    told["summary"] = _write_summary(report, redact)
    if options.comment:
        told["comment"] = _comment(options, report, redact)
        if told["comment"].startswith("not written"):
            print(
                redact(write_command("warning", told["comment"], title="ftgate comment")),
                file=sys.stderr if options.json else sys.stdout,
            )
    if options.json:
        print(json.dumps(told, indent=2))
    return 0


def _write_summary(report: Mapping[str, Any] | None, redact: Any) -> bool:
    """Append to the file of GITHUB_STEP_SUMMARY; False where there is none, or no room."""
    name = os.environ.get("GITHUB_STEP_SUMMARY")
    if not name:
        return False
    path = Path(name)
    used = path.stat().st_size if path.exists() else 0
    text = render_nothing() if report is None else redact(render_summary(report, used))
    if not text:
        return False
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(text)
    return True


def _comment(options: argparse.Namespace, report: Mapping[str, Any] | None, redact: Any) -> str:
    """What became of the comment, in words."""
    token = os.environ.get("GITHUB_TOKEN", "")
    number = _find_number()
    if number is None:
        return "none: this event is of no pull request"
    if not token:
        return "not written: GITHUB_TOKEN is not set"
    pull_request = PullRequest(
        api_url=os.environ.get("GITHUB_API_URL") or DEFAULT_API,
        repository=os.environ.get("GITHUB_REPOSITORY", ""),
        number=number,
        token=token,
    )
    mark = mark_of(options.comment)
    body = (
        f"{mark}\n{render_nothing()}"
        if report is None
        else render_comment(report, options.comment, options.note)
    )
    try:
        return write_comment(pull_request, mark, redact(body))
    except StorageError as error:
        why = (
            ""
            if "403" not in str(error)
            else " (the token of a fork may only read; the summary has the report)"
        )
        return f"not written: {redact(str(error))}{why}"


def _find_number() -> int | None:
    """The number of the pull request that the event is of, from GITHUB_EVENT_PATH."""
    try:
        event = json.loads(Path(os.environ.get("GITHUB_EVENT_PATH", "")).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(event, dict):
        return None
    issue = event.get("issue")
    candidates = [
        event.get("pull_request"),
        issue if isinstance(issue, dict) and "pull_request" in issue else None,
    ]
    run = event.get("workflow_run")
    candidates += (run.get("pull_requests") or [])[:1] if isinstance(run, dict) else []
    numbers = [found.get("number") for found in candidates if isinstance(found, dict)]
    return next((number for number in numbers if isinstance(number, int) and number > 0), None)


def _relate_files(report: dict[str, Any]) -> dict[str, Any]:
    """The report with the files of its failures named from the checkout's root, as annotations want them."""
    workspace = Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd()).resolve()
    folders = [Path.cwd(), *Path.cwd().parents]

    def relate(name: str) -> str:
        found = next((folder / name for folder in folders if name and (folder / name).is_file()), None)
        is_inside = found is not None and found.resolve().is_relative_to(workspace)
        return found.resolve().relative_to(workspace).as_posix() if found is not None and is_inside else name

    failures = [{**failure, "file": relate(failure["file"])} for failure in report.get("failures", ())]
    return {**report, "failures": failures}


def _write_outputs(values: Mapping[str, str]) -> None:
    """Append to the file of GITHUB_OUTPUT, each between delimiters that no value can hold."""
    name = os.environ.get("GITHUB_OUTPUT")
    if not name:
        return
    with Path(name).open("a", encoding="utf-8", newline="\n") as file:
        for key, value in values.items():
            end = f"ftgate-{secrets.token_hex(16)}"
            file.write(f"{key}<<{end}\n{value}\n{end}\n")

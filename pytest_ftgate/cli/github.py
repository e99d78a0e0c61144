"""`pytest-ftgate github`: what the steps of action.yml do: run pytest, then tell GitHub what came of it."""

from __future__ import annotations

import argparse
import json
import os
import secrets
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
    render_summary,
    write_command,
)
from pytest_ftgate.storage.pull_request_comment import PullRequest, write_comment
from pytest_ftgate.storage.redaction import Redactor

DEFAULT_API = "https://api.github.com"
_UNWRITTEN = "not written"


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
    redactor = Redactor(os.environ)
    report: dict[str, Any] | None = None
    if options.report.is_file():
        # Before anything is escaped: a key that is escaped is not found.
        report = _relate_files(redactor.redact_json(read_report(str(options.report), Path())))
    outputs = list_outputs(report, str(options.report))
    _write_outputs(outputs)
    lines = list(list_annotations(report)) if report else []
    has_summary = _write_summary(report)
    comment = _comment(options, report, redactor) if options.comment else None
    if comment is not None and comment.startswith(_UNWRITTEN):
        lines.append(write_command("warning", comment, title="ftgate comment"))
    if options.json:
        print(
            json.dumps(
                {**outputs, "summary": has_summary, "annotations": lines, "comment": comment}, indent=2
            )
        )
    else:
        print("\n".join(lines), end="\n" if lines else "")
    return 0


def _write_summary(report: Mapping[str, Any] | None) -> bool:
    """Append to the file of GITHUB_STEP_SUMMARY; False where there is none, or no room."""
    name = os.environ.get("GITHUB_STEP_SUMMARY")
    if not name:
        return False
    path = Path(name)
    text = render_summary(report, path.stat().st_size if path.exists() else 0)
    if not text:
        return False
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(text)
    return True


def _comment(options: argparse.Namespace, report: Mapping[str, Any] | None, redactor: Redactor) -> str:
    """What became of the comment, in words."""
    token = os.environ.get("GITHUB_TOKEN", "")
    number = _find_number()
    if number is None:
        return "none: this event is of no pull request"
    if not token:
        return f"{_UNWRITTEN}: GITHUB_TOKEN is not set"
    pull_request = PullRequest(
        api_url=os.environ.get("GITHUB_API_URL") or DEFAULT_API,
        repository=os.environ.get("GITHUB_REPOSITORY", ""),
        number=number,
        token=token,
    )
    try:
        body = render_comment(report, options.comment, options.note)
        return write_comment(pull_request, mark_of(options.comment), body)
    except StorageError as error:
        is_read_only = "GitHub answers 403" in str(error)
        why = " (the token of a fork may only read; the summary has the report)" if is_read_only else ""
        return f"{_UNWRITTEN}: {redactor.redact(str(error))}{why}"


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

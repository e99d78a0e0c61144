"""action.yml, step by step, in bash with GitHub's environment files: with keys, and as for a fork."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from github_api import GitHubApi
from github_runner import Ran, Runner
from neighbours import WITHOUT
from servers import Call, ChatServer

ROOT = Path(__file__).resolve().parents[2]
EVENT = json.dumps({"pull_request": {"number": 7, "head": {"repo": {"fork": True}}}})
KEY = "planted-Hq7Zt2Lw9Rv4Nc8Kb3"
TOKEN = "ghs_planted0123456789abcdefABCDEF"


def yes_if_asked_nicely(call: Call) -> str:
    return f"yes {call.prompt[-2:]}" if "please" in call.prompt else "no"


@pytest.fixture
def api() -> Iterator[GitHubApi]:
    with GitHubApi() as stub:
        yield stub


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(yes_if_asked_nicely) as chat:
        yield chat


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A checkout whose evalsets lie in a folder of their own."""
    folder = tmp_path / "checkout" / "service"
    folder.mkdir(parents=True)
    (folder / "pytest.ini").write_text("[pytest]\n")
    write(folder, "Say it, please: ")
    return tmp_path / "checkout"


def write(folder: Path, prompt: str) -> None:
    cases = [{"id": f"c{n:02d}", "input": f"case {n:02d}", "expected": f"yes {n:02d}"} for n in range(6)]
    cases[3]["must_pass"] = True
    lines = [
        "name: t", "models: {candidate: {model: openai/scripted, params: {temperature: 0}}}",
        f"prompt: {json.dumps(prompt + '{{ input }}')}", "graders: [equals]", "repeats: 2",
        "gates:", "  accuracy: {min: 0.8}", "cases:",
        *(f"  - {json.dumps(case)}" for case in cases),
    ]  # fmt: skip
    (folder / "evals").mkdir(exist_ok=True)
    (folder / "evals" / "t.evalset.yaml").write_text("\n".join(lines))


def make_runner(workspace: Path, temp: Path, api: GitHubApi, **environment: str) -> Runner:
    search = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    quick = {
        "PYTEST_ADDOPTS": f"{WITHOUT} -p no:cacheprovider -p no:hypothesispytest",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    return Runner(ROOT, workspace, temp, {"PATH": search, **quick, "GITHUB_API_URL": api.url, **environment})


def run(runner: Runner, **inputs: str) -> Ran:
    return runner.run(
        event=EVENT, token=TOKEN, **{"working_directory": "service", "paths": "evals", **inputs}
    )


@pytest.mark.slow
def test_a_pull_request_with_keys(
    workspace: Path, tmp_path: Path, api: GitHubApi, server: ChatServer
) -> None:
    runner = make_runner(workspace, tmp_path, api, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=server.base_url)
    first = run(runner, args="--ftgate-record answers.jsonl -k 'not nothing'", save="main")
    assert first.status == 0, first.log
    assert {k: first.outputs[k] for k in ("mode", "decision", "failures")} == {
        "mode": "live", "decision": "not_ready", "failures": "0",
    }  # fmt: skip
    assert json.loads(first.outputs["decisions"]) == {"t": "not_ready"}
    assert "# ftgate" in first.summary
    assert "::error" not in first.log
    assert {"ftgate-report.json", "records.jsonl", "report.json"} <= set(first.uploaded)
    asked = server.count
    assert asked > 0

    # A new machine: what the cache brought is all that is left of the first run.
    shutil.rmtree(workspace / "service" / ".ftgate")
    second = run(runner, compare="main")
    assert (second.status, server.count) == (0, asked), second.log
    assert "baseline" in second.summary

    shutil.rmtree(workspace / "service" / ".ftgate")
    write(workspace / "service", "Say it: ")
    third = run(runner, compare="main")
    assert third.status == 1
    assert third.outputs["mode"] == "live"
    assert int(third.outputs["failures"]) >= 2
    lines = (workspace / "service/evals/t.evalset.yaml").read_text().splitlines()
    annotations = [line for line in third.log.splitlines() if line.startswith("::error")]
    places = [re.search(r"file=([^,:]+),line=(\d+)", line) for line in annotations]
    found = {(match[1], lines[int(match[2]) - 1].strip()[:12]) for match in places if match}
    assert {
        ("service/evals/t.evalset.yaml", "accuracy: {m"),
        ("service/evals/t.evalset.yaml", '- {"id": "c0'),
    } <= found
    assert any("must_pass case as_is%3A%3Ac03" in line for line in annotations)

    assert len(api.comments) == 1
    assert api.writes() == ["POST", "PATCH", "PATCH"]
    assert "accuracy" in api.comments[0]["body"]
    assert "(https://github.com/o/r/actions/runs/3)" in api.comments[0]["body"]
    for text in (first.log, second.log, third.log, third.summary, api.comments[0]["body"]):
        assert KEY not in text
        assert TOKEN not in text


@pytest.mark.slow
def test_a_fork_without_keys(workspace: Path, tmp_path: Path, api: GitHubApi, server: ChatServer) -> None:
    with_keys = make_runner(
        workspace, tmp_path / "a", api, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=server.base_url
    )
    assert run(with_keys, args="--ftgate-record answers.jsonl", comment="").status == 0
    asked, answers = server.count, workspace / "service" / "answers.jsonl"
    assert api.requests == []
    shutil.rmtree(workspace / "service" / ".ftgate")
    api.refuses = (403, "Resource not accessible by integration")
    fork = make_runner(workspace, tmp_path / "b", api)

    whole = run(fork, replay="answers.jsonl other.jsonl")
    assert (whole.status, whole.outputs["mode"]) == (0, "replay"), whole.log
    assert "ftgate: replay: not set: OPENAI_API_KEY" in whole.log
    assert "NOT EVALUATED" not in whole.summary
    # The comment cannot be written: that is a warning, and the summary has it all.
    (warning,) = [line for line in whole.log.splitlines() if line.startswith("::warning")]
    assert "the token of a fork may only read" in warning
    assert "Save responses and baselines" in whole.skipped

    rows = answers.read_text().splitlines()
    answers.write_text("\n".join(rows[:7]) + "\n")
    part = run(fork, replay="answers.jsonl")
    assert (part.status, part.outputs["decision"], part.outputs["mode"]) == (1, "incomplete", "replay")
    assert "**NOT EVALUATED**: 5 trials (5 without a recorded answer)" in part.summary
    assert "5 trials NOT EVALUATED" in part.log
    assert server.count == asked


def test_what_ends_before_a_report_is_told(workspace: Path, tmp_path: Path, api: GitHubApi) -> None:
    (workspace / "service/evals/t.evalset.yaml").write_text("graders: [labl]\n")
    ran = run(make_runner(workspace, tmp_path, api), args='-k "a b')
    assert ran.status == 1
    assert "quote as in a shell" in ran.log
    assert "Nothing was evaluated" in ran.summary
    broken = run(make_runner(workspace, tmp_path / "x", api))
    assert broken.status == 1
    assert "unknown grader 'labl'" in broken.log
    assert broken.outputs["report"] == broken.outputs["decision"] == ""
    assert "no report" in api.comments[0]["body"]
    assert len(api.comments) == 1


def test_inputs_are_words_and_never_code(workspace: Path, tmp_path: Path, api: GitHubApi) -> None:
    evil = "$(touch pwned) `touch pwned` ; touch pwned #"
    runner = make_runner(workspace, tmp_path, api)
    ran = run(runner, paths=evil, args=evil, arms=evil, replay=evil, use_model=evil, comment=evil)
    assert ran.status == 1
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.slow
def test_the_action_installs_itself_from_its_checkout(
    workspace: Path, tmp_path: Path, api: GitHubApi
) -> None:
    """`python -m pip` is a shim here that builds the wheel of the checkout: there is no internet in tests."""
    checkout = tmp_path / "action"
    kept = subprocess.run(
        ["git", "ls-files", "pytest_ftgate", "schemas", "pyproject.toml", "README.md", "LICENSE",
         "CHANGELOG.md", "ARCHITECTURE.md", "action.yml"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    for name in kept:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, checkout / name)
    site, bin_folder = tmp_path / "site", tmp_path / "bin"
    bin_folder.mkdir()
    shim = bin_folder / "python"
    shim.write_text(
        f'#!/bin/bash\nif [ "$1 $2 $3" != "-m pip install" ]; then exec {sys.executable} "$@"; fi\n'
        'printf "%s\\n" "$@" > pip-arguments\n'
        f'{sys.executable} -m build --wheel --no-isolation -o {tmp_path}/wheel "${{5%%[*}}" &> /dev/null\n'
        f"{sys.executable} -m zipfile -e {tmp_path}/wheel/*.whl {site}\n"
    )
    script = bin_folder / "pytest-ftgate"
    script.write_text(
        f"#!/bin/bash\nexec {sys.executable} -c 'import sys; from pytest_ftgate.cli.main import main; "
        'sys.exit(main())\' "$@"\n'
    )
    for file in (shim, script):
        file.chmod(0o755)
    runner = make_runner(workspace, tmp_path, api)
    runner.action = checkout
    runner.environment |= {"PATH": f"{bin_folder}:{os.environ['PATH']}", "PYTHONPATH": str(site)}
    inputs: dict[str, Any] = {"extras": "metrics,tools", "requirements": "requirements.txt"}
    ran = runner.run(
        install=True, event=EVENT, token=TOKEN, paths="service/evals", working_directory=".", **inputs
    )
    assert (ran.outputs["mode"], ran.outputs["decision"]) == ("replay", "incomplete"), ran.log
    arguments = (workspace / "pip-arguments").read_text().split()
    assert arguments[4:] == [f"{checkout}[metrics,tools]", "-r", "requirements.txt"]
    assert (site / "pytest_ftgate" / "schemas").is_dir()

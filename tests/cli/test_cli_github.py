"""`pytest-ftgate github`: when recorded answers stand in, which pull request is meant, where things stand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from github_api import GitHubApi

from pytest_ftgate.cli.github_run import choose_mode
from pytest_ftgate.cli.main import main

KEYS = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE", "ANTHROPIC_API_KEY")
LOOPBACK = {"model": "openai/x", "params": {"api_base": "http://127.0.0.1:1/v1"}}
REPORT = {"ftgate": 1, "header": {}, "evalsets": [], "capability": None, "failures": []}


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (*KEYS, "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "GITHUB_WORKSPACE", "GITHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def write(models: Any, name: str = "evals/t.evalset.yaml") -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    # A grader that only a conftest.py knows does not matter here.
    Path(name).write_text(json.dumps({"models": models, "graders": ["their-own"], "cases": [{"input": "a"}]}))


@pytest.mark.parametrize(
    ("models", "given", "keys", "mode"),
    [
        ({"candidate": "openai/gpt-4o"}, [], [], "replay"),
        ({"candidate": "openai/gpt-4o"}, [], ["OPENAI_API_KEY"], "live"),
        ({"candidate": "gpt-4o"}, [], ["OPENAI_API_KEY"], "live"),
        ({"candidate": LOOPBACK}, [], [], "live"),
        ({"candidate": "local/smollm2"}, [], [], "live"),
        ({"candidate": {"target": "app"}}, [], [], "live"),
        ({"candidate": "local/x", "judge": "anthropic/claude"}, [], ["OPENAI_API_KEY"], "replay"),
        ({"candidate": "openai/gpt-4o"}, ["local/smollm2"], [], "live"),
        ({"candidate": "local/x"}, ["candidate=openai/gpt-4o"], [], "replay"),
        ({"candidate": "local/x", "base": "openai/x"}, ["base=local/y"], [], "live"),
        (None, [], [], "live"),
        (["odd"], [], [], "live"),
    ],
)
def test_recorded_answers_stand_in_where_a_key_is_missing(
    models: Any, given: list[str], keys: list[str], mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in keys:
        monkeypatch.setenv(name, "a-key-of-enough-letters")
    write(models)
    for paths in (["evals"], [], ["evals/t.evalset.yaml::as_is::c1"]):
        found, why = choose_mode("auto", paths, given)
        assert found == mode, why
    assert choose_mode("live", ["evals"], given)[0] == "live"
    assert choose_mode("replay", ["evals"], given)[0] == "replay"


def test_what_cannot_be_read_is_left_to_pytest() -> None:
    Path("evals").mkdir()
    Path("evals/t.evalset.yaml").write_bytes(b"\xff{")
    write({"candidate": "openai/x"}, ".venv/lib/t.evalset.yaml")
    write({"candidate": "openai/x"}, "node_modules/t.evalset.yaml")
    assert choose_mode("auto", ["evals", "gone"], [])[0] == "live"
    assert choose_mode("auto", [], [])[0] == "live"


@pytest.mark.parametrize(
    ("event", "is_found"),
    [
        ({"pull_request": {"number": 7}}, True),
        ({"issue": {"number": 7, "pull_request": {}}, "comment": {}}, True),
        ({"workflow_run": {"pull_requests": [{"number": 7}]}}, True),
        ({"issue": {"number": 7}}, False),
        ({"pull_request": {"number": "7/../8"}}, False),
        ({"pull_request": None, "workflow_run": {"pull_requests": None}}, False),
        ([], False),
        (None, False),
    ],
)
def test_the_pull_request_is_that_of_the_event(
    event: Any, is_found: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("event.json").write_text(json.dumps(event))
    Path("r.json").write_text(json.dumps(REPORT))
    with GitHubApi() as api:
        for name, value in (("EVENT_PATH", "event.json"), ("API_URL", api.url), ("REPOSITORY", "o/r")):
            monkeypatch.setenv(f"GITHUB_{name}", value)
        assert main(["github", "publish", "r.json", "--comment", "k", "--json"]) == 0
        said = json.loads(capsys.readouterr().out)["comment"]
        assert said == (
            "not written: GITHUB_TOKEN is not set" if is_found else "none: this event is of no pull request"
        )
        monkeypatch.setenv("GITHUB_TOKEN", "ghs_0123456789abcdefghij")
        assert main(["github", "publish", "r.json", "--comment", "k", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["comment"] == ("created" if is_found else said)
        assert len(api.comments) == int(is_found)


def test_files_are_named_from_the_root_of_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write({}, "service/evals/t.evalset.yaml")
    one = {"sort": "gate", "evalset": "t", "name": "gate::cost", "reason": "r", "line": 2}
    files = ("evals/t.evalset.yaml", "gone.yaml", "../../etc/passwd", "")
    Path("r.json").write_text(json.dumps({**REPORT, "failures": [{**one, "file": file} for file in files]}))
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    monkeypatch.chdir(tmp_path / "service")
    assert main(["github", "publish", "../r.json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (
        lines[0] == "::error title=ftgate%3A gate gate%3A%3Acost,file=service/evals/t.evalset.yaml,line=2::r"
    )
    assert ["file=" in line for line in lines] == [True, True, True, False]

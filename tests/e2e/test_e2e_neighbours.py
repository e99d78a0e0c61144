"""Beside other plugins, all active at once: the same records and gates, and each of them does its own."""

from __future__ import annotations

import json
import re
import tomllib
import xml.etree.ElementTree as ET
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from e2e_world import World, comparable, make_cases
from neighbours import NEIGHBOURS

ROOT = Path(__file__).resolve().parents[2]
PLAIN_TEST = """
import asyncio, random
import pytest

@pytest.mark.asyncio
async def test_async():
    await asyncio.sleep(0)

def test_plain():
    assert 1 + 1 == 2
"""
OUTPUTS = (
    "--html=r.html", "--self-contained-html", "--json-report", "--json-report-file=r.json",
    "--junitxml=j.xml", "--cov=app", "--cov-report=json:cov.json", "--timeout=100", "--force-sugar",
    "-p", "no:cacheprovider", "-p", "no:hypothesispytest",
)  # fmt: skip


SEEDED = ("--randomly-seed=7", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")


@pytest.fixture
def project(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Plain tests beside an evalset of which 6 of 8 cases pass, by recorded answers."""
    world.pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    (world.path / "app.py").write_text("def double(x):\n    return 2 * x\n")
    (world.path / "test_app.py").write_text(
        PLAIN_TEST + "\ndef test_app():\n    from app import double\n    assert double(2) == 4\n"
    )
    cases = make_cases(8)
    cases[7]["must_pass"] = True
    world.write("t", {
        "models": {"candidate": "openai/recorded"}, "prompt": "{{ input }}", "graders": ["equals"],
        "repeats": 2, "arms": {"other": {"prompt": "x {{ input }}"}}, "cases": cases,
    })  # fmt: skip
    rows = [
        {"case": case["id"], "arm": arm, "repeat": k, "output": case["expected"] if n < 6 else "::error::no"}
        for arm in ("as_is", "other") for n, case in enumerate(cases) for k in (1, 2)
    ]  # fmt: skip
    world.write_lines("a.jsonl", rows)
    monkeypatch.setenv("PYTEST_ADDOPTS", "")
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    return world


def run(project: World, *arguments: str) -> pytest.RunResult:
    return project.pytester.runpytest_subprocess("--ftgate", "--ftgate-replay", "a.jsonl", *arguments)


def records(project: World) -> list[Any]:
    return comparable(project.records())


def test_they_are_all_active(project: World) -> None:
    result = run(project, "--trace-config", "--collect-only", "-p", "no:cacheprovider")
    modules = {found.name: found.value for found in entry_points(group="pytest11")}
    for name in (*NEIGHBOURS, "xdist", "timeout", "pytest_cov", "pytest_ftgate"):
        assert f"<module '{modules[name]}'" in result.stdout.str(), name


def test_the_suite_itself_goes_without_them() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["addopts"]
    assert [name for name in NEIGHBOURS if f"-p no:{name}" not in options] == []


@pytest.mark.slow
def test_all_at_once(project: World, monkeypatch: pytest.MonkeyPatch) -> None:
    without = [argument for name in NEIGHBOURS for argument in ("-p", f"no:{name}")]
    plain = run(project, *without, "--deselect", "test_app.py::test_async", "-p", "no:cacheprovider")
    assert plain.ret == 1
    expected, gates = records(project), project.entry()["gates"]
    assert len(expected) == 32

    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project.path))
    for distribution in (["-n", "0"], ["-n", "2"]):
        result = run(project, *OUTPUTS, *distribution)
        assert result.ret == 1, result.stdout.str()
        assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()
        assert records(project) == expected
        assert project.entry()["gates"] == gates
        check_outputs(project.path, result.stdout.str() + result.stderr.str())


def check_outputs(folder: Path, output: str) -> None:
    """What each of the plugins made of the session."""
    report = json.loads((folder / "r.json").read_text())
    outcomes = {test["nodeid"]: test["outcome"] for test in report["tests"]}
    assert outcomes["test_app.py::test_async"] == outcomes["test_app.py::test_app"] == "passed"
    assert outcomes["t.evalset.yaml::as_is::c000"] == "passed"
    assert outcomes["t.evalset.yaml::as_is::c007"] == "failed"
    assert outcomes["t.evalset.yaml::gate::accuracy"] == "failed"
    html = (folder / "r.html").read_text()
    for name in ("test_app.py::test_app", "t.evalset.yaml::as_is::c007", "t.evalset.yaml::gate::accuracy"):
        assert name in html
    coverage = json.loads((folder / "cov.json").read_text())
    assert coverage["totals"]["percent_covered"] == 100
    names = {case.get("name") for case in ET.parse(folder / "j.xml").getroot().iter("testcase")}
    assert {"test_plain", "c007"} <= names
    # Sugar shows ticks; the annotating plugin says which line failed, and nothing else is a command.
    assert "✓" in output
    commands = [line for line in output.splitlines() if re.match(r"\s*::", line)]
    assert any(line.startswith("::error ") and "file=t.evalset.yaml" in line for line in commands)
    assert all(re.match(r"::(error|warning|notice) (file|title)=", line) for line in commands), commands
    assert "VERDICT" in output.upper() or "NOT READY" in output


def test_a_split_is_a_selection_and_gives_no_verdict(project: World) -> None:
    # Without a seed of its own each group would be a part of another order.
    counts = []
    for group in ("1", "2"):
        result = run(project, "--splits", "2", "--group", group, *SEEDED)
        assert "not evaluated:" in result.stdout.str()
        assert project.verdict()["decision"] == "not_asked"
        counts.append(len(project.records()))
    assert sum(counts) == 32

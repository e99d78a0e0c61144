"""Workflows and the action, by linters: GitHub's own schemas, and zizmor's audits of what can go wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
WORKFLOWS = [*sorted((ROOT / "examples/github").glob("*.yml")), ROOT / ".github/workflows/ci.yml"]


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, cwd=ROOT
    )


@pytest.mark.parametrize(
    ("schema", "files"),
    [("vendor.github-workflows", WORKFLOWS), ("vendor.github-actions", [ROOT / "action.yml"])],
)
def test_they_are_what_githubs_schemas_say(schema: str, files: list[Path]) -> None:
    assert len(files) in (1, 3)
    done = run(BIN / "check-jsonschema", "--builtin-schema", schema, *files)
    assert done.returncode == 0, done.stdout + done.stderr


def test_zizmor_finds_nothing() -> None:
    config = ROOT / ".github" / "zizmor.yml"
    done = run(
        BIN / "zizmor", "--offline", "--no-progress", "--config", config, ROOT / "action.yml", *WORKFLOWS
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_zizmor_would_find_something(tmp_path: Path) -> None:
    text = (ROOT / "action.yml").read_text()
    bad = text.replace('"$FTGATE_PATHS"', '"${{ inputs.paths }}"').replace(
        "actions/cache/save@v4", "them/save@v4"
    )
    assert bad.count("${{ inputs.paths }}") == 2
    (tmp_path / "action.yml").write_text(bad)
    done = run(BIN / "zizmor", "--offline", "--no-progress", tmp_path / "action.yml")
    assert done.returncode != 0
    assert "template-injection" in done.stdout
    assert "unpinned-uses" in done.stdout


def test_every_input_and_output_is_documented() -> None:
    text = (ROOT / "docs" / "github.md").read_text(encoding="utf-8")
    spec = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    assert [name for name in (*spec["inputs"], *spec["outputs"]) if f"`{name}`" not in text] == []


@pytest.mark.parametrize("path", WORKFLOWS[:-1], ids=lambda path: path.stem)
def test_examples_use_inputs_that_the_action_has(path: Path) -> None:
    spec = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values()
    (step,) = [s for job in jobs for s in job["steps"] if "pytest-ftgate@" in s.get("uses", "")]
    assert set(step["with"]) <= set(spec["inputs"])
    read = set(re.findall(r"steps\.ftgate\.outputs\.(\w+)", path.read_text(encoding="utf-8")))
    assert read <= set(spec["outputs"])

"""Reads evalsets as a run would, and says what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pytest_ftgate.decision import builtin as decision
from pytest_ftgate.errors import EvalsetError, SettingsError, put_on_one_line
from pytest_ftgate.execution import builtin as execution
from pytest_ftgate.grading import builtin as grading
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.plan_loading import load_plan
from pytest_ftgate.planning import builtin as planning
from pytest_ftgate.precheck import check_plan
from pytest_ftgate.registry import Registries
from pytest_ftgate.reports import builtin as reports

PATTERNS = ("*.evalset.yaml", "*.evalset.yml")


ROOT_FILES = ("pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg", ".git")
"""What marks a project's root, as for pytest."""

PARTS_NOTE = (
    "parts that a plugin or a conftest.py registers are known to pytest only: pytest --ftgate --collect-only"
)


def check_evalsets(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """One result per evalset: problems (not usable), findings, arms, counts. Raises SettingsError."""
    registries = builtin_registries()
    return [_check(path, registries) for path in find_evalsets(paths)]


def find_evalsets(paths: Iterable[Path]) -> list[Path]:
    """The evalsets that the paths name, or hold where they are folders. Raises SettingsError for none."""
    files: list[Path] = []
    for path in paths:
        found = sorted(f for p in PATTERNS for f in path.rglob(p)) if path.is_dir() else [path]
        if not found or not all(f.is_file() for f in found):
            raise SettingsError(f"{path}: no evalset (*.evalset.yaml) is there")
        files += found
    return [file.resolve() for file in files]


def find_rootdir(path: Path) -> Path:
    """The nearest folder above an evalset that looks like a project's root, else the evalset's own."""
    folders = list(path.parents)
    return next((f for f in folders if any((f / name).exists() for name in ROOT_FILES)), folders[0])


def builtin_registries() -> Registries:
    """The built-in parts; plugins and conftest files are known to pytest only."""
    parts = Registries()
    grading.register(parts.graders)
    planning.register(parts.arms)
    decision.register(parts.gates)
    execution.register(parts.providers, functions=parts.functions.get)
    reports.register(parts.reporters)
    return parts


def _check(path: Path, registries: Registries) -> dict[str, Any]:
    result: dict[str, Any] = {"path": str(path), "problems": [], "findings": [], "arms": []}
    rootdir = str(find_rootdir(path))
    # A placeholder model: nothing is asked, and an evalset may leave its model to the command line.
    settings = Settings(rootdir=rootdir, directory=str(Path(rootdir) / ".ftgate"), replay=("check",))
    try:
        plan = load_plan(path, settings, registries)
    except EvalsetError as error:
        result["problems"] = [put_on_one_line(f"{where}: {what}") for where, what in error.problems]
        if any("unknown" in what for _, what in error.problems):
            result["problems"].append(f"note: {PARTS_NOTE}")
        return result
    return {
        **result,
        "path": plan.evalset.path,
        "cases": len(plan.evalset.cases),
        "trials": sum(len(item.trials) for item in plan.items),
        "arms": [{"arm": a.name, "status": a.status, "reason": a.reason} for a in plan.arms],
        "findings": [asdict(finding) for finding in check_plan(plan, registries)],
    }

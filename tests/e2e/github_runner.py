"""Runs the steps of action.yml as GitHub's runner would: bash, environment files, outputs, `if`, a cache.

Steps with `uses:` are what the platform does: the cache is a folder here, uploads are remembered, and the
rest is left out. Expressions are those that action.yml uses: names, strings, ==, !=, &&, ||, always().
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_NAME = re.compile(r"(?:inputs|steps|github|runner)(?:\.[\w-]+)+")


@dataclass
class Ran:
    """What a job of this one action left behind."""

    status: int = 0
    log: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    uploaded: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


class Runner:
    """A checkout, a cache, and an environment. `action` is the folder of action.yml."""

    def __init__(self, action: Path, workspace: Path, temp: Path, environment: dict[str, str]) -> None:
        self.action, self.workspace, self.temp, self.environment = action, workspace, temp, environment
        self.cache = temp / "cache"
        self.runs = 0
        self.spec = yaml.safe_load((action / "action.yml").read_text())

    def run(self, *, install: bool = False, event: str = "{}", token: str = "", **inputs: str) -> Ran:
        """One job. Steps `Install` and `Set up Python` only with `install`."""
        self.runs += 1
        folder = self.temp / f"run-{self.runs}"
        (folder / "files").mkdir(parents=True)
        (folder / "event.json").write_text(event)
        defaults = {name: str(each.get("default", "")) for name, each in self.spec["inputs"].items()}
        given = {
            **defaults,
            **{name.replace("_", "-"): value for name, value in inputs.items()},
            "token": token,
        }
        names: dict[str, str] = {f"inputs.{name}": value for name, value in given.items()}
        names |= {"runner.os": "Linux", "runner.temp": str(folder), "github.run_id": str(self.runs),
                  "github.run_attempt": "1"}  # fmt: skip
        ran, is_failed = Ran(), False
        for number, step in enumerate(self.spec["runs"]["steps"]):
            if step["name"] in ("Install", "Set up Python") and not install:
                continue
            condition = step.get("if", "success()")
            if not self._holds(condition, names, is_failed):
                ran.skipped.append(step["name"])
                names[f"steps.{step.get('id', number)}.outcome"] = "skipped"
                continue
            if "uses" in step:
                self._use(step, names, ran)
                continue
            status = self._bash(step, names, folder, ran, number)
            names[f"steps.{step.get('id', number)}.outcome"] = "failure" if status else "success"
            is_failed = is_failed or status != 0
        ran.status = int(is_failed)
        for name, each in self.spec["outputs"].items():
            ran.outputs[name] = self._fill(each["value"], names)
        summary = folder / "files" / "summary"
        ran.summary = summary.read_text() if summary.exists() else ""
        return ran

    def _bash(self, step: dict[str, Any], names: dict[str, str], folder: Path, ran: Ran, number: int) -> int:
        files = {name: folder / "files" / name for name in ("summary", f"output-{number}")}
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            **self.environment,
            "GITHUB_ACTIONS": "true",
            "CI": "true",
            "GITHUB_ACTION_PATH": str(self.action),
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_STEP_SUMMARY": str(files["summary"]),
            "GITHUB_OUTPUT": str(files[f"output-{number}"]),
            "GITHUB_EVENT_PATH": str(folder / "event.json"),
            "GITHUB_REPOSITORY": "o/r",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_RUN_ID": str(self.runs),
            "RUNNER_TEMP": str(folder),
            **{name: self._fill(value, names) for name, value in step.get("env", {}).items()},
        }
        script = self._fill(step["run"], names)
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script],
            cwd=self.workspace / self._fill(step.get("working-directory", "."), names),
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            timeout=120,
        )  # fmt: skip
        ran.log += f"## {step['name']}\n{done.stdout}"
        output = files[f"output-{number}"]
        if output.exists():
            found = re.findall(r"^([\w-]+)<<(\S+)\n(.*?)\n\2$", output.read_text(), re.MULTILINE | re.DOTALL)
            for key, _, value in found:
                names[f"steps.{step['id']}.outputs.{key}"] = value
        return done.returncode

    def _use(self, step: dict[str, Any], names: dict[str, str], ran: Ran) -> None:
        name, _, version = step["uses"].partition("@")
        assert re.fullmatch(r"v\d+", version), step["uses"]
        paths = self._fill(step["with"].get("path", ""), names).split("\n")
        paths = [path.strip() for path in paths if path.strip()]
        if name == "actions/cache/restore":
            for path in paths:
                _copy(self.cache / path, self.workspace / path)
        elif name == "actions/cache/save":
            for path in paths:
                _copy(self.workspace / path, self.cache / path)
        elif name == "actions/upload-artifact":
            for path in paths:
                root = self.workspace / path
                ran.uploaded += [
                    str(f.name) for f in ([root] if root.is_file() else root.rglob("*")) if f.is_file()
                ]

    def _fill(self, text: str, names: dict[str, str]) -> str:
        return _EXPRESSION.sub(lambda found: str(self._evaluate(found[1], names)), str(text))

    def _holds(self, condition: str, names: dict[str, str], is_failed: bool) -> bool:
        is_always = "always()" in condition
        inner = condition.replace("always()", "True").replace("success()", "True")
        return bool(self._evaluate(inner, names)) and (is_always or not is_failed)

    def _evaluate(self, expression: str, names: dict[str, str]) -> Any:
        code = _NAME.sub(lambda found: repr(names.get(found[0], "")), expression)
        code = code.replace("&&", " and ").replace("||", " or ")
        return eval(code, {"__builtins__": {}})


def _copy(source: Path, target: Path) -> None:
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    elif source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)

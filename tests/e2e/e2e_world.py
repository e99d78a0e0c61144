"""A folder of evalsets and what came of running them, for end-to-end tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from servers import ChatServer, Script

QUICK = ("-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:hypothesispytest")
"""Plugins that inner sessions can do without; hypothesis alone is imported anew for seconds."""


class World:
    """A folder with evalsets in it, and what came of running them."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.path = pytester.path

    def write(self, name: str, evalset: dict[str, Any]) -> Path:
        """Write an evalset (JSON is YAML) as `<name>.evalset.yaml`; `ftgate: 1` and `name` are filled in."""
        path = self.path / f"{name}.evalset.yaml"
        path.write_text(json.dumps({"ftgate": 1, "name": name, **evalset}, indent=1, ensure_ascii=False))
        return path

    def write_lines(self, name: str, rows: list[dict[str, Any]]) -> Path:
        path = self.path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    def run(self, *arguments: str, subprocess: bool = False) -> pytest.RunResult:
        """`pytest --ftgate …`; in this process unless xdist or a kill needs another one."""
        arguments = ("--ftgate", *QUICK, *arguments)
        if subprocess:
            return self.pytester.runpytest_subprocess(*arguments)
        return self.pytester.runpytest_inprocess(*arguments)

    def report(self, run: str = "latest") -> dict[str, Any]:
        return json.loads((self.path / ".ftgate" / "runs" / run / "report.json").read_text())

    def records(self, run: str = "latest") -> list[dict[str, Any]]:
        lines = (self.path / ".ftgate" / "runs" / run / "records.jsonl").read_text().rstrip("\n").split("\n")
        return [json.loads(line) for line in lines]

    def entry(self, name: str | None = None) -> dict[str, Any]:
        """The report of an evalset (of the only one where no name is given)."""
        entries = self.report()["evalsets"]
        return next(e for e in entries if name in (None, e["name"]))

    def verdict(self) -> dict[str, Any]:
        return self.entry()["verdict"]

    def serve(self, script: Script | str) -> ChatServer:
        return ChatServer(script)


def model_at(server: ChatServer, **params: Any) -> dict[str, Any]:
    """The candidate model of an evalset that asks this server."""
    return {"candidate": {"model": "openai/scripted", "params": {"api_base": server.base_url, **params}}}


def make_cases(count: int, **more: Any) -> list[dict[str, Any]]:
    """Cases c000… with input `key=c000` and expected `yes-c000`."""
    return [
        {"id": f"c{i:03d}", "input": f"key=c{i:03d}", "expected": f"yes-c{i:03d}", **more}
        for i in range(count)
    ]


UNLIKE = frozenset((
    "latency_p50_s", "latency_p95_s", "latency_s", "latency_ratio", "latency_p95_ratio", "cost_usd",
    "requests_sent", "cached", "attempts",
    "answered_at", "serving_cost_usd", "serving_attempts", "paid_usd", "unpriced_calls",
))  # fmt: skip
"""What may differ between two runs of the same trials: time, money, and where an answer came from."""


def comparable(value: Any) -> Any:
    """An evalset's report or a list of records, without what may differ between equal runs."""
    if isinstance(value, dict):
        return {key: comparable(inner) for key, inner in value.items() if key not in UNLIKE}
    return [comparable(inner) for inner in value] if isinstance(value, list) else value

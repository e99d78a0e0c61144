"""How items and gates look in pytest's own output."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pytest_ftgate.failing import find_gate, name_gate
from pytest_ftgate.glue.outcome import LETTERS
from pytest_ftgate.glue.payload import status_of
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.model.verdict import GateResult


class DisplayPlugin:
    """Gives items their letter and word; in every process."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(
        self, report: pytest.TestReport | pytest.CollectReport
    ) -> tuple[str, str, str] | None:
        """`m` missed, `u` unanswered, `E` for a crashing grader."""
        status = status_of(report) if report.when == "call" else None
        if status not in LETTERS:
            return None
        letter, word = LETTERS[status]
        return status, letter, word


@dataclass(frozen=True, slots=True)
class GateLine:
    """A gate as a test: `<file>::gate::<name>`."""

    plan: Plan
    gate: GateResult

    @property
    def nodeid(self) -> str:
        return f"{self.plan.evalset.path}::gate::{name_gate(self.plan, self.gate)}"

    @property
    def location(self) -> tuple[str, int | None, str]:
        where = find_gate(self.plan, self.gate)
        line = where.line if where else None
        return self.plan.evalset.path, None if line is None else line - 1, f"gate::{self.gate.name}"


def gate_reports(line: GateLine) -> list[pytest.TestReport]:
    """The call and teardown reports of a gate; JUnit closes a test at its teardown."""
    gate = line.gate
    outcome = {"passed": "passed", "failed": "failed"}.get(gate.outcome, "skipped")
    path, lineno, _ = line.location
    longrepr: str | tuple[str, int, str] | None = None
    if gate.outcome == "failed":
        longrepr = f"gate {gate.name}: {gate.reason}"
    elif gate.outcome == "skipped":
        longrepr = (path, (lineno or 0) + 1, f"gate {gate.name}: {gate.reason}")
    call = _report(line.nodeid, line.location, "call", outcome, longrepr)
    if gate.outcome == "xfailed":
        call.wasxfail = gate.reason
    return [call, _report(line.nodeid, line.location, "teardown", "passed", None)]


def problem_reports(text: str) -> list[pytest.TestReport]:
    """The reports of something that failed beside the items: a plugin's hook, a file to write."""
    location = ("ftgate", None, "ftgate::run")
    return [
        _report("ftgate::run", location, "call", "failed", text),
        _report("ftgate::run", location, "teardown", "passed", None),
    ]


def _report(
    nodeid: str,
    location: tuple[str, int | None, str],
    when: str,
    outcome: str,
    longrepr: str | tuple[str, int, str] | None,
) -> pytest.TestReport:
    return pytest.TestReport(
        nodeid=nodeid,
        location=location,
        keywords={},
        outcome=outcome,  # type: ignore[arg-type]
        longrepr=longrepr,
        when=when,  # type: ignore[arg-type]
        duration=0.0,
    )

"""`--ftgate-plan`: says what the run would take, asks nothing, and ends."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_ftgate.estimates import check_caps, estimate_run
from pytest_ftgate.glue.session import FtgateSession
from pytest_ftgate.model.estimate import Estimate
from pytest_ftgate.reports.plan_table import render_plan


class PlanPlugin:
    """Registered in place of what runs and judges. Exit status 1 where a cap is broken, else 0.

    `together`: whether one process would run each evalset, were it run.
    """

    def __init__(self, state: FtgateSession, *, together: bool) -> None:
        self.state, self.together = state, together
        self.estimates: list[Estimate] = []
        self.broken: list[str] = []
        self.near: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Estimate what was selected, in place of running it."""
        if session.config.option.collectonly:
            return None
        settings, registries = self.state.settings, self.state.registries
        together = self.together and settings.shard is None
        for path, items in self.state.selected.items():
            plan = self.state.plans[path]
            self.estimates.append(estimate_run(plan, items, settings, registries, together=together))
        self.broken, self.near = check_caps(self.estimates, self.state.settings)
        return True

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail where a cap is broken."""
        if self.broken:
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """The plan; it is what was asked for, so `-q` shows it too."""
        if terminalreporter.config.option.collectonly:
            return
        terminalreporter.section("ftgate plan", sep="=")
        if not self.estimates:
            terminalreporter.write_line("no evalset (*.evalset.yaml) was selected")
            return
        width = min(80, max(40, terminalreporter._tw.fullwidth))
        for line in render_plan(self.estimates, broken=self.broken, near=self.near, width=width):
            terminalreporter.write_line(line)
        if self.state.settings.reports:
            terminalreporter.write_line("--ftgate-plan writes no report; leave it out to run and report")

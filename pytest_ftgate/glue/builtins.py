"""The built-in parts, registered through the same hooks as anybody's."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_ftgate.decision import builtin as decision
from pytest_ftgate.execution import builtin as execution
from pytest_ftgate.grading import builtin as grading
from pytest_ftgate.model.protocols import Arm, Gate, Grader, Provider, Reporter
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.planning import builtin as planning
from pytest_ftgate.registry import Registry
from pytest_ftgate.reports import builtin as reports


class BuiltinParts:
    """A plugin; its hooks run last, so a clash of names is reported for the built-in one."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @pytest.hookimpl(trylast=True)
    def pytest_ftgate_register_graders(self, registry: Registry[Grader]) -> None:
        """Built-in graders."""
        grading.register(registry, code_unsafe=self.settings.code_unsafe)

    @pytest.hookimpl(trylast=True)
    def pytest_ftgate_register_arms(self, registry: Registry[Arm]) -> None:
        """Built-in arms."""
        planning.register(registry)

    @pytest.hookimpl(trylast=True)
    def pytest_ftgate_register_gates(self, registry: Registry[Gate]) -> None:
        """Built-in gates."""
        decision.register(registry)

    @pytest.hookimpl(trylast=True)
    def pytest_ftgate_register_providers(
        self, registry: Registry[Provider], functions: Registry[Any]
    ) -> None:
        """Built-in providers."""
        execution.register(registry, functions=functions.get, api_hosts=self.settings.api_hosts)

    @pytest.hookimpl(trylast=True)
    def pytest_ftgate_register_reporters(self, registry: Registry[Reporter]) -> None:
        """Built-in reporters."""
        reports.register(registry)

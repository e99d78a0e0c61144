"""Registration of the built-in gates."""

from __future__ import annotations

from pytest_ftgate.decision.role_rules import CollapseGate, NoRegressionGate, ParityGate
from pytest_ftgate.decision.rules import (
    COMPLETE,
    AccuracyGate,
    CompleteGate,
    CostGate,
    FormatFailuresGate,
    LatencyGate,
)
from pytest_ftgate.model.protocols import Gate
from pytest_ftgate.registry import Registry


def register(registry: Registry[Gate]) -> None:
    """Add the built-in gates. Raises SettingsError where a name is already taken."""
    registry.register(COMPLETE, CompleteGate())
    registry.register("accuracy", AccuracyGate())
    registry.register("format_failures", FormatFailuresGate())
    registry.register("latency", LatencyGate())
    registry.register("cost", CostGate())
    registry.register("no_regression", NoRegressionGate())
    registry.register("parity", ParityGate())
    registry.register("collapse", CollapseGate())

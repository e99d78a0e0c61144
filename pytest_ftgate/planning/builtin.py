"""The arms that come with the package."""

from __future__ import annotations

from pytest_ftgate.model.evalset import AS_IS
from pytest_ftgate.model.protocols import Arm
from pytest_ftgate.planning.borrowing_arms import ReaskArm, RepairArm
from pytest_ftgate.planning.context_arm import ContextArm
from pytest_ftgate.planning.few_shot import FewShotArm
from pytest_ftgate.planning.plain_arms import AsIsArm, PromptArm
from pytest_ftgate.planning.retrieval import RetrievalArm
from pytest_ftgate.planning.structured import StructuredArm
from pytest_ftgate.registry import Registry


def register(registry: Registry[Arm]) -> None:
    """Add every built-in arm under its kind."""
    registry.defer(AS_IS, AsIsArm)
    registry.defer("prompt", PromptArm)
    registry.defer("few_shot", FewShotArm)
    registry.defer("structured", StructuredArm)
    registry.defer("repair", RepairArm)
    registry.defer("reask", ReaskArm)
    registry.defer("context", ContextArm)
    registry.defer("retrieval", RetrievalArm)

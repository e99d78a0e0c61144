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
    registry.register(AS_IS, AsIsArm())
    registry.register("prompt", PromptArm())
    registry.register("few_shot", FewShotArm())
    registry.register("structured", StructuredArm())
    registry.register("repair", RepairArm())
    registry.register("reask", ReaskArm())
    registry.register("context", ContextArm())
    registry.register("retrieval", RetrievalArm())

"""The built-in providers, and which provider answers a model id."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pytest_ftgate.execution.endpoints import vendor_of
from pytest_ftgate.model.protocols import Provider
from pytest_ftgate.model.target import TARGET
from pytest_ftgate.registry import Registry

LITELLM = "litellm"
LOCAL = "local"


def register(
    registry: Registry[Provider], *, functions: Callable[[str], Any], api_hosts: Iterable[str] = ()
) -> None:
    """Register `litellm`, `local` and `target`.

    `functions` looks up a registered python function. `api_hosts`: further hosts that may be sent a key.
    """

    # Not at the top: whoever only collects asks nobody.
    def make_litellm() -> Provider:
        from pytest_ftgate.execution.litellm_provider import LitellmProvider

        return LitellmProvider(api_hosts)

    def make_local() -> Provider:
        from pytest_ftgate.execution.local_provider import LocalProvider

        return LocalProvider()

    def make_target() -> Provider:
        from pytest_ftgate.execution.target_provider import TargetProvider

        return TargetProvider(functions)

    registry.defer(LITELLM, make_litellm)
    registry.defer(LOCAL, make_local)
    registry.defer(TARGET, make_target)


def find_provider(registry: Registry[Provider], model: str) -> Provider:
    """The provider of a model id: the one registered under what stands before the slash, else litellm."""
    name = vendor_of(model)
    return registry.get(name if name in registry else LITELLM)

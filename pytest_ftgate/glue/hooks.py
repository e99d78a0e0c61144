"""Calls the hooks of other people's plugins, and turns what they raise into one clear sentence."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import pytest

from pytest_ftgate.errors import FtgateError
from pytest_ftgate.registry import Registries


class HookError(FtgateError):
    """A hook that a plugin or conftest.py implements has raised."""


def call_hook(config: pytest.Config, name: str, **arguments: Any) -> Any:
    """The result of the hook `name`; None where nobody implements it.

    Raises HookError, which names the hook and the place that raised.
    """
    caller = getattr(config.hook, name)
    # Most hooks have no listener, and some are called for every item.
    return _guard(name, caller, config=config, **arguments) if caller.get_hookimpls() else None


def _guard(name: str, caller: Callable[..., Any], **arguments: Any) -> Any:
    try:
        return caller(**arguments)
    except FtgateError:
        raise
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        raise HookError(
            f"the hook {name} of a plugin or conftest.py raised {type(error).__name__}: {error}{place}. "
            "Mend it there, or leave the plugin out with -p no:NAME."
        ) from error


REGISTER_HOOKS = ("graders", "arms", "gates", "providers", "reporters")


def register_all(config: pytest.Config, registries: Registries) -> None:
    """Let every plugin register its parts."""
    for kind in REGISTER_HOOKS:
        call_hook(config, f"pytest_ftgate_register_{kind}", **_registry_arguments(kind, registries))


def register_late(config: pytest.Config, plugin: object, registries: Registries) -> None:
    """Let one plugin register its parts: one that came when the others had done so."""
    manager = config.pluginmanager
    for kind in REGISTER_HOOKS:
        name = f"pytest_ftgate_register_{kind}"
        if hasattr(plugin, name):
            others = [other for other in manager.get_plugins() if other is not plugin]
            caller = manager.subset_hook_caller(name, others)
            try:
                _guard(name, caller, config=config, **_registry_arguments(kind, registries))
            except FtgateError as error:
                # pytest is collecting: this is how a collector says what is wrong in one block.
                raise pytest.Collector.CollectError(f"ftgate: {error}") from None


def _registry_arguments(kind: str, registries: Registries) -> dict[str, Any]:
    arguments: dict[str, Any] = {"registry": getattr(registries, kind)}
    is_calling = kind in ("graders", "providers")
    return {**arguments, "functions": registries.functions} if is_calling else arguments

"""Calls the hooks of other people's plugins, and turns what they raise into one clear sentence."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from pytest_ftgate.errors import FtgateError


class HookError(FtgateError):
    """A hook that a plugin or conftest.py implements has raised."""


def call_hook(config: pytest.Config, name: str, **arguments: Any) -> Any:
    """The result of the hook `name`. Raises HookError, which names the hook and the place that raised."""
    try:
        return getattr(config.hook, name)(config=config, **arguments)
    except FtgateError:
        raise
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        raise HookError(
            f"the hook {name} of a plugin or conftest.py raised {type(error).__name__}: {error}{place}. "
            "Mend it there, or leave the plugin out with -p no:NAME."
        ) from error

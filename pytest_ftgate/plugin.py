"""The pytest11 entry point. Without --ftgate it declares options and hooks, and does nothing else."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from pytest_ftgate.glue.options import add_options, is_enabled


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the hooks that plugins and conftest files may implement."""
    from pytest_ftgate import hookspec

    pluginmanager.add_hookspecs(hookspec)


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, object, object]:
    """Under xdist keep each evalset on one worker, unless the user chose a distribution."""
    if is_enabled(config):
        from pytest_ftgate.glue.xdist import choose_distribution

        choose_distribution(config)
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """With --ftgate, register what runs evalsets."""
    config.addinivalue_line("markers", "ftgate(arm, tags, split): a case of an evalset, run under an arm")
    if is_enabled(config):
        from pytest_ftgate.glue.setup import install

        install(config)

"""Puts the session together: settings, registries, and the plugins that act on them."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_ftgate import __version__
from pytest_ftgate.collector import spare_exit
from pytest_ftgate.errors import FtgateError
from pytest_ftgate.glue.arguments import rewrite_arguments
from pytest_ftgate.glue.builtins import BuiltinParts
from pytest_ftgate.glue.display import DisplayPlugin
from pytest_ftgate.glue.hooks import register_all
from pytest_ftgate.glue.options import read_settings
from pytest_ftgate.glue.run_plugin import RunPlugin
from pytest_ftgate.glue.session import FtgateSession, divide_limits
from pytest_ftgate.glue.xdist import XdistController, is_controller, runs_together, worker_id
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.registry import Registries


def install(config: pytest.Config) -> None:
    """Register the plugins of this process. Raises pytest.UsageError for unusable settings."""
    settings = read_settings(config)
    spare_exit()
    worker = worker_id(config)
    if worker is not None:
        workers = int(getattr(config, "workerinput", {}).get("ftgate_workers", 1))
        settings = divide_limits(settings, workers)
    config.args[:], narrowed = rewrite_arguments(config.args, config.invocation_params.dir)
    manager = config.pluginmanager
    manager.register(BuiltinParts(settings), "ftgate-builtins")
    registries = build_registries(config)
    check_reports(settings, registries)
    together = runs_together(config)
    is_distributed = worker is None and is_controller(config)
    state = FtgateSession(
        config, settings, registries, worker=worker, together=together, is_distributed=is_distributed
    )
    manager.register(DisplayPlugin(), "ftgate-display")
    manager.register(RunPlugin(state, narrowed), "ftgate-run")
    if settings.changed_since is not None:
        from pytest_ftgate.glue.changed_plugin import ChangedPlugin

        manager.register(ChangedPlugin(state, settings.changed_since), "ftgate-changed")
    if worker is not None:
        return
    manager.register(HeaderPlugin(settings, together=together), "ftgate-header")
    if settings.plan:
        from pytest_ftgate.glue.plan_plugin import PlanPlugin

        manager.register(PlanPlugin(state, together=together), "ftgate-plan")
    elif not config.option.collectonly:
        install_gates(state, XdistController(config, state) if is_distributed else None)


def install_gates(state: FtgateSession, xdist: XdistController | None) -> None:
    """Register what books records and decides: imported only where something runs."""
    from pytest_ftgate.glue.gate_plugin import GatePlugin
    from pytest_ftgate.glue.progress_plugin import ProgressPlugin

    manager = state.config.pluginmanager
    if xdist is not None:
        manager.register(xdist, "ftgate-xdist")
    gates = GatePlugin(state, xdist)
    manager.register(gates, "ftgate-gates")
    manager.register(ProgressPlugin(state.config, gates), "ftgate-progress")


def build_registries(config: pytest.Config) -> Registries:
    """All parts, built-in and third-party."""
    parts = Registries()
    try:
        register_all(config, parts)
    except FtgateError as error:
        raise pytest.UsageError(f"ftgate: {error}") from None
    return parts


def check_reports(settings: Settings, registries: Registries) -> None:
    """Refuse an unknown report kind before anything is paid."""
    for kind, _ in settings.reports:
        if kind not in registries.reporters:
            known = ", ".join(registries.reporters.names())
            raise pytest.UsageError(f"--ftgate-report: {kind!r} is no kind of report. Known: {known}")


def list_limits(settings: Settings) -> list[str]:
    """The limits in force, as the header names them."""
    named = (
        ("at most ${:g}", settings.max_cost_usd),
        ("at most {:,} tokens", settings.max_total_tokens),
        ("{:,} requests a minute", settings.rpm),
        ("{:,} tokens a minute", settings.tpm),
    )
    limits = [text.format(limit) for text, limit in named if limit is not None]
    return [f"concurrency {settings.concurrency}", *limits]


class HeaderPlugin:
    """One line in pytest's header."""

    def __init__(self, settings: Settings, *, together: bool) -> None:
        self.settings, self.together = settings, together

    def pytest_report_header(self) -> list[str]:
        """What kind of run this is."""
        source = "recorded answers, no model is called" if self.settings.replay else "live"
        parts: list[Any] = [f"ftgate {__version__}: {source}"]
        if not self.settings.replay:
            parts += list_limits(self.settings)
        if not self.together:
            parts.append("evalsets are spread over workers: the ladder runs every arm and repeat")
        if self.settings.shard is not None:
            parts.append(f"shard {self.settings.shard}: every arm and repeat is run, merge decides")
        if self.settings.code_unsafe:
            parts.append("candidate code runs unconfined where no sandbox works")
        return [", ".join(parts)]

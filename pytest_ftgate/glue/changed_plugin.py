"""`--ftgate-changed-since REF`: leaves out evalsets that are as they were in that git revision."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_ftgate.changes import find_shared_change, list_changes
from pytest_ftgate.checkout import Checkout, open_checkout
from pytest_ftgate.errors import FtgateError
from pytest_ftgate.glue.collect import EvalsetItem
from pytest_ftgate.glue.session import FtgateSession
from pytest_ftgate.reports.hostile_text import show_text

FILES_SHOWN = 3


class ChangedPlugin:
    """Registered in every process; what it leaves out depends on the checkout alone, so all agree.

    Raises pytest.UsageError where git cannot tell what changed.
    """

    def __init__(self, state: FtgateSession, ref: str) -> None:
        self.state = state
        try:
            self.checkout: Checkout = open_checkout(Path(state.settings.rootdir), ref)
        except FtgateError as error:
            raise pytest.UsageError(f"--ftgate-changed-since {ref}: {error}") from None

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Deselect the items of evalsets of which nothing changed; other tests are left alone."""
        if not self.state.plans:
            return
        try:
            shared = find_shared_change(
                self.checkout, self.state.settings, list_modules(self.state), config.inipath
            )
            self.state.unchanged = {} if shared else dict.fromkeys(self._list_unchanged(), 0)
        except FtgateError as error:
            raise pytest.UsageError(f"--ftgate-changed-since {self.checkout.ref}: {error}") from None
        if shared:
            self.state.changed.append(f"every evalset runs: {show_text(shared)} since {self.checkout.ref}")
        kept: list[pytest.Item] = []
        left_out: list[pytest.Item] = []
        for item in items:
            path = item.file.plan.evalset.path if isinstance(item, EvalsetItem) else None
            if path in self.state.unchanged:
                self.state.unchanged[path] += 1
                left_out.append(item)
            else:
                kept.append(item)
        if left_out:
            items[:] = kept
            config.hook.pytest_deselected(items=left_out)

    def _list_unchanged(self) -> Iterator[str]:
        """Of all evalsets, those too of which a shard has no case; says why the others run."""
        for evalset in (plan.evalset for plan in self.state.plans.values()):
            changed = list_changes(evalset, self.checkout, self.state.settings)
            if changed:
                more = f" and {len(changed) - FILES_SHOWN} more" if len(changed) > FILES_SHOWN else ""
                names = ", ".join(changed[:FILES_SHOWN])
                self.state.changed.append(
                    show_text(f"{evalset.path} changed since {self.checkout.ref} ({names}{more})")
                )
            else:
                yield evalset.path

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Nothing changed, and nothing else was to run: that is no failure."""
        if self.state.unchanged and session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Which evalsets ran for what, and which were left out."""
        if terminalreporter.config.get_verbosity() >= 0:
            for line in self.state.changed:
                terminalreporter.write_line(f"ftgate: {line}")
        if self.state.unchanged:
            count = sum(self.state.unchanged.values())
            names = show_text(", ".join(sorted(self.state.unchanged)))
            terminalreporter.write_line(
                f"ftgate: unchanged since {show_text(self.checkout.ref)}, not run: {names} "
                f"({count:,} item{'s' if count != 1 else ''} deselected)"
            )


def list_modules(state: FtgateSession) -> Iterator[Path]:
    """The files of plugins, conftest files included, and of what they registered."""
    registries = state.registries
    parts = (
        registry.get(name)
        for registry in (
            registries.graders, registries.arms, registries.gates, registries.providers,
            registries.reporters, registries.functions,
        )
        for name in registry.names()
    )  # fmt: skip
    for each in (*state.config.pluginmanager.get_plugins(), *parts):
        module = each if isinstance(each, ModuleType) else _find_module(each)
        file = getattr(module, "__file__", None)
        if file:
            yield Path(file)


def _find_module(part: object) -> ModuleType | None:
    name = getattr(part, "__module__", None) or type(part).__module__
    return sys.modules.get(str(name))

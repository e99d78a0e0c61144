"""Says how far the run is: a live line on a terminal, plain lines elsewhere, nothing with `-q`."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Generator
from typing import Any

import pytest

from pytest_ftgate.glue.gate_plugin import GatePlugin, node_id
from pytest_ftgate.glue.payload import Payload
from pytest_ftgate.glue.progress import Progress
from pytest_ftgate.glue.status_line import StatusLine


class ProgressPlugin:
    """Registered where items are booked. Every line is made of booked items, so `-n` needs nothing else."""

    def __init__(self, config: pytest.Config, gates: GatePlugin) -> None:
        self.config, self.gates = config, gates
        self._progress: Progress | None = None
        self._status: StatusLine | None = None
        self._started = 0.0
        self._lock = threading.Lock()
        self._terminal: Any = None
        gates.on_booked = self.book

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Show the line as long as items come in; the gates come after it."""
        self._started = time.monotonic()
        if self.config.get_verbosity() >= 0 and not self.config.option.collectonly:
            self._terminal = self.config.pluginmanager.get_plugin("terminalreporter")
        if self._terminal is not None and self.gates.state.selected:
            self._progress = self._begin()
        try:
            return (yield)
        finally:
            self.hide()
            self._terminal = None

    def book(self, payload: Payload) -> None:
        """Count an item."""
        if self._terminal is None:
            return
        with self._lock:
            if self._progress is None:
                self._progress = self._begin()
            self._progress.book(payload, time.monotonic())

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self) -> None:
        """Write a plain line where one is due: here pytest has written the item's letter."""
        if self._terminal is None or self._progress is None or self._status is not None:
            return
        now = time.monotonic()
        if self._progress.is_line_due(now):
            self._terminal.ensure_newline()
            # Letters of xdist's workers belong to no file, so pytest does not end their line.
            if self._terminal._tw.width_of_current_line:
                self._terminal.line("")
            self._terminal.write_line(self._progress.describe(now))

    def pytest_enter_pdb(self) -> None:
        """The terminal is the debugger's now."""
        self.hide()

    def hide(self) -> None:
        """End the live line."""
        status, self._status = self._status, None
        if status is not None:
            status.stop()

    def _begin(self) -> Progress:
        """Count what was selected; xdist's controller knows it when the first item comes back."""
        state, xdist = self.gates.state, self.gates.xdist
        selected = state.selected
        if xdist is not None:
            wanted = set(xdist.ids)
            selected = {
                path: [item for item in plan.items if node_id(plan, item) in wanted]
                for path, plan in state.plans.items()
            }
        if is_live(self.config, self._terminal):
            self._status = StatusLine(self._terminal, self._describe)
            self._status.start()
        return Progress(selected, state.plans.values(), self._started)

    def _describe(self, width: int) -> str:
        with self._lock:
            return "" if self._progress is None else self._progress.describe(time.monotonic(), width)


def is_live(config: pytest.Config, terminal: Any) -> bool:
    """Whether a line may come and go: a terminal that somebody looks at, and that is pytest's alone."""
    option = config.option
    is_shared = option.capture == "no" or option.usepdb or option.trace
    is_seen = not os.environ.get("CI") and os.environ.get("TERM", "dumb") != "dumb" and os.name != "nt"
    if is_shared or not is_seen:
        return False
    try:
        return bool(terminal.isatty()) and terminal._tw._file.fileno() >= 0
    except (AttributeError, OSError, ValueError):
        return False

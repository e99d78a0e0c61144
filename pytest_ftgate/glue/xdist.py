"""Living with pytest-xdist: who runs what, and the workers' share of the limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pytest_ftgate.glue.collect import SUFFIXES
from pytest_ftgate.glue.options import is_planning
from pytest_ftgate.glue.session import FtgateSession

TOGETHER = ("loadfile",)
"""Distributions that keep an evalset (a file) on one worker."""

SPREADS = pytest.StashKey[bool]()
"""With --ftgate-plan: whether the run itself would spread an evalset over workers."""


def choose_distribution(config: pytest.Config) -> None:
    """`-n N` alone means `--dist loadfile`: the ladder needs one process that sees a whole evalset.

    A plan is made by one process, which remembers whether the run would spread evalsets.
    """
    option = config.option
    if is_planning(config) and hasattr(option, "numprocesses"):
        config.stash[SPREADS] = option.distload or option.dist not in ("no", *TOGETHER)
        option.numprocesses, option.distload, option.dist, option.tx = None, False, "no", []
    if getattr(option, "numprocesses", None) and option.dist == "no" and not option.distload:
        option.dist = "loadfile"


def worker_id(config: pytest.Config) -> str | None:
    """The id of this xdist worker; None in the controller and without xdist."""
    workerinput = getattr(config, "workerinput", None)
    return None if workerinput is None else str(workerinput["workerid"])


def is_controller(config: pytest.Config) -> bool:
    """Whether this process hands its items out to xdist workers.

    Told by the options: xdist registers its session only after every other plugin is configured.
    """
    option = config.option
    return (
        worker_id(config) is None
        and config.pluginmanager.has_plugin("xdist")
        and not option.collectonly
        and option.dist != "no"
        and bool(option.tx)
    )


def runs_together(config: pytest.Config) -> bool:
    """Whether every selected item of an evalset is run by one process."""
    if config.stash.get(SPREADS, False):
        return False
    workerinput = getattr(config, "workerinput", None)
    if workerinput is not None:
        return bool(workerinput.get("ftgate_together"))
    return not is_controller(config) or config.getoption("dist") in TOGETHER


class XdistController:
    """Hooks that only xdist's controller calls."""

    def __init__(self, config: pytest.Config, state: FtgateSession) -> None:
        self.config, self.state = config, state
        self.ids: dict[str, None] = {}
        self.crashed: dict[str, str] = {}
        self.on_collected: Callable[[], None] = lambda: None
        if config.getoption("dist") == "each":
            raise pytest.UsageError(
                "--dist each would ask every model once a worker; use --dist loadfile with --ftgate"
            )

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker how evalsets are spread, and how many share the limits."""
        node.workerinput["ftgate_together"] = runs_together(self.config)
        node.workerinput["ftgate_workers"] = len(node.nodemanager.specs)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: list[str]) -> None:  # noqa: ARG002
        """The controller collects nothing: what is planned is what the workers collected."""
        is_first = not self.ids
        self.ids.update(dict.fromkeys(i for i in ids if i.split("::", 1)[0].endswith(SUFFIXES)))
        if is_first and self.ids:
            self.on_collected()

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str) -> None:
        """Its evalset is incomplete, even where another worker runs the item again."""
        self.crashed[crashitem.split("::", 1)[0]] = f"a worker crashed while running {crashitem}"

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:  # noqa: ARG002
        """Take over what a worker has to tell."""
        told = getattr(node, "workeroutput", None) or {}
        self.state.notices += [
            text for text in told.get("ftgate_notices", ()) if text not in self.state.notices
        ]
        self.state.unchanged.update(told.get("ftgate_unchanged", {}))
        self.state.changed += [t for t in told.get("ftgate_changed", ()) if t not in self.state.changed]
        self.state.told_transports += told.get("ftgate_transports", ())
        for text in told.get("ftgate_problems", ()):
            self.state.add_problem(text)

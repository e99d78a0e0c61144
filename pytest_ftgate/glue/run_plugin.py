"""The plugin that runs evalsets: collection, order, items and their test reports."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pytest_ftgate.glue.arguments import Narrowed
from pytest_ftgate.glue.collect import SUFFIXES, EvalsetFile, EvalsetItem
from pytest_ftgate.glue.hooks import register_late
from pytest_ftgate.glue.payload import Payload, attach
from pytest_ftgate.glue.session import FtgateSession
from pytest_ftgate.looks import sort_items
from pytest_ftgate.model.trial import Plan, PlannedItem

GARBAGE_AFTER = 10_000
"""New objects before Python looks for reference cycles among them, while items run. Nearly all objects of a
run stay, or go without that; after every 700, as Python has it, the looking takes a twentieth of all CPU."""

_NOTHING: list[Any] = []


class RunPlugin:
    """Registered with --ftgate in every process that runs items."""

    def __init__(self, state: FtgateSession, narrowed: Narrowed) -> None:
        self.state, self.narrowed = state, narrowed
        # pytest tells a new plugin of all that came before it, too.
        self.known = {id(plugin) for plugin in state.config.pluginmanager.get_plugins()}

    def pytest_plugin_registered(self, plugin: object) -> None:
        """Take in the parts of a conftest.py that pytest finds only while it collects."""
        if id(plugin) not in self.known:
            register_late(self.state.config, plugin, self.state.registries)

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> EvalsetFile | None:
        """Make a collector of each evalset file."""
        if file_path.name.endswith(SUFFIXES):
            return EvalsetFile.build(parent, file_path, self.state)
        return None

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Refuse what would hide failure rates; let --lf see a failed gate as its whole evalset."""
        ours = [item for item in items if isinstance(item, EvalsetItem)]
        if ours and config.getoption("reruns", None):
            raise pytest.UsageError(
                "--reruns would hide the failure rates of evalsets; run them without it "
                "(an evalset repeats each case by itself: --ftgate-repeats)"
            )
        select_failed_gates(config, ours)
        deselect_unnamed(config, items, self.narrowed)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what was selected, in the order in which it will run.

        First of all plugins: --collect-only shows that order, and an xdist worker tells it.
        """
        session.items[:] = in_ladder_order(session.items, self.state)
        self.state.select(item for item in session.items if isinstance(item, EvalsetItem))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Look for reference cycles less often; not at all where somebody has turned that off."""
        first, *others = before = gc.get_threshold()
        gc.set_threshold(first and max(first, GARBAGE_AFTER), *others)
        try:
            return (yield)
        finally:
            gc.set_threshold(*before)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """Ask for this item and the next one before this one is waited for, where others run the rest."""
        if not self.state.together:  # else the engine is asked for whole arms
            for each in (item, nextitem):
                if isinstance(each, EvalsetItem):
                    self.state.prefetch(each)
        result = yield
        if isinstance(item, EvalsetItem):
            _slim_reports(item)
            _forget_notes(item)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put the item's records on its call report, and give it its outcome."""
        report = yield
        if not isinstance(item, EvalsetItem):
            return report
        if call.when == "call" and item.result is not None:
            _finish_report(item, report, as_text=self.state.worker is not None)
        item.told += (report,)
        return report

    def pytest_sessionfinish(self) -> None:
        """Stop asking; a worker leaves its messages for the controller."""
        if self.state.is_distributed:
            return
        transports = self.state.transports
        self.state.close()
        told = getattr(self.state.config, "workeroutput", None)
        if told is not None:
            told["ftgate_transports"] = transports
            told["ftgate_notices"], told["ftgate_problems"] = self.state.notices, self.state.problems
            told["ftgate_unchanged"], told["ftgate_changed"] = self.state.unchanged, self.state.changed

    def pytest_unconfigure(self) -> None:
        """Stop asking, where the session never started."""
        self.state.close()


def _slim_reports(item: EvalsetItem) -> None:
    """Let the reports of an item have in common what is equal: the terminal keeps them to the end of the
    session. Every plugin has had its say on them."""
    for report in item.told:
        if report.keywords == item.told[0].keywords:
            report.keywords = item.told[0].keywords
        report.sections = report.sections or _NOTHING
        report.user_properties = report.user_properties or _NOTHING
    item.told = ()


def _forget_notes(item: EvalsetItem) -> None:
    """Take away what pytest notes on every item for the time that it runs, and keeps to the end of the
    session: 350 bytes of each."""
    for key in _passing_notes():
        with suppress(KeyError):
            del item.stash[key]
    if not item.stash:
        pytest.Stash.__init__(item.stash)  # its table goes as well


@cache
def _passing_notes() -> tuple[pytest.StashKey[Any], ...]:
    with suppress(ImportError):
        from _pytest.skipping import xfailed_key
        from _pytest.tmpdir import tmppath_result_key

        return xfailed_key, tmppath_result_key
    return ()


def _finish_report(item: EvalsetItem, report: pytest.TestReport, *, as_text: bool) -> None:
    assert item.result is not None  # noqa: S101 - the caller has looked
    if report.outcome == "passed" and item.status in ("missed", "unanswered"):
        # To pytest an expected failure: one missed case fails no build, the gates do.
        report.outcome = "skipped"
        report.wasxfail = item.reason
    attach(
        report,
        Payload(
            evalset=item.planned.evalset,
            arm=item.planned.arm,
            role=item.planned.role,
            case=item.planned.case,
            status=item.status,
            reason=item.reason,
            records=(*item.result.records, *item.result.further),
            lines=item.lines,
            dropped=item.result.dropped,
            not_needed=item.result.not_needed,
            unsupported=item.result.unsupported,
            looks=item.result.looks,
            stopped_at=item.result.stopped_at,
            left_out=item.result.left_out,
            probe=item.result.probe,
        ),
        as_text=as_text,
    )
    # pytest keeps every item to the end of the session; its answers have no more use here.
    item.result, item.lines = None, ()


def in_ladder_order(items: list[pytest.Item], state: FtgateSession) -> list[pytest.Item]:
    """Items of one evalset together and in the order in which its run wants them; all else where it was.

    Another plugin may have shuffled them, but the ladder climbs one rung after the other.
    """
    position: dict[int, int] = {}
    chosen: dict[str, tuple[Plan, list[PlannedItem]]] = {}
    for item in items:
        if isinstance(item, EvalsetItem):
            plan = item.file.plan
            chosen.setdefault(plan.evalset.path, (plan, []))[1].append(item.planned)
    for plan, planned in chosen.values():
        ordered = sort_items(plan, planned, state.settings, together=state.together)
        position.update((id(each), index) for index, each in enumerate(ordered))
    turn: dict[str, int] = {}
    keys: dict[pytest.Item, tuple[int, int]] = {}
    for index, item in enumerate(items):
        if isinstance(item, EvalsetItem):
            keys[item] = turn.setdefault(item.file.plan.evalset.path, index), position[id(item.planned)]
        else:
            keys[item] = index, 0
    return sorted(items, key=keys.__getitem__)


def deselect_unnamed(config: pytest.Config, items: list[pytest.Item], narrowed: Narrowed) -> None:
    """Leave out what was collected only because pytest cannot follow node ids of a draw's cases."""
    if not narrowed:
        return
    folder = config.invocation_params.dir
    wanted: dict[tuple[Path, str], set[str]] = {}
    for argument, chosen in narrowed.items():
        path, arm = argument.split("::")
        wanted.setdefault(((folder / path).resolve(), arm), set()).update(chosen)
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    found = set()
    for item in items:
        draw = (item.path.resolve(), item.planned.arm) if isinstance(item, EvalsetItem) else None
        is_wanted = draw not in wanted or item.name in wanted[draw]
        found.add((draw, item.name))
        (kept if is_wanted else left_out).append(item)
    for draw, names in wanted.items():
        missing = sorted(name for name in names if (draw, name) not in found)
        if missing:
            raise pytest.UsageError(f"not found: {draw[0].name}::{draw[1]}::{missing[0]}")
    items[:] = kept
    config.hook.pytest_deselected(items=left_out)


def select_failed_gates(config: pytest.Config, items: list[EvalsetItem]) -> None:
    """With --lf a failed gate stands for every item of its evalset."""
    plugin = config.pluginmanager.get_plugin("lfplugin")
    last_failed: dict[object, bool] = getattr(plugin, "lastfailed", None) or {}
    if not getattr(plugin, "active", False):
        return
    failed = [str(node) for node in last_failed]
    failed_files = {node.split("::", 1)[0] for node in failed if "::gate::" in node}
    for item in items:
        if item.nodeid.split("::", 1)[0] in failed_files:
            # Since pytest 9.2 the keys are node id objects, before they were strings.
            last_failed[getattr(item, "id", item.nodeid)] = True

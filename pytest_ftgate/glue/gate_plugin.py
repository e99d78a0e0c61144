"""The plugin of the controller (or the only process): books records, decides, and shows the gates."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_ftgate.glue.display import GateLine, gate_reports
from pytest_ftgate.glue.ledger import Ledger
from pytest_ftgate.glue.output import RunOutput
from pytest_ftgate.glue.payload import detach
from pytest_ftgate.glue.session import FtgateSession
from pytest_ftgate.glue.xdist import XdistController
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.summary import Summary
from pytest_ftgate.model.trial import Plan, PlannedItem
from pytest_ftgate.model.verdict import GateResult, Judgement
from pytest_ftgate.pipeline import judge


class GatePlugin:
    """Registered with --ftgate, never in an xdist worker."""

    def __init__(self, state: FtgateSession, xdist: XdistController | None) -> None:
        self.state, self.xdist = state, xdist
        self.ledger = Ledger()
        self.output = RunOutput(state)
        self.entries: list[tuple[Plan, Summary, Judgement]] = []
        self.is_decided = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Book the records of an item as soon as they arrive."""
        payload = detach(report) if report.when == "call" else None
        if payload is not None and self.ledger.book(payload):
            self.output.log(payload.records)
            for record in payload.records:
                self.state.config.hook.pytest_ftgate_record_finished(config=self.state.config, record=record)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """After the last item: summaries, verdicts, gates and reports."""
        # The gates to come are counted now: progress would pass 100 % otherwise.
        session.testscollected += sum(len(self.state.plans[p].evalset.gates) for p in self.state.selected)
        try:
            result = yield
        except BaseException as error:
            self.finish(session, stop=_why(error))
            raise
        self.finish(session, stop=str(session.shouldstop or session.shouldfail or "") or None)
        return result

    def finish(self, session: pytest.Session, stop: str | None) -> None:
        """Decide once; nothing to do where only collection was asked for or no evalset was collected."""
        if self.is_decided or session.config.option.collectonly:
            return
        self.is_decided = True
        for path, items in self.selected().items():
            plan = self.state.plans[path]
            self.entries.append(self.decide(plan, items, stop))
        if not self.entries:
            return
        for plan, _, judgement in self.entries:
            show_gates(session, plan, judgement.gates)
        self.output.write(self.entries, {p.evalset.name: self.records(p) for p, _, _ in self.entries})

    def selected(self) -> dict[str, list[PlannedItem]]:
        """Selected items by evalset path; under xdist, from what the workers collected."""
        if self.xdist is None:
            return self.state.selected
        selected: dict[str, list[PlannedItem]] = {}
        wanted = set(self.xdist.ids)
        for path in dict.fromkeys(node.split("::", 1)[0] for node in self.xdist.ids):
            plan = self.state.load(Path(self.state.settings.rootdir) / path)
            selected[plan.evalset.path] = [i for i in plan.items if node_id(plan, i) in wanted]
        return selected

    def records(self, plan: Plan) -> list[Record]:
        """The records of an evalset, in order of arrival."""
        return self.ledger.records(plan.evalset.name)

    def decide(
        self, plan: Plan, items: Sequence[PlannedItem], stop: str | None
    ) -> tuple[Plan, Summary, Judgement]:
        """Summary, verdict and gates of one evalset; tells the observers."""
        config, hook = self.state.config, self.state.config.hook
        summary, judgement = judge(
            plan,
            self.records(plan),
            self.ledger.facts(plan, items, stop),
            settings=self.state.settings,
            registries=self.state.registries,
            override=lambda s: hook.pytest_ftgate_decide(config=config, summary=s, baseline=None),
        )
        judgement = fail_closed(judgement)
        hook.pytest_ftgate_verdict_reached(config=config, verdict=judgement.verdict, summary=summary)
        return plan, summary, judgement

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """One section per evalset, after pytest's own."""
        self.output.show(terminalreporter, has_evalsets=bool(self.entries))


def fail_closed(judgement: Judgement) -> Judgement:
    """`incomplete` always fails the build, whoever decided and whatever the gates say."""
    if judgement.verdict.decision != "incomplete":
        return judgement
    if any(gate.outcome == "failed" for gate in judgement.gates):
        return judgement
    gate = GateResult(name="complete", arm="*", role="*", outcome="failed", reason=judgement.verdict.reason)
    rest = tuple(g for g in judgement.gates if g.name != "complete")
    return replace(judgement, gates=(gate, *rest))


def show_gates(session: pytest.Session, plan: Plan, gates: Sequence[GateResult]) -> None:
    """Send one synthetic test report per gate through pytest's own hook."""
    for line in (GateLine(plan, gate) for gate in gates):
        session.ihook.pytest_runtest_logstart(nodeid=line.nodeid, location=line.location)
        for report in gate_reports(line):
            session.ihook.pytest_runtest_logreport(report=report)
        session.ihook.pytest_runtest_logfinish(nodeid=line.nodeid, location=line.location)


def node_id(plan: Plan, item: PlannedItem) -> str:
    """The node id that `collect` gives an item."""
    name = f"{item.case}[{item.role}]" if len(plan.roles) > 1 else item.case
    return f"{plan.evalset.path}::{item.arm}::{name}"


def _why(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__

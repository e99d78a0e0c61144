"""The plugin of the controller (or the only process): books records, decides, and shows the gates."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_ftgate.capability import settle_suites
from pytest_ftgate.collector import paused_collector
from pytest_ftgate.errors import FtgateError, StorageError
from pytest_ftgate.failing import list_failures, list_problems
from pytest_ftgate.glue.baselines import BaselineKeeper
from pytest_ftgate.glue.display import GateLine, gate_reports, problem_reports
from pytest_ftgate.glue.history import HistoryKeeper
from pytest_ftgate.glue.hooks import call_hook
from pytest_ftgate.glue.ledger import Ledger
from pytest_ftgate.glue.output import RunOutput
from pytest_ftgate.glue.payload import Payload, detach
from pytest_ftgate.glue.preflight import check_run, show_findings
from pytest_ftgate.glue.session import FtgateSession
from pytest_ftgate.glue.xdist import XdistController
from pytest_ftgate.model.build_failure import BuildFailure
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.summary import Summary
from pytest_ftgate.model.trial import Plan, PlannedItem
from pytest_ftgate.model.verdict import GateResult, Judgement
from pytest_ftgate.pipeline import judge
from pytest_ftgate.storage.spill import TextSpill


class GatePlugin:
    """Registered with --ftgate, never in an xdist worker."""

    def __init__(self, state: FtgateSession, xdist: XdistController | None) -> None:
        self.state, self.xdist = state, xdist
        self.output = RunOutput(state)
        self.history = HistoryKeeper(state)
        self.baselines = BaselineKeeper(state)
        self.on_booked: Callable[[Payload], None] = lambda _payload: None
        self.spill = TextSpill(lambda: self.output.folder.path)
        self.ledger = Ledger(self.slim)
        if xdist is not None:
            # The scheduler hands out items only after every worker has collected.
            xdist.on_collected = self.check_distributed
        self.entries: list[tuple[Plan, Summary, Judgement]] = []
        self.is_decided = False
        self.shown = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Book the records of an item as soon as they arrive."""
        payload = detach(report) if report.when == "call" else None
        if payload is not None and self.ledger.book(payload):
            self.output.log(payload.records, payload.lines)
            self.on_booked(payload)
            for record in payload.records:
                self.tell("pytest_ftgate_record_finished", record=record)

    def slim(self, record: Record) -> Record:
        """The record with long texts on disk; as it is where they cannot be written."""
        try:
            return self.spill.slim(record)
        except StorageError as error:
            self.state.add_problem(str(error))
            return record

    def tell(self, hook: str, **what: object) -> None:
        """Call an observer; one that raises costs no record and no verdict, but fails the build."""
        try:
            call_hook(self.state.config, hook, **what)
        except FtgateError as error:
            self.state.add_problem(str(error))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """After the last item: summaries, verdicts, gates and reports."""
        # The gates to come are counted now: progress would pass 100 % otherwise.
        session.testscollected += sum(len(self.state.plans[p].evalset.gates) for p in self.state.selected)
        if self.state.selected and will_run(session):
            check_run(self.state, self.output)
            self.baselines.load()
            show_findings(self.state, self.state.selected)
        try:
            result = yield
        except pytest.UsageError:
            raise
        except BaseException as error:
            # Where collection failed nothing was asked, and there is nothing to decide.
            if self.ledger.evalsets() or not session.testsfailed:
                self.finish(session, stop=_why(error))
            raise
        self.finish(session, stop=str(session.shouldstop or session.shouldfail or "") or None)
        return result

    @paused_collector()
    def finish(self, session: pytest.Session, stop: str | None) -> None:
        """Decide once; nothing to do where only collection was asked for or no evalset was collected."""
        if self.is_decided or session.config.option.collectonly:
            return
        self.is_decided = True
        for path, items in self.selected().items():
            plan = self.state.plans[path]
            crash = self.xdist.crashed.get(path) if self.xdist else None
            self.entries.append(self.decide(plan, items, stop or crash))
        if self.entries:
            self.entries, card = settle_suites(self.entries)
            for plan, _, judgement in self.entries:
                show_gates(session, plan, judgement.gates)
            records = {p.evalset.name: self.records(p) for p, _, _ in self.entries}
            self.baselines.keep(self.output.folder.path, self.entries, records)
            header = self.output.write(self.entries, records, card, self.failures())
            self.history.enter(header, self.entries, records)
        for name in sorted(self.ledger.evalsets() - {plan.evalset.name for plan, _, _ in self.entries}):
            self.state.add_problem(f"items of evalset {name} came back, but it was not decided: never green")
        for problem in self.state.problems:
            show_reports(session, problem_reports(problem))
        self.shown = len(self.state.problems)

    def failures(self) -> list[BuildFailure]:
        """All that fails the build, as far as it is known."""
        found = list_problems(self.state.problems)
        for plan, _, judgement in self.entries:
            found += list_failures(plan, judgement.gates, self.ledger.failed(plan.evalset.name))
        return found

    def check_distributed(self) -> None:
        """What `check_run` looks at, once it is known which evalsets the workers have."""
        if not self.state.config.option.collectonly:
            selected = self.selected()
            check_run(self.state, self.output)
            self.baselines.load()
            show_findings(self.state, selected)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Bring the recordings of workers together, now that they have ended."""
        self.output.close()
        self.spill.close()
        if self.state.is_distributed:
            self.state.close()
        if self.state.problems[self.shown :]:
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED

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
        records = self.records(plan)
        summary, judgement = judge(
            plan,
            records,
            self.ledger.facts(plan, items, stop),
            settings=self.state.settings,
            registries=self.state.registries,
            override=self.override,
            findings=self.state.findings.get(plan.evalset.path),
            notes=self.history.note_prompts(plan, records),
            against=self.baselines.find(plan),
        )
        judgement = fail_closed(judgement)
        self.tell("pytest_ftgate_verdict_reached", verdict=judgement.verdict, summary=summary)
        return plan, summary, judgement

    def override(self, summary: Summary, baseline: Summary | None) -> Judgement | None:
        """A plugin's own decision, if one makes any."""
        try:
            chosen: Judgement | None = call_hook(
                self.state.config, "pytest_ftgate_decide", summary=summary, baseline=baseline
            )
        except FtgateError as error:
            self.state.add_problem(str(error))
            return None
        return chosen

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """One section per evalset, after pytest's own."""
        self.output.show(terminalreporter, has_evalsets=bool(self.entries))
        for problem in self.state.problems[self.shown :]:
            terminalreporter.write_line(f"ftgate: {problem}", red=True)


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
        show_reports(session, gate_reports(line))


def show_reports(session: pytest.Session, reports: Sequence[pytest.TestReport]) -> None:
    """Let pytest treat the reports of one test as if it had run it."""
    nodeid, location = reports[0].nodeid, reports[0].location
    session.ihook.pytest_runtest_logstart(nodeid=nodeid, location=location)
    for report in reports:
        session.ihook.pytest_runtest_logreport(report=report)
    session.ihook.pytest_runtest_logfinish(nodeid=nodeid, location=location)


def will_run(session: pytest.Session) -> bool:
    """Whether pytest is about to run items: not after errors of collection, not to list them only."""
    option = session.config.option
    return not option.collectonly and (not session.testsfailed or option.continue_on_collection_errors)


def node_id(plan: Plan, item: PlannedItem) -> str:
    """The node id that `collect` gives an item."""
    name = f"{item.case}[{item.role}]" if len(plan.roles) > 1 else item.case
    return f"{plan.evalset.path}::{item.arm}::{name}"


def _why(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__

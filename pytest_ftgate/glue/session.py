"""The state of one pytest session in one process: settings, plans, and the runner."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_ftgate.errors import EvalsetError, FtgateError
from pytest_ftgate.glue.hooks import call_hook
from pytest_ftgate.model.codec import decode_record, dump_json, encode_record
from pytest_ftgate.model.evalset import Location
from pytest_ftgate.model.finding import Finding
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.trial import Plan, PlannedItem, TrialKey
from pytest_ftgate.plan_loading import load_plan
from pytest_ftgate.registry import Registries
from pytest_ftgate.storage.redaction import Redactor

if TYPE_CHECKING:
    from pytest_ftgate.execution.recorded_provider import ResponseRecorder
    from pytest_ftgate.glue.collect import EvalsetItem
    from pytest_ftgate.runner import ItemResult, Runner


class FtgateSession:
    """Loads evalsets, and finishes items through a runner that is made when the first one runs.

    `worker`: the xdist worker's id, or None. `together`: this process runs whole evalsets.
    `is_distributed`: this process hands items out and runs none. `notices` and `problems` are for the
    user; a problem fails the build. `unchanged`: evalset path → items left out by --ftgate-changed-since;
    `changed`: why others run.
    """

    def __init__(
        self,
        config: pytest.Config,
        settings: Settings,
        registries: Registries,
        *,
        worker: str | None = None,
        together: bool = True,
        is_distributed: bool = False,
    ) -> None:
        self.config, self.settings, self.registries = config, settings, registries
        self.worker, self.together, self.is_distributed = worker, together, is_distributed
        self.notices: list[str] = []
        self.problems: list[str] = []
        self.told_transports: list[str] = []
        self.unchanged: dict[str, int] = {}
        self.changed: list[str] = []
        self.redactor = Redactor(os.environ)
        self.plans: dict[str, Plan] = {}
        self.selected: dict[str, list[PlannedItem]] = {}
        self.findings: dict[str, tuple[Finding, ...]] = {}
        self._runner: Runner | None = None
        self._recorder: ResponseRecorder | None = None

    def load(self, path: Path) -> Plan:
        """The plan of an evalset file; raises EvalsetError. A name may be used by one file only."""
        refuse_outside(path, Path(self.settings.rootdir))
        cache = Path(self.settings.directory) / "cache"
        # What has changed is told by what is sent.
        is_listing = self.config.option.collectonly and not self.settings.changed_since
        plan = load_plan(path, self.settings, self.registries, cache=cache, is_listing=is_listing)
        evalset = plan.evalset
        for other in self.plans.values():
            if other.evalset.name == evalset.name and other.evalset.path != evalset.path:
                where = Location(file=evalset.path, pointer="/name")
                what = f"the name {evalset.name!r} is also used by {other.evalset.path}; choose another"
                raise EvalsetError(evalset.path, [(where, what)])
        self.plans[evalset.path] = plan
        return plan

    def select(self, items: Iterable[EvalsetItem]) -> None:
        """Take note of the items that will run, in their order."""
        for item in items:
            self.selected.setdefault(item.file.plan.evalset.path, []).append(item.planned)
        for path, plan in self.plans.items():
            if plan.shard is not None and not plan.items and path not in self.unchanged:
                # Fewer cases than shards: the merge must still find the run of this one.
                self.selected.setdefault(path, [])

    def finish(self, item: EvalsetItem) -> tuple[ItemResult, tuple[str, ...]]:
        """Wait for the answers of an item and judge them; with the JSON texts of its records.

        No key is in the records.
        """
        result = self.runner.finish(item.planned)
        given = (*result.records, *result.further)
        # Reasons, test reports, JUnit and the terminal are made of records: here is the one place before all.
        encoded = [encode_record(record) for record in given]
        lines = [dump_json(each) for each in encoded]
        unclean = [place for place, line in enumerate(lines) if not self.redactor.is_clean(line)]
        if not unclean:
            return result, tuple(lines)
        records = [*given]
        for place in unclean:
            redacted = self.redactor.redact_json(encoded[place])
            records[place], lines[place] = decode_record(redacted), dump_json(redacted)
        own = len(result.records)
        return replace(result, records=tuple(records[:own]), further=tuple(records[own:])), tuple(lines)

    def prefetch(self, item: EvalsetItem) -> None:
        """Ask for an item that will run soon. What fails here fails again where it is waited for."""
        with suppress(FtgateError):
            self.runner.prefetch(item.planned)

    @property
    def runner(self) -> Runner:
        if self._runner is None:
            self._runner = self._make_runner()
        return self._runner

    @property
    def transports(self) -> list[str]:
        """How requests went, by vendor; workers have told the controller of theirs."""
        own = self._runner.engine.transports if self._runner is not None else ()
        return sorted({*self.told_transports, *own})

    def close(self) -> None:
        """Stop the engine and finish the recording; safe to call twice."""
        runner, self._runner = self._runner, None
        recorder, self._recorder = self._recorder, None
        try:
            if runner is not None:
                runner.close()
                self.notices += runner.engine.notices
            if recorder is not None:
                recorder.close(self.trial_order())
            elif self.is_distributed and self.settings.record:
                from pytest_ftgate.execution.recorded_provider import merge_parts

                merge_parts(Path(self.settings.record), self.trial_order())
        except FtgateError as error:
            self.add_problem(str(error))

    def add_problem(self, text: str) -> None:
        """Keep what went wrong beside the items; the same once."""
        text = self.redactor.redact(text)
        if text not in self.problems:
            self.problems.append(text)

    def trial_order(self) -> Iterator[TrialKey]:
        """All trials of all plans, in plan order, with the further ones that may be asked."""
        from pytest_ftgate.further_repeats import make_further

        return (
            trial.key
            for plan in self.plans.values()
            for item in plan.items
            for trial in (*item.trials, *make_further(item, plan))
        )

    def _make_runner(self) -> Runner:
        # Not at the top: whoever only collects has no use for what asks and judges.
        from pytest_ftgate.engine_setup import make_engine
        from pytest_ftgate.execution.recorded_provider import ResponseRecorder
        from pytest_ftgate.runner import Runner

        if self.settings.record:
            self._recorder = ResponseRecorder(
                Path(self.settings.record), part=self.worker, redact=self.redactor.redact
            )
        engine = make_engine(
            self.settings, self.registries, list(self.plans.values()), redact=self.redactor.redact
        )
        runner = Runner(
            self.settings,
            self.registries,
            engine,
            resign=self._resign,
            recorder=self._recorder,
            forgets=True,
        )
        for path, items in self.selected.items():
            runner.add(self.plans[path], items, together=self.together)
        engine.start()
        return runner

    def _resign(self, record: Record) -> str | None:
        signature: str | None = call_hook(self.config, "pytest_ftgate_failure_signature", record=record)
        return signature


def divide_limits(settings: Settings, workers: int) -> Settings:
    """A worker's share of the limits and caps: at least one request at once, a minute, and one token."""
    workers = max(1, workers)

    def share(limit: int | None) -> int | None:
        return None if limit is None else max(1, limit // workers)

    cost = settings.max_cost_usd
    return replace(
        settings,
        concurrency=max(1, settings.concurrency // workers),
        rpm=share(settings.rpm),
        tpm=share(settings.tpm),
        max_cost_usd=None if cost is None else cost / workers,
        max_total_tokens=share(settings.max_total_tokens),
        workers=workers,
    )


def refuse_outside(path: Path, rootdir: Path) -> None:
    """Raise EvalsetError for an evalset outside the rootdir: pytest gives its tests no usable node ids."""
    if path.is_relative_to(rootdir) or path.resolve().is_relative_to(rootdir.resolve()):
        return
    what = f"lies outside pytest's rootdir ({rootdir}); run with --rootdir DIR, a folder above the evalset"
    raise EvalsetError(str(path), [(Location(file=str(path)), what)])

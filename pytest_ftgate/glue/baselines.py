"""Baselines beside a session: read before anything is asked, written after everything was decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from pytest_ftgate.baseline_book import BaselineBook, list_required
from pytest_ftgate.baselines import describe_baseline
from pytest_ftgate.errors import FtgateError
from pytest_ftgate.glue.session import FtgateSession
from pytest_ftgate.model.baseline import NamedBaseline
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.summary import Summary
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.model.verdict import Judgement


class BaselineKeeper:
    """Finds the baseline of each evalset, and keeps what a run is as one. A shard has a part of the cases, so
    it is neither compared nor kept."""

    def __init__(self, state: FtgateSession) -> None:
        self.state = state
        settings = state.settings
        self.is_shard = settings.shard is not None
        self.book = BaselineBook(
            directory=Path(settings.directory),
            folder=state.config.invocation_params.dir,
            compare=None if self.is_shard else settings.compare,
            save=settings.save,
            is_required=settings.require_baseline,
        )

    def load(self) -> None:
        """Read the baselines to compare with. Raises pytest.UsageError for one that cannot be read."""
        try:
            self.book.load()
        except FtgateError as error:
            raise pytest.UsageError(f"--ftgate-compare {self.book.compare}: {error}") from None

    def find(self, plan: Plan) -> NamedBaseline | None:
        """The baseline that an evalset is held against; None where none was named."""
        return self.book.find(plan.evalset.name)

    def keep(
        self,
        folder: Path,
        entries: Sequence[tuple[Plan, Summary, Judgement]],
        records: Mapping[str, Sequence[Record]],
    ) -> None:
        """Write what the run is as a baseline; one that is required and not there is a problem."""
        for problem in list_required((summary, judgement) for _, summary, judgement in entries):
            self.state.add_problem(problem)
        if self.is_shard:
            return
        try:
            made = [
                describe_baseline(plan, records[plan.evalset.name], summary, self.state.registries)
                for plan, summary, _ in entries
            ]
            self.state.notices += self.book.keep(folder, made, self.state.redactor)
        except FtgateError as error:
            self.state.add_problem(str(error))

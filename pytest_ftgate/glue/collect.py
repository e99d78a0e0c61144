"""Evalset files as pytest sees them: file → arm → item."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftgate.errors import FtgateError, RecordedResponsesError, StorageError
from pytest_ftgate.glue.hooks import call_hook
from pytest_ftgate.glue.outcome import Status, judge_item
from pytest_ftgate.model.evalset import Case
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.trial import Plan, PlannedItem
from pytest_ftgate.reports.hostile_text import defuse_commands, show_text

if TYPE_CHECKING:
    from pytest_ftgate.glue.session import FtgateSession
    from pytest_ftgate.runner import ItemResult

SUFFIXES = (".evalset.yaml", ".evalset.yml")


class EvalsetFile(pytest.File):
    """A `*.evalset.yaml`. Collecting it loads and plans the evalset: every problem is reported at once."""

    session_state: FtgateSession
    plan: Plan
    shown_path: str | None = None
    """The file in the `location` of its items, once one was asked for."""

    @classmethod
    def build(cls, parent: pytest.Collector, path: Path, state: FtgateSession) -> EvalsetFile:
        node: EvalsetFile = cls.from_parent(parent, path=path)
        node.session_state = state
        return node

    def collect(self) -> Iterator[ArmCollector]:
        self.plan = self.session_state.load(self.path)
        by_arm: dict[str, list[PlannedItem]] = {}
        for item in self.plan.items:
            by_arm.setdefault(item.arm, []).append(item)
        for arm, items in by_arm.items():
            yield ArmCollector.build(self, arm, items)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *args: Any) -> Any:
        if isinstance(excinfo.value, FtgateError):
            return self.session_state.redactor.redact(str(excinfo.value))
        return super().repr_failure(excinfo, *args)


class ArmCollector(pytest.Collector):
    """The items of one arm."""

    items: list[PlannedItem]

    @classmethod
    def build(cls, parent: EvalsetFile, arm: str, items: list[PlannedItem]) -> ArmCollector:
        node: ArmCollector = cls.from_parent(parent, name=arm)
        node.items = items
        return node

    def collect(self) -> Iterator[EvalsetItem]:
        file = self.parent
        assert isinstance(file, EvalsetFile)  # noqa: S101 - build() admits no other parent
        cases = {case.id: case for case in file.plan.evalset.cases}
        has_roles = len(file.plan.roles) > 1
        # One mark for all cases with the same tags: each would take half a KiB to the end of the session.
        marks: dict[tuple[tuple[str, ...], str | None], pytest.MarkDecorator] = {}
        for planned in self.items:
            name = f"{planned.case}[{planned.role}]" if has_roles else planned.case
            case = cases[planned.case]
            mark = marks.get((case.tags, case.split))
            if mark is None:
                split = {} if case.split is None else {"split": case.split}
                mark = pytest.mark.ftgate(arm=planned.arm, tags=case.tags, **split)
                marks[case.tags, case.split] = mark
            yield EvalsetItem.build(self, name, planned, case, file, mark)


class CaseFailed(Exception):  # noqa: N818 - an outcome, not an error of ours
    """A `must_pass` case failed."""


class GraderCrashError(FtgateError):
    """A grader raised: an error of the evalset, never a failure of the model."""


class EvalsetItem(pytest.Item):
    """One case under one arm by one role; its repeats live inside."""

    # In the instance's dict they would make it outgrow the keys that all items share: 400 bytes each.
    __slots__ = (
        "case", "file", "lines", "names", "place", "planned", "reason", "result", "status", "told",
    )  # fmt: skip
    planned: PlannedItem
    case: Case
    file: EvalsetFile
    result: ItemResult | None
    lines: tuple[str, ...]
    status: Status
    reason: str
    told: tuple[pytest.TestReport, ...]
    """Its reports, while it runs."""
    names: set[str] | None
    """`extra_keyword_matches`, once somebody asked for them."""
    place: tuple[str, int | None, str] | None
    """`location`, likewise."""

    @classmethod
    def build(
        cls,
        parent: ArmCollector,
        name: str,
        planned: PlannedItem,
        case: Case,
        file: EvalsetFile,
        mark: pytest.MarkDecorator,
    ) -> EvalsetItem:
        item: EvalsetItem = cls.from_parent(parent, name=name)
        item.planned, item.case, item.file = planned, case, file
        item.result, item.lines, item.status, item.reason = None, (), "passed", ""
        item.told, item.place = (), None
        item.add_marker(mark)
        return item

    @property
    def extra_keyword_matches(self) -> set[str]:
        """What `-k` finds the item by beside its name. Without `-k` nobody asks, and no item has a set."""
        if self.names is None:
            split = () if self.case.split is None else (f"split:{self.case.split}",)
            self.names = {self.planned.arm, self.planned.role, *self.case.tags, *split}
        return self.names

    @extra_keyword_matches.setter
    def extra_keyword_matches(self, names: set[str]) -> None:
        self.names = names or None  # pytest gives each node an empty set

    def runtest(self) -> None:
        try:
            self.result, self.lines = self.file.session_state.finish(self)
        except (StorageError, RecordedResponsesError) as error:
            # Going on would pay for answers that cannot be kept.
            self.session.shouldfail = str(error)
            raise
        if self.result.not_needed:
            self.status, self.reason = "not_needed", self.result.not_needed
            pytest.skip(self.reason)
        is_gated = bool(self.case.must_pass) and self.is_gated  # of others nobody asks
        self.status, self.reason = judge_item(self.case, self.result.records, is_gated=is_gated)
        self.overrule(self.result.records)
        if self.status == "failed":
            raise CaseFailed(self.reason)
        if self.status == "error":
            raise GraderCrashError(self.reason)
        if self.status == "ungraded":
            pytest.skip(self.reason)

    @property
    def is_gated(self) -> bool:
        """Whether a gate other than `complete` reads this arm and role; without any, `as_is` counts."""
        from pytest_ftgate.runner import is_gated

        return is_gated(self.file.plan, self.planned.arm, self.planned.role)

    def overrule(self, records: tuple[Record, ...]) -> None:
        """Let a plugin have the last word on the status."""
        chosen: Status | None = call_hook(
            self.config, "pytest_ftgate_case_status", case=self.case, records=records
        )
        if chosen is not None:
            self.status = chosen

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *args: Any) -> Any:
        if isinstance(excinfo.value, CaseFailed):
            lines = [f"must_pass case {self.case.id!r} under {self.planned.arm}: {self.reason}"]
            records = self.result.records if self.result else ()
            for record in [r for r in records if r.outcome == "failed"][:1]:
                reasons = [g.reason for g in record.grades if g.outcome == "failed" and g.reason]
                lines += [f"  {reason}" for reason in reasons]
                lines.append(f"  output: {record.output!r:.300}")
            return "\n".join(defuse_commands(show_text(line, unicode=True)) for line in lines)
        if isinstance(excinfo.value, FtgateError):
            return self.file.session_state.redactor.redact(str(excinfo.value))
        return super().repr_failure(excinfo, *args)

    @property
    def location(self) -> tuple[str, int | None, str]:
        if self.place is None:
            # pytest would take the same path to pieces for every item.
            if self.file.shown_path is None:
                self.file.shown_path = super().location[0]
            _, line, name = self.reportinfo()
            self.place = self.file.shown_path, line, name
        return self.place

    def reportinfo(self) -> tuple[Path, int | None, str]:
        where = self.case.where
        line = where.line if where and where.file == self.file.plan.evalset.path else None
        return self.path, None if line is None else line - 1, f"{self.planned.arm}::{self.name}"

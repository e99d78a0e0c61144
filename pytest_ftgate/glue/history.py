"""The history beside a run: never a reason for it to wait or to fail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pytest_ftgate.glue.session import FtgateSession
from pytest_ftgate.history import describe_entry, name_run, note_prompts
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.summary import Finding, Summary
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.model.verdict import Judgement
from pytest_ftgate.storage.history import FILE, enter_run

OFF = "off"

T = TypeVar("T")


def find_history(settings: Settings) -> Path | None:
    """Where the history is; None where it is switched off."""
    if settings.history == OFF:
        return None
    return Path(settings.history) if settings.history else Path(settings.directory) / FILE


class HistoryKeeper:
    """Reads and writes the history of a session. What goes wrong is one line in the terminal."""

    def __init__(self, state: FtgateSession) -> None:
        self.state = state
        self.path = find_history(state.settings)

    def note_prompts(self, plan: Plan, records: Sequence[Record]) -> tuple[Finding, ...]:
        """What the number of prompts tried on these cases means for the verdict."""
        path = self.path
        if path is None:
            return ()

        return self._try("the history was not read", lambda: note_prompts(plan, records, path)) or ()

    def enter(
        self,
        header: Mapping[str, Any],
        entries: Iterable[tuple[Plan, Summary, Judgement]],
        records: Mapping[str, Sequence[Record]],
    ) -> None:
        """Add every evalset of the run. Shards are entered when they are merged."""
        path, settings = self.path, self.state.settings
        if path is None or settings.replay or settings.shard is not None:
            return

        def write() -> None:
            for plan, summary, judgement in entries:
                made = records[plan.evalset.name]
                entry = describe_entry(name_run(header), plan, summary, judgement, made)
                if entry is not None and (note := enter_run(path, entry, self.state.redactor.redact)):
                    self.state.notices.append(note)

        self._try("the history was not written", write)

    def _try(self, failed: str, act: Callable[[], T]) -> T | None:
        try:
            return act()
        except Exception as error:  # noqa: BLE001 - no run may fail for its history
            line = " ".join(f"{failed}: {error or type(error).__name__}".split())
            if line not in self.state.notices:
                self.state.notices.append(line)
            return None

"""Answers trials from recorded responses, and records the answers of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from glob import escape
from pathlib import Path
from typing import BinaryIO

from pytest_ftgate.errors import ProviderError, RecordedResponsesError
from pytest_ftgate.execution.recorded_rows import RecordedResponses, RowKey, key_of, row_line
from pytest_ftgate.model.response import Answer, Failure, Response
from pytest_ftgate.model.trial import Request, Trial, TrialKey, is_serving_role

_PART_SUFFIX = ".part"

OTHER_TURNS = "what was asked in further turns followed from other format graders than there are now"

FollowUp = Callable[[Trial, Request, Response], Request | None]


class RecordedProvider:
    """Gives each trial its recorded row. `require_hash`: rows not tied to a request do not count (strict).

    `follow_up` gives the further turn that an answer needs now, or None.
    """

    sends_requests = False

    def __init__(
        self, responses: RecordedResponses, *, require_hash: bool = False, follow_up: FollowUp | None = None
    ) -> None:
        self._responses, self._require_hash, self._follow_up = responses, require_hash, follow_up

    async def complete(self, trial: Trial, request: Request, timeout_s: float) -> Response:
        """The recorded response; raises ProviderError: not_recorded, stale, or what was recorded."""
        del timeout_s
        row = self._responses.find(trial)
        if row is None:
            raise _unanswered("infra:not_recorded", "no recorded row answers this trial")
        if row.request_hash is None and self._require_hash:
            raise _unanswered(
                "infra:not_recorded", f"{row.place}: has no request_hash, and --ftgate-strict wants one"
            )
        if row.request_hash not in (None, trial.request_hash):
            raise _unanswered(
                "infra:stale", f"{row.place}: was recorded for another request than is planned now"
            )
        if isinstance(row.answer, Failure):
            raise ProviderError(row.answer.signature, row.answer.message, retryable=False)
        if has_other_turns(trial, request, row.answer, row.graders_hash, self._follow_up):
            raise _unanswered("infra:stale", f"{row.place}: {OTHER_TURNS}")
        return row.answer

    async def close(self) -> None:
        """Nothing to close."""


def has_other_turns(
    trial: Trial, request: Request, answer: Response, graders_hash: str | None, follow_up: FollowUp | None
) -> bool:
    """Whether the format graders of now would not have led to the turns of this answer.

    `graders_hash` is that of the trial when it was answered; None, where it is not known, is taken for the
    present one. Of several turns only the last is stored, so under other graders they cannot be told to be
    the same; an answer that took one turn holds where it needs no further one.
    """
    if graders_hash in (None, trial.graders_hash):
        return False
    if answer.turns > 1 or follow_up is None:
        return True
    return trial.max_turns > 0 and follow_up(trial, request, answer) is not None


class ResponseRecorder:
    """Writes every answer of a run, for `--ftgate-replay`. `add` may be called from one thread at a time.

    Lines go to `<path>.<part>.part` as they come, so a killed run loses none; `close` merges them into
    `path` where this is the only process (`part` None), else `merge_parts` does when all have ended.
    Raises RecordedResponsesError where the file cannot be written.
    """

    def __init__(self, path: Path, *, part: str | None = None, redact: Callable[[str], str] = str) -> None:
        self.path, self._redact = path, redact
        self._is_alone = part is None
        self._part = path.with_name(f"{path.name}.{part or 'main'}{_PART_SUFFIX}")
        self._file: BinaryIO | None = None

    def add(self, trial: Trial, answer: Answer) -> None:
        """Write one answer; those that re-judge another arm's answer have none of their own."""
        if trial.source_arm is not None:
            return
        key = _row_key(trial.key)
        line = self._redact(row_line(key, trial.request_hash, answer, trial.graders_hash))
        try:
            if self._file is None:
                self._file = _open_part(self._part)
            self._file.write(line.encode("utf-8", "backslashreplace") + b"\n")
            self._file.flush()
        except OSError as error:
            raise _unwritable(self._part, error) from None

    def close(self, order: Iterable[TrialKey] = ()) -> None:
        """End the part; where this is the only process, merge it into `path` (see merge_parts)."""
        file, self._file = self._file, None
        if file is not None:
            file.close()
        if self._is_alone:
            merge_parts(self.path, order)


def merge_parts(path: Path, order: Iterable[TrialKey] = ()) -> None:
    """Bring all parts of a recording into `path` and remove them.

    `order` is the whole plan. Rows that `path` already had stay, unless they were answered again or their
    evalset is in the plan without their trial. Rows stand in the order of the plan, those of other
    evalsets after them, sorted by key; what judges and embedders replied about a case stands behind its
    answers under that arm. Raises RecordedResponsesError.
    """
    found = path.parent.glob(f"{escape(path.name)}.*{_PART_SUFFIX}")
    parts = sorted(found, key=lambda part: (part.stat().st_mtime, part.name))
    if not parts:
        return
    lines: dict[RowKey, bytes] = {}
    try:
        for source in [path, *parts]:
            if source.exists():
                _read_lines(source, lines, is_part=source != path)
        place = {_row_key(key): index for index, key in enumerate(order)}
        served = {key[:3]: index for key, index in place.items()}
        last = len(place)
        planned = {key.evalset for key in place}

        def find_place(key: RowKey) -> int:
            return served.get(key[:3], last) if is_serving_role(key.role) else place.get(key, last)

        # A row of a case or arm that is gone would make the whole recording unreadable for a replay.
        kept = [key for key in lines if find_place(key) < last or key.evalset not in planned]
        keys = sorted(
            kept,
            key=lambda key: (find_place(key), is_serving_role(key.role), key.evalset or "", *key[1:]),
        )
        fresh = path.with_name(path.name + ".new")
        fresh.write_bytes(b"".join(lines[key] for key in keys))
        fresh.replace(path)
        for part in parts:
            part.unlink()
    except OSError as error:
        raise _unwritable(path, error) from None


def _read_lines(source: Path, lines: dict[RowKey, bytes], *, is_part: bool) -> None:
    with source.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                key = key_of(line, f"{source}:{number}")
            except ValueError as error:
                # A killed process leaves at most its last line unfinished.
                if is_part and not line.endswith(b"\n"):
                    continue
                raise RecordedResponsesError(
                    f"{source}:{number}: {error}. Mend or remove this line; nothing was overwritten."
                ) from None
            lines[key] = line if line.endswith(b"\n") else line + b"\n"


def _open_part(path: Path) -> BinaryIO:
    """A part to append to. A killed run may have left one: its rows stay, but for an unfinished last line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        left = path.read_bytes()
        path.write_bytes(left[: left.rfind(b"\n") + 1])
    return path.open("ab")


def _row_key(key: TrialKey) -> RowKey:
    return RowKey(key.evalset, key.case, key.arm, key.role, key.repeat)


def _unanswered(signature: str, message: str) -> ProviderError:
    return ProviderError(signature, message, retryable=False)


def _unwritable(path: Path, error: OSError) -> RecordedResponsesError:
    return RecordedResponsesError(
        f"{path}: the recording cannot be written ({error.strerror or error}). Free the disk, or give "
        "--ftgate-record another path."
    )

"""The answers of a stored run, as a provider gives them: no request is ever sent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_ftgate.errors import ProviderError
from pytest_ftgate.execution.endpoints import endpoint_of
from pytest_ftgate.execution.recorded_provider import OTHER_TURNS, FollowUp, RecordedProvider, has_other_turns
from pytest_ftgate.execution.recorded_rows import RecordedResponses
from pytest_ftgate.execution.store import MemoryStore, ResponseStore, SqliteStore, store_key
from pytest_ftgate.model.evalset import CANDIDATE
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.response import Answer, Failure, Response
from pytest_ftgate.model.run import Looks
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.trial import Plan, Request, Trial, is_serving_role
from pytest_ftgate.origin import Origin, describe_refusal
from pytest_ftgate.runner import UNSUPPORTED

_CUT = re.compile(r"\n… \[cut: \d+ characters\]\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvalset:
    """One evalset of a stored run: its entry of report.json, and its records.

    `origin`: what its answers were made by; `digest`: of the files that it was judged by. `together`: one
    process saw all of it, so the ladder could stop early. `replies`: files of recorded responses that
    hold what judges and embedders said.
    """

    run: str
    entry: Mapping[str, Any]
    records: Sequence[Record]
    origin: Origin
    digest: str | None = None
    replies: Sequence[str] = ()
    together: bool = True

    def arm(self, name: str, role: str | None = None) -> Mapping[str, Any]:
        """What the report says of an arm (of one role), or nothing."""
        arms = (a for a in self.entry["arms"] if a["arm"] == name and role in (None, a["role"]))
        return next(arms, {})

    @property
    def probes(self) -> dict[str, str]:
        """Arm → what the probe of its form showed."""
        return {arm["arm"]: arm["probe"] for arm in self.entry["arms"] if arm.get("probe")}

    def looks(self, name: str, role: str) -> Looks | None:
        """How the run looked at an arm × role before all its cases were in; None where it did not."""
        told = self.arm(name, role).get("looks")
        return Looks(**{**told, "beyond": tuple(told["beyond"])}) if told else None


class StoredAnswers:
    """A provider: gives each trial the answer of its stored record. It never sends a request.

    `refused`: arms whose response format the vendor refused, see find_refused. `follow_up` gives the further
    turn that an answer needs now, or None.
    """

    sends_requests = False

    def __init__(
        self,
        stored: StoredEvalset,
        settings: Settings,
        *,
        refused: frozenset[str] = frozenset(),
        follow_up: FollowUp | None = None,
    ) -> None:
        self._stored, self._require_hash = stored, settings.strict
        self._refused, self._follow_up = refused, follow_up
        self._records = {record.key: record for record in stored.records}
        path = Path(settings.directory) / "responses.sqlite"
        self._recorded = RecordedProvider(RecordedResponses.load(stored.replies)) if stored.replies else None
        self._replies: ResponseStore = SqliteStore(path) if path.is_file() else MemoryStore()

    def find(self, trial: Trial) -> Record | None:
        """The trial's record; where its arm is new, that of the arm whose answers it judges again."""
        own = self._records.get(trial.key)
        was_run = self._stored.arm(trial.key.arm).get("status") == "run"
        if own is not None or was_run or trial.source_arm is None:
            return own
        return self._records.get(trial.key._replace(arm=trial.source_arm))

    async def complete(self, trial: Trial, request: Request, timeout_s: float) -> Response:
        """The stored answer; raises ProviderError for what was no answer, or is none to this request."""
        if is_serving_role(trial.key.role):
            return await self._read_reply(trial, request, timeout_s)
        record = self.find(trial)
        if record is None:
            raise self._explain_absence(trial)
        if not record.tied_to_prompt and self._require_hash:
            raise _unanswered("infra:not_recorded", "the stored answer has no request hash; strict wants one")
        if record.tied_to_prompt and record.request_hash != trial.request_hash:
            what = f"run {self._stored.run} asked another request than is planned now"
            raise _unanswered("infra:stale", f"{what}; judging again changes no prompt, model or param")
        answer = restore_answer(record)
        if isinstance(answer, Failure):
            raise _unanswered(answer.signature, answer.message)
        graders_hash = (
            self._stored.origin.graders_hash(trial.key.case) if trial.max_turns or answer.turns > 1 else None
        )
        if has_other_turns(trial, request, answer, graders_hash, self._follow_up):
            raise _unanswered("infra:stale", OTHER_TURNS)
        return answer

    async def _read_reply(self, trial: Trial, request: Request, timeout_s: float) -> Response:
        key = store_key(trial, endpoint_of(request))
        reply = await self._replies.get(key, since="", refresh=False)
        if reply is None and self._recorded is not None:
            return await self._recorded.complete(trial, request, timeout_s)
        if reply is None:
            role = trial.key.role.partition(":")[0]
            what = f"the {role} was not asked this before, and judging again asks nobody"
            raise _unanswered("infra:not_recorded", f"{what}: run pytest --ftgate to ask it")
        return reply

    def _explain_absence(self, trial: Trial) -> ProviderError:
        if trial.key.arm in self._refused:
            return _unanswered(UNSUPPORTED.signature, UNSUPPORTED.message)
        if is_unsupported(self._stored.arm(trial.key.arm)):
            what = "what the vendor refused was another request than is planned now"
            return _unanswered("infra:stale", f"run {self._stored.origin.run}: {what}")
        return _unanswered("infra:not_recorded", f"run {self._stored.run} has no answer to this trial")

    async def close(self) -> None:
        """Close the response store."""
        self._replies.close()


def restore_answer(record: Record) -> Answer:
    """The answer that a record was made of. One whose output was cut when it was stored is a failure."""
    is_answered = record.output is not None or bool(record.tool_calls) or bool(record.grades)
    if not is_answered and record.error is not None:
        # A failed call of a case that could not be graded left no signature.
        signature = record.signature or "call:not_named"
        return Failure(signature=signature, message=record.error, attempts=0, latency_s=record.latency_s)
    if "output_cut" in record.flags or any(_CUT.search(call.arguments[-64:]) for call in record.tool_calls):
        what = "the stored output was cut, so it cannot be judged again: run pytest --ftgate"
        return Failure(signature="infra:output_cut", message=what, attempts=0)
    return Response(
        text=record.output,
        tool_calls=record.tool_calls,
        finish_reason=record.finish_reason,
        usage=record.usage,
        latency_s=record.latency_s,
        cost_usd=record.cost_usd,
        model=record.model,
        system_fingerprint=record.system_fingerprint,
        cached=True,
        answered_at=record.answered_at,
        attempts=record.attempts,
        turns=record.turns,
        schema_enforced=record.schema_enforced,
        tied_to_prompt=record.tied_to_prompt,
    )


def find_refused(plan: Plan, stored: StoredEvalset) -> frozenset[str]:
    """Arms of the plan that ask for what the vendor refused when the run asked it."""
    refused = stored.origin.refused
    first = {item.arm: item for item in reversed(plan.items) if item.role == CANDIDATE}
    return frozenset(
        arm
        for arm, item in first.items()
        if is_unsupported(stored.arm(arm)) and refused.get(arm) == describe_refusal(plan, item)
    )


def is_unsupported(arm: Mapping[str, Any]) -> bool:
    """Whether the vendor refused the response format of an arm, by the arm's entry in a report."""
    return arm.get("status") == "skipped" and arm.get("schema_enforced") == "unsupported"


def _unanswered(signature: str, message: str) -> ProviderError:
    return ProviderError(signature, message, retryable=False)

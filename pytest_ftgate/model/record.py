"""One judged trial: the unit that is stored, sent between processes, and counted."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_ftgate.model.grade import Grade, Outcome, is_unanswered
from pytest_ftgate.model.quickly_made import quickly_made
from pytest_ftgate.model.response import SchemaEnforced, ToolCall, Usage
from pytest_ftgate.model.trial import TrialKey


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One line of `records.jsonl` (schemas/record.schema.json).

    `signature` is the primary one of a failed trial, or the `infra:*` one of an unanswered trial
    (whose outcome is `error`). `secondary` are further signatures that count for a pattern's
    survival. `error` is the message of an unanswered trial or a crashing grader.
    `serving_cost_usd` is what this run paid for the replies of judges and embedders about this answer (None:
    none were asked, or no price is known), `serving_attempts` the requests it sent for them.
    `paid_usd`: what this run paid for the answer, where `spent_usd` cannot tell it from the rest: where turns
    of the answer were paid under another arm, and where there is no answer.
    `flags`: notes that change no outcome, such as `truncated` on a passing answer.
    """

    key: TrialKey
    outcome: Outcome
    signature: str | None = None
    secondary: tuple[str, ...] = ()
    grades: tuple[Grade, ...] = ()
    output: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    latency_s: float | None = None
    cost_usd: float | None = None
    paid_usd: float | None = None
    model: str | None = None
    system_fingerprint: str | None = None
    cached: bool = False
    answered_at: str | None = None
    attempts: int = 0
    turns: int = 1
    request_hash: str = ""
    tied_to_prompt: bool = True
    schema_enforced: SchemaEnforced | None = None
    flags: tuple[str, ...] = ()
    error: str | None = None
    serving_cost_usd: float | None = None
    serving_attempts: int = 0

    @property
    def is_unanswered(self) -> bool:
        return is_unanswered(self.signature)

    @property
    def spent_usd(self) -> float | None:
        """What this run paid for the answer, its graders' models apart; None where no price is known."""
        if self.paid_usd is not None:
            return self.paid_usd
        return 0.0 if self.cached and self.cost_usd is not None else self.cost_usd

    @property
    def is_judged(self) -> bool:
        """Whether it counts in a rate: passed or failed."""
        return self.outcome in ("passed", "failed")

"""One cause for a failing trial: the first of the taxonomy's order that applies (DESIGN section 6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pytest_ftgate.grading.parsed import TextOutput
from pytest_ftgate.grading.refusal import is_refusal
from pytest_ftgate.grading.signatures import order
from pytest_ftgate.model.evalset import Json
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.response import Response
from pytest_ftgate.model.trial import Trial

TRUNCATED = "call:truncated"
_CUT_REASONS = ("length", "max_tokens", "max_output_tokens", "MAX_TOKENS")
_CAP_PARAMS = ("max_completion_tokens", "max_tokens")


class Cause(NamedTuple):
    """The primary signature and the further ones that count for a pattern's survival."""

    signature: str
    secondary: tuple[str, ...] = ()


def attribute(trial: Trial, response: Response, parsed: TextOutput, grades: Sequence[Grade]) -> Cause | None:
    """The cause of a trial's failure, or None where no grade failed.

    What comes before the answer itself (a cut, a filter, a refusal, no text) leaves no answer to read
    further signatures from. Otherwise the other signatures of all failing grades are secondary.
    """
    failed = [grade for grade in grades if grade.outcome == "failed" and grade.signature]
    if not failed:
        return None
    before = _find_cause_before_answer(trial, response, parsed, grades)
    if before is not None:
        return Cause(before)
    found = [grade.signature or "" for grade in failed]
    first, *rest = order(found)
    further = order([*rest, *[entry for grade in failed for entry in grade.secondary]])
    return Cause(first, tuple([entry for entry in further if entry != first]))


def _find_cause_before_answer(
    trial: Trial, response: Response, parsed: TextOutput, grades: Sequence[Grade]
) -> str | None:
    if is_truncated(trial, response) or is_cut_off(response, parsed):
        return TRUNCATED
    if response.finish_reason == "content_filter":
        return "refusal:content_filter"
    if not _is_refusal_wanted(grades) and is_refusal(parsed.text):
        return "refusal:text"
    if parsed.is_blank and not response.tool_calls:
        return "empty:whitespace" if parsed.text else "empty:blank"
    return None


def _is_refusal_wanted(grades: Sequence[Grade]) -> bool:
    return any(grade.grader == "is-refusal" for grade in grades)


def is_truncated(trial: Trial, response: Response) -> bool:
    """Whether the answer was cut: by its finish reason, or as many tokens as the cap allows.

    The token count says so only where one turn was made (usage is summed over turns), and only
    where the vendor did not say that the model stopped by itself.
    """
    if response.finish_reason in _CUT_REASONS:
        return True
    usage = response.usage
    if usage is None or response.turns != 1 or response.finish_reason is not None:
        return False
    cap = read_token_cap(trial.request.params)
    return cap is not None and usage.completion_tokens >= cap


def is_cut_off(response: Response, parsed: TextOutput) -> bool:
    """Whether the answer's JSON says by its structure that it was cut: for imported answers, of which
    neither finish reason nor usage is known.

    It ends in the middle of a string, a number or a word, or after a comma, a colon or an opening bracket,
    and nothing else is wrong with it. A model that only forgets to close stops after a whole value.
    """
    if response.finish_reason is not None or response.usage is not None:
        return False
    # Only where a grader read the answer as JSON at all.
    return any(diagnosis.is_cut for diagnosis in parsed.diagnoses)


def read_token_cap(params: Json) -> int | None:
    """The smallest positive cap on the answer's tokens among the params, or None."""
    caps = [params.get(name) for name in _CAP_PARAMS]
    numbers = [cap for cap in caps if isinstance(cap, int) and not isinstance(cap, bool) and cap > 0]
    return min(numbers, default=None)

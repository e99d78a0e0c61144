"""What a look at an evalset or a run has found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

CONTEXT_WITHOUT_ANSWER = "context-without-answer"
"""The rule whose cases have a context that does not answer them: for question 2 they have none."""

COPIED_CASES = "copied-cases"
"""The rule whose cases repeat another case, which is not listed: they add no evidence."""

UNDECIDABLE_RANGE = "undecidable-range"
"""The rule that says which accuracies the evalset cannot tell from its bar."""

Severity: TypeAlias = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something a reader must know. `rule` names what was looked for, in kebab-case.

    `blocks`: the verdict cannot be trusted before it is mended.
    """

    rule: str
    severity: Severity
    what: str
    cases: tuple[str, ...] = ()
    remedy: str = ""
    blocks: bool = False

"""The run of one plan while it goes on: its rungs, and what became of them so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_ftgate.decision.knowledge import CONTEXT, RETRIEVAL, fits_prompt
from pytest_ftgate.model.evalset import Case
from pytest_ftgate.model.response import Failure
from pytest_ftgate.model.run import RunFacts
from pytest_ftgate.model.trial import Plan, PlannedArm
from pytest_ftgate.rungs import Rung

UNSUPPORTED = Failure(
    signature="infra:unsupported", message="does not apply: the vendor refuses its response format"
)
"""Recorded for the trials of an arm whose response format the vendor refuses: they are never asked."""


@dataclass(slots=True)
class EvalsetRun:
    """The run of one plan.

    `together`: this process finishes every selected item, so it may ask ahead and drop identical
    repeats. `climbs`: moreover nothing of the plan was deselected, so the ladder may stop early.
    `left`: items to come.
    """

    plan: Plan
    together: bool
    climbs: bool
    left: int
    cases: Mapping[str, Case]
    rungs: dict[tuple[str, str], Rung] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)
    asked: set[tuple[str, str, str]] = field(default_factory=set)
    not_needed: dict[str, str] = field(default_factory=dict)
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)

    def is_question_2(self, arm: str) -> bool:
        """Whether an arm asks question 2."""
        return self._planned(arm).question == 2

    def is_oracle_of(self, proven: str, arm: str) -> bool:
        """Whether `proven` hands each case its gold context, and `arm` searches for it.

        That the bar can be reached with the right text leaves open what a search reaches, unless all of
        the knowledge goes into the prompt.
        """
        kinds = (self._planned(proven).kind, self._planned(arm).kind)
        fits = fits_prompt(self.plan.evalset.decision.knowledge, self.plan.knowledge_tokens)
        return kinds == (CONTEXT, RETRIEVAL) and not fits

    def _planned(self, arm: str) -> PlannedArm:
        return next(planned for planned in self.plan.arms if planned.name == arm)

    def describe_facts(self) -> RunFacts:
        """What happened to the plan, once all its items are finished."""
        unsupported = {rung.arm for rung in self.rungs.values() if rung.enforced == "unsupported"}
        return RunFacts(
            selected=len(self.plan.items),
            total=len(self.plan.items),
            dropped=dict(self.dropped),
            not_needed=self.not_needed | dict.fromkeys(unsupported, UNSUPPORTED.message),
            unsupported=frozenset(unsupported),
            looks={key: rung.looks for key, rung in self.rungs.items() if rung.looks is not None},
        )

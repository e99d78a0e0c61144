"""The run of one plan while it goes on: its rungs, and what became of them so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pytest_ftgate.decision.knowledge import CONTEXT, RETRIEVAL, fits_prompt
from pytest_ftgate.model.evalset import Case
from pytest_ftgate.model.response import Failure
from pytest_ftgate.model.run import RunFacts
from pytest_ftgate.model.trial import Plan, PlannedArm, PlannedItem, forget_messages
from pytest_ftgate.rungs import Rung


def count_sharing(items: Iterable[PlannedItem]) -> dict[int, int]:
    """How many items want the same request, by its id; those of one item alone are left out."""
    counts = Counter(number for item in items for number in {id(trial.request) for trial in item.trials})
    return {number: count for number, count in counts.items() if count > 1}


UNSUPPORTED = Failure(
    signature="infra:unsupported", message="does not apply: the vendor refuses its response format"
)
"""Recorded for the trials of an arm whose response format the vendor refuses: they are never asked."""


@dataclass(slots=True)
class EvalsetRun:
    """The run of one plan.

    `together`: this process finishes every selected item, so it may ask ahead and drop identical
    repeats. `climbs`: moreover nothing of the plan was deselected, so the ladder may stop early.
    `left`: items to come. `sharing`: how many of them want the same request, by its id, where more than one
    does.
    """

    plan: Plan
    together: bool
    climbs: bool
    left: int
    cases: Mapping[str, Case]
    sharing: dict[int, int] = field(default_factory=dict)
    rungs: dict[tuple[str, str], Rung] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)
    asked: set[tuple[str, str, str]] = field(default_factory=set)
    not_needed: dict[str, str] = field(default_factory=dict)
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)

    def forget(self, item: PlannedItem) -> None:
        """Give up what an item asked; not what another one asks as well."""
        for number, request in {id(trial.request): trial.request for trial in item.trials}.items():
            self.sharing[number] = left = self.sharing.get(number, 1) - 1
            if not left:
                del self.sharing[number]
                forget_messages(request)

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

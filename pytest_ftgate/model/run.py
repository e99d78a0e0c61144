"""What happened to the plan of an evalset in one run, apart from the records themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """How an arm × role was looked at before all of its cases were in.

    It is judged at look `look` of `looks`: the last one where it ran to its end, else the one at which it
    was proven and stopped. `cases_left_out` and `trials_left_out` were not run then; `beyond` are cases that
    ran all the same (`must_pass`, and those that show whether repeats are identical): they count in no rate.
    """

    look: int
    looks: int
    cases_left_out: int = 0
    trials_left_out: int = 0
    beyond: tuple[str, ...] = ()

    @property
    def is_stopped(self) -> bool:
        """Whether the arm was stopped before its end."""
        return self.look < self.looks


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUps:
    """Trials of an arm that were asked again after a failure of form, and the further calls for them.

    `cost_usd`: of those calls alone; None where it cannot be told from that of the first answers.
    """

    trials: int
    calls: int
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """`selected` of `total` items were to run; `partial`: the rest was left out on purpose.

    `dropped`: (arm, role) → trials left out because repeats were seen to be identical.
    `not_needed`: arm → reason, for arms the ladder did not have to climb to. `unsupported`: those of them
    that do not apply, for the vendor refuses their response format. `probes`: arm → what the probe of its
    form showed.
    `looks`: (arm, role) → looks, for those that could be stopped before all their cases were in.
    `missing`: planned, selected and needed trials without a record. `stop`: why the run ended early.
    """

    selected: int = 0
    total: int = 0
    partial: bool = False
    dropped: Mapping[tuple[str, str], int] = field(default_factory=dict)
    not_needed: Mapping[str, str] = field(default_factory=dict)
    unsupported: frozenset[str] = frozenset()
    probes: Mapping[str, str] = field(default_factory=dict)
    looks: Mapping[tuple[str, str], Looks] = field(default_factory=dict)
    missing: int = 0
    stop: str | None = None
    requests_sent: int = 0

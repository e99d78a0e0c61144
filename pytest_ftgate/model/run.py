"""What happened to the plan of an evalset in one run, apart from the records themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """`selected` of `total` items were to run; `partial`: the rest was left out on purpose.

    `dropped`: (arm, role) → trials left out because repeats were seen to be identical.
    `not_needed`: arm → reason, for arms the ladder did not have to climb to. `unsupported`: those of them
    that do not apply, for the vendor refuses their response format.
    `missing`: planned, selected and needed trials without a record. `stop`: why the run ended early.
    """

    selected: int = 0
    total: int = 0
    partial: bool = False
    dropped: Mapping[tuple[str, str], int] = field(default_factory=dict)
    not_needed: Mapping[str, str] = field(default_factory=dict)
    unsupported: frozenset[str] = frozenset()
    missing: int = 0
    stop: str | None = None
    requests_sent: int = 0

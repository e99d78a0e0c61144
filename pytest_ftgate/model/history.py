"""What the history keeps of a run: counts of its fresh answers, never a text of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pytest_ftgate.model.verdict import GateResult


class Tally(NamedTuple):
    """One case under one arm × role in one run: judged trials, those that passed, those that broke format."""

    graded: int
    passed: int
    format_failed: int = 0


class Prompt(NamedTuple):
    """A prompt as its author wrote it. `kind`: prompts of one kind are drafts of one thing."""

    kind: str
    digest: str


class PatternCount(NamedTuple):
    """Failing trials of one signature, the cases they are of, and whether it was confirmed in that run."""

    trials: int
    cases: int
    reproducible: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRun:
    """One evalset in one run. `at`: when the run began (ISO 8601, UTC). `revision`: None outside of git.

    `cases`: how many the evalset has. `is_partial`: only a selection of them was run.
    """

    run: str
    evalset: str
    path: str
    at: str
    verdict: str
    bar: float
    cases: int
    revision: str | None = None
    dirty: bool = False
    is_partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryArm:
    """One arm × role in one run, over its fresh answers.

    `setup`: digest of all that is asked and how it is graded; equal setups measure the same thing. `prompt`:
    digest of the prompt alone. `requested`: the model asked for; `models` and `fingerprints`: what the vendor
    said has answered. `answered`: trials with an answer, of which `priced` and `metered` have a cost and a
    usage; `cost_usd` and the tokens are sums. `tallies`: hash of a case → its counts.
    """

    arm: str
    role: str
    setup: str
    prompt: str
    requested: str
    models: tuple[str, ...] = ()
    fingerprints: tuple[str, ...] = ()
    answered: int = 0
    priced: int = 0
    metered: int = 0
    cost_usd: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    latency_p50_s: float | None = None
    latency_p95_s: float | None = None
    tallies: Mapping[int, Tally] = field(default_factory=dict)
    patterns: Mapping[str, PatternCount] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """What one run adds. `cases`: hash of every case → hash of its group, None where it has none."""

    run: HistoryRun
    cases: Mapping[int, int | None]
    arms: tuple[HistoryArm, ...]
    gates: tuple[GateResult, ...] = ()
    prompts: tuple[Prompt, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredArm:
    """An arm as it was kept, without its tallies and patterns. `split`: number of the set of cases."""

    id: int
    split: int
    run: HistoryRun
    measured: HistoryArm

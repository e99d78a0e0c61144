"""Failing trials of the candidate, gathered by arm and by signature."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from pytest_ftgate.model.evalset import CANDIDATE
from pytest_ftgate.model.grade import kind_of
from pytest_ftgate.model.record import Record
from pytest_ftgate.patterns.signature import FAMILIES, NOT_THE_MODEL, Level, find_parents, normalise

LEVELS: tuple[Level, ...] = ("leaf", "rollup", "family")

ALIKE = 0.9
"""Leaves that each make up this share of their roll-up's trials come together: one finding."""

_MAX_CACHED = 1_000
"""Characters of signatures that are worth remembering: hostile ones are long, and all different."""

Hits = Mapping[str, Mapping[str, int]]
"""Arm → case id → failing trials that hit."""


@dataclass(frozen=True, slots=True)
class Failing:
    """A failed trial. `leaves` are its signatures, the primary one first.

    `names` are those and all wider signatures they belong to.
    """

    arm: str
    case: str
    repeat: int
    leaves: tuple[str, ...]
    names: frozenset[str]
    record: Record


@dataclass(slots=True)
class ArmTrials:
    """The judged trials of one arm: `graded` and `failed` map case ids to trials.

    `further` and `further_failing` are those beyond the repeats planned, which suspects were given: they
    count in no rate, and show only whether a failure recurs (STATISTICS section 0). `labels`: case id → the
    label that it expects, where a grader told it.
    """

    arm: str
    graded: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    failing: list[Failing] = field(default_factory=list)
    further: dict[str, int] = field(default_factory=dict)
    further_failing: list[Failing] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)

    def count_draws(self, case: str) -> int:
        """Judged trials of a case, further ones included."""
        return self.graded.get(case, 0) + self.further.get(case, 0)

    @property
    def draws(self) -> int:
        """The most judged trials of any case, further ones included."""
        return max(map(self.count_draws, self.graded), default=0)


@dataclass(slots=True)
class Candidate:
    """What may be a pattern: a signature and all failing trials that show it."""

    signature: str
    level: Level
    trials: list[Failing] = field(default_factory=list)
    hits: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return kind_of(self.signature)

    @property
    def is_of_the_model(self) -> bool:
        """False for what is caused by the call, the network, or a vendor's filter."""
        return self.kind not in NOT_THE_MODEL

    def add(self, trial: Failing) -> None:
        """Count a failing trial, once."""
        self.trials.append(trial)
        by_case = self.hits.setdefault(trial.arm, {})
        by_case[trial.case] = by_case.get(trial.case, 0) + 1


def gather_trials(records: Iterable[Record], arms: Sequence[str], repeats: int) -> dict[str, ArmTrials]:
    """The candidate's judged trials of those arms, in an order that does not depend on the records'."""
    gathered = {arm: ArmTrials(arm) for arm in arms}
    for record in records:
        key = record.key
        trials = gathered.get(key.arm)
        if trials is None or key.role != CANDIDATE or not record.is_judged:
            continue
        is_further = key.repeat > repeats
        graded, failing = (
            (trials.further, trials.further_failing) if is_further else (trials.graded, trials.failing)
        )
        graded[key.case] = graded.get(key.case, 0) + 1
        for grade in record.grades:
            if grade.expected_label is not None:
                trials.labels[key.case] = grade.expected_label
        if record.outcome == "failed":
            if not is_further:
                trials.failed[key.case] = trials.failed.get(key.case, 0) + 1
            leaves, names = _list_signatures(record.signature, record.secondary)
            failing.append(Failing(key.arm, key.case, key.repeat, leaves, names, record))
    for trials in gathered.values():
        for failing in (trials.failing, trials.further_failing):
            failing.sort(key=lambda trial: (trial.case, trial.repeat))
    return gathered


def _list_signatures(
    primary: str | None, secondary: tuple[str, ...]
) -> tuple[tuple[str, ...], frozenset[str]]:
    """Signatures of a trial, and those with all wider ones."""
    if sum(map(len, (primary or "", *secondary))) <= _MAX_CACHED:
        return _list_cached(primary, secondary)
    leaves = _list_leaves(primary, secondary)
    return leaves, _list_names(leaves)


@lru_cache(maxsize=16_384)
def _list_cached(primary: str | None, secondary: tuple[str, ...]) -> tuple[tuple[str, ...], frozenset[str]]:
    leaves = _list_leaves(primary, secondary)
    return leaves, _list_names(leaves)


def _list_leaves(primary: str | None, secondary: tuple[str, ...]) -> tuple[str, ...]:
    """Signatures of a trial. What the call has spoilt says nothing more about the model."""
    if primary is None:
        return ()
    first = normalise(primary)
    if kind_of(first) in NOT_THE_MODEL:
        return (first,)
    further = sorted({normalise(text) for text in secondary} - {first})
    return (first, *(text for text in further if kind_of(text) not in NOT_THE_MODEL))


@lru_cache(maxsize=16_384)
def _list_names(leaves: tuple[str, ...]) -> frozenset[str]:
    return frozenset(leaves).union(name for leaf in leaves for _, name in find_parents(leaf))


def list_candidates(arms: Iterable[ArmTrials]) -> list[Candidate]:
    """Every leaf, roll-up and family that a trial shows, leaves first.

    No finding is listed twice: leaves that come together (every field is missing from an empty
    object) are left to their roll-up, and a wider candidate with exactly the trials of a narrower
    one is left out. Which trials a name shares with another says nothing of how frequent they are,
    so that no test is made easier.
    """
    found: dict[str, Candidate] = {}
    for arm in arms:
        for trial in arm.failing:
            for name in trial.names:
                candidate = found.get(name)
                if candidate is None:
                    candidate = found[name] = Candidate(name, _find_level(name, trial.leaves))
                candidate.add(trial)
    for find_surplus in (_find_alike, _find_doubles):
        for name in find_surplus(found):
            del found[name]
    return sorted(found.values(), key=lambda one: (LEVELS.index(one.level), one.signature))


def _find_level(name: str, leaves: tuple[str, ...]) -> Level:
    if name in FAMILIES:
        return "family"
    return "leaf" if name in leaves else "rollup"


def _find_alike(found: Mapping[str, Candidate]) -> set[str]:
    """Leaves that come together with another leaf of their roll-up."""
    by_rollup: dict[str, list[str]] = {}
    for name, candidate in found.items():
        for level, parent in find_parents(name):
            if (
                candidate.level == "leaf"
                and level == "rollup"
                and len(candidate.trials) >= ALIKE * len(found[parent].trials)
            ):
                by_rollup.setdefault(parent, []).append(name)
    return {name for alike in by_rollup.values() if len(alike) > 1 for name in alike}


def _find_doubles(found: Mapping[str, Candidate]) -> set[str]:
    """Wider names with exactly the trials of a narrower one."""
    return {
        parent
        for name, candidate in found.items()
        for _, parent in find_parents(name)
        if parent in found and len(candidate.trials) == len(found[parent].trials)
    }


def count_hits(trials: Iterable[Failing], arms: Collection[str]) -> dict[str, Counter[str]]:
    """Arm → case id → trials, with every arm present."""
    hits: dict[str, Counter[str]] = {arm: Counter() for arm in arms}
    for trial in trials:
        hits[trial.arm][trial.case] += 1
    return hits

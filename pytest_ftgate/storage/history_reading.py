"""Reading the history: which runs there are, what an arm measured, which prompts were tried."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_ftgate.model.history import HistoryArm, HistoryRun, PatternCount, Prompt, StoredArm, Tally
from pytest_ftgate.model.verdict import GateResult
from pytest_ftgate.storage.history import open_history

_MANY = 500
"""Values of one statement: SQLite's oldest limit is 999."""

_ARMS = """
SELECT arms.id, runs.split, runs.run, runs.evalset, runs.path, runs.at, runs.verdict, runs.bar, runs.cases,
  runs.revision, runs.dirty, runs.partial, arms.arm, arms.role, arms.setup, arms.prompt, arms.requested,
  arms.models, arms.fingerprints, arms.answered, arms.priced, arms.metered, arms.cost_usd, arms.prompt_tokens,
  arms.completion_tokens, arms.latency_p50_s, arms.latency_p95_s
FROM runs JOIN arms ON arms.run = runs.id
WHERE (:evalset IS NULL OR runs.evalset = :evalset OR runs.path = :evalset)
  AND (:arm IS NULL OR arms.arm = :arm) AND (:role IS NULL OR arms.role = :role)
  AND (:since IS NULL OR runs.at >= :since)
  AND (:model IS NULL OR arms.requested = :model OR instr(arms.models, json_quote(:model)))
ORDER BY runs.evalset, runs.path, arms.arm, arms.role, runs.at, runs.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which arms; None takes all. `evalset`: name or path. `model`: as asked for, or as it answered."""

    evalset: str | None = None
    arm: str | None = None
    role: str | None = None
    model: str | None = None
    since: str | None = None


class HistoryReader:
    """Reads one open history."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._tallies: dict[int, dict[int, Tally]] = {}

    def list_arms(self, wanted: Wanted) -> list[StoredArm]:
        """By evalset, arm and role, oldest first."""
        values = {
            "evalset": wanted.evalset,
            "arm": wanted.arm,
            "role": wanted.role,
            "model": wanted.model,
            "since": wanted.since,
        }
        return [_read_arm(row) for row in self._connection.execute(_ARMS, values)]

    def list_names(self) -> list[tuple[str, str, str, str]]:
        """(evalset, path, arm, role) of all that there is."""
        return list(
            self._connection.execute(
                "SELECT DISTINCT runs.evalset, runs.path, arms.arm, arms.role "
                "FROM runs JOIN arms ON arms.run = runs.id ORDER BY 2, 3, 4"
            )
        )

    def read_tallies(self, arms: Sequence[int]) -> dict[int, dict[int, Tally]]:
        """The tallies of each arm, by the hash of the case."""
        unread = [arm for arm in arms if arm not in self._tallies]
        query = "SELECT hash, graded, passed, format_failed FROM tallies WHERE arm = ?"
        for arm in unread:
            rows = self._connection.execute(query, (arm,)).fetchall()
            self._tallies[arm] = {row[0]: Tally._make(row[1:]) for row in rows}
        return {arm: self._tallies[arm] for arm in arms}

    def read_patterns(self, arms: Sequence[int]) -> dict[int, dict[str, PatternCount]]:
        """The patterns of each arm, by signature."""
        found: dict[int, dict[str, PatternCount]] = {arm: {} for arm in arms}
        for arm, signature, trials, cases, reproducible in self._select(
            "SELECT arm, signature, trials, cases, reproducible FROM patterns WHERE arm IN ({})", arms
        ):
            found[arm][signature] = PatternCount(trials, cases, bool(reproducible))
        return found

    def read_gates(self, arms: Sequence[int]) -> dict[int, list[GateResult]]:
        """The gates of each arm's run that judged that arm, or all of them."""
        found: dict[int, list[GateResult]] = {arm: [] for arm in arms}
        for arm, name, of_arm, role, outcome, value, limit in self._select(
            "SELECT arms.id, gates.name, gates.arm, gates.role, gates.outcome, gates.value, gates.bound "
            "FROM arms JOIN gates ON gates.run = arms.run AND gates.arm IN (arms.arm, '*') "
            "AND gates.role IN (arms.role, '*') WHERE arms.id IN ({}) ORDER BY gates.name",
            arms,
        ):
            found[arm].append(
                GateResult(name=name, arm=of_arm, role=role, outcome=outcome, value=value, limit=limit)
            )
        return found

    def read_clusters(self, split: int) -> dict[int, int]:
        """The groups of a set of cases: hash of the case → hash of its group."""
        query = "SELECT hash, cluster FROM split_cases WHERE split = ? AND cluster IS NOT NULL"
        return dict(self._connection.execute(query, (split,)).fetchall())

    def list_prompts(self, cases: Collection[int]) -> set[Prompt]:
        """The prompts tried on these cases: on sets that hold at least half of them."""
        shared: dict[int, int] = {}
        for split, count in self._select(
            "SELECT split, COUNT(*) FROM split_cases WHERE hash IN ({}) GROUP BY split", sorted(cases)
        ):
            shared[split] = shared.get(split, 0) + count
        same = [split for split, count in shared.items() if 2 * count >= len(cases)]
        query = "SELECT kind, digest FROM prompts WHERE split IN ({})"
        return {Prompt(kind, digest) for kind, digest in self._select(query, same)}

    def _select(self, query: str, values: Sequence[int]) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(values), _MANY):
            part = values[start : start + _MANY]
            yield from self._connection.execute(query.format(",".join("?" * len(part))), part)


def list_tried(path: Path, cases: Collection[int]) -> set[Prompt]:
    """The prompts that the history knows to have been tried on these cases; none where there is no history.

    Raises StorageError.
    """
    if not path.is_file():
        return set()
    with open_history(path) as connection:
        return HistoryReader(connection).list_prompts(cases)


def _read_arm(row: tuple[Any, ...]) -> StoredArm:
    number, split, name, evalset, path, at, verdict, bar, cases, revision, dirty, partial, *rest = row
    arm, role, setup, prompt, requested, models, fingerprints, *numbers = rest
    answered, priced, metered, cost, prompt_tokens, completion_tokens, p50, p95 = numbers
    run = HistoryRun(
        run=name, evalset=evalset, path=path, at=at, verdict=verdict, bar=bar, cases=cases, revision=revision,
        dirty=bool(dirty), is_partial=bool(partial),
    )  # fmt: skip
    measured = HistoryArm(
        arm=arm, role=role, setup=setup, prompt=prompt, requested=requested, models=_read_names(models),
        fingerprints=_read_names(fingerprints), answered=answered, priced=priced, metered=metered,
        cost_usd=cost, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, latency_p50_s=p50,
        latency_p95_s=p95,
    )  # fmt: skip
    return StoredArm(id=number, split=split, run=run, measured=measured)


def _read_names(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))

"""Which cases of two runs are the same: asked, expected and judged alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pytest_ftgate.model.baseline import Baseline, BaselineArm
from pytest_ftgate.model.comparison import Incomparable, NotCompared


def match_cases(now: Baseline, before: Baseline) -> tuple[dict[str, str], list[NotCompared]]:
    """Case now → the same case before, and what has no equal.

    A case that asks and expects what it did is the same, also where it was renamed and no other asks that.
    """
    same = {case.id: case.id for case in now.cases.values() if _is_same(case.id, now, before)}
    left = [case for case in before.cases.values() if case.id not in same]
    hashes = Counter(case.hash for case in left)
    alone = Counter(case.hash for case in now.cases.values() if case.id not in same)
    renamed = {case.hash: case.id for case in left if hashes[case.hash] == 1 and alone[case.hash] == 1}
    for case in now.cases.values():
        if case.id not in same and case.hash in renamed:
            same[case.id] = renamed[case.hash]
    return same, list(_explain_rest(now, before, same))


def _is_same(case: str, now: Baseline, before: Baseline) -> bool:
    known = before.cases.get(case)
    return known is not None and known.hash == now.cases[case].hash


def _explain_rest(now: Baseline, before: Baseline, same: dict[str, str]) -> Iterator[NotCompared]:
    for case in now.cases:
        if case not in same:
            yield NotCompared(case=case, why="changed" if case in before.cases else "new")
    known = set(same.values())
    for case in before.cases:
        if case not in known and case not in now.cases:
            yield NotCompared(case=case, why="gone")


def keep_comparable(
    same: dict[str, str], now: Baseline, before: Baseline, own: BaselineArm, other: BaselineArm
) -> tuple[dict[str, str], list[NotCompared]]:
    """Of the same cases those that two arms can be compared on, and why not the others."""
    kept: dict[str, str] = {}
    rest: list[NotCompared] = []
    unjudging = now.unjudging
    for case, earlier in same.items():
        why: Incomparable | None = "dev"
        if case not in unjudging:
            why = _find_obstacle(case, earlier, now, before, own, other)
        if why is None:
            kept[case] = earlier
        else:
            rest.append(NotCompared(case=case, why=why))
    return kept, rest


def _find_obstacle(
    case: str, earlier: str, now: Baseline, before: Baseline, own: BaselineArm, other: BaselineArm
) -> Incomparable | None:
    if now.graded_by != before.graded_by or now.cases[case].graders != before.cases[earlier].graders:
        return "graders"
    if dict(own.params) != dict(other.params):
        return "params"
    if not (case in own.cases and own.cases[case].graded):
        return "not_judged_now"
    if not (earlier in other.cases and other.cases[earlier].graded):
        return "not_judged_before"
    return None

"""Conditions of the decision as a tree of leaves and rules, and what it takes to turn one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from statistics import NormalDist

from pytest_ftgate.decision.wording import format_compared
from pytest_ftgate.model.verdict import Condition, Relation, Rule, Unit

Names = frozenset[str]
"""Leaves that are taken to hold the other way round."""

BY_HAND = 3.0
"""What a person can mend ranks with this many standard errors: behind what chance may turn in another run,
before what it hardly will."""

_FARTHEST = 8.0
_NORMAL = NormalDist()


def measure_distance(p: float, alpha: float) -> float:
    """Standard errors between a p-value and its level: both as quantiles of the normal distribution.

    So all tests, binomial and paired, have one scale (the probit of p: Stouffer et al., 1949).
    """
    return abs(_to_errors(p) - _to_errors(alpha))


def _to_errors(p: float) -> float:
    if not 0 < p < 1:
        return _FARTHEST if p <= 0 else -_FARTHEST
    return min(max(-_NORMAL.inv_cdf(p), -_FARTHEST), _FARTHEST)


def compare(
    name: str,
    subject: str,
    value: float | None,
    relation: Relation,
    limit: float,
    *,
    holds: bool,
    unit: Unit = "share",
    distance: float | None = None,
    remedy: str = "",
) -> Condition:
    """A leaf with a number: 'lower bound of few_shot: 78.9 % < 80 %'; the subject alone without one."""
    sign = relation if holds else _OPPOSITE[relation]
    text = subject if value is None else f"{subject}: {_COMPARED[unit](value, sign, limit)}"
    return Condition(
        name=name,
        text=text,
        holds=holds,
        value=value,
        limit=limit,
        relation=relation,
        unit=unit,
        distance=distance,
        remedy=remedy,
    )


def _compare_p(value: float, sign: str, limit: float) -> str:
    return f"p {value:.2g} {sign} {limit:g}"


def _compare_counts(value: float, sign: str, limit: float) -> str:
    return f"{value:,.0f} {sign} {limit:,.0f}"


_COMPARED = {"share": format_compared, "p": _compare_p, "count": _compare_counts}
_OPPOSITE: Mapping[str, str] = {">=": "<", ">": "<=", "<=": ">", "<": ">="}


def join(rule: Rule, name: str, text: str, parts: Collection[Condition]) -> Condition:
    """A rule over parts: all of them hold, any does, or none does."""
    return Condition(
        name=name, text=text, holds=_apply(rule, parts, frozenset()), rule=rule, parts=tuple(parts)
    )


def evaluate(condition: Condition, flipped: Names) -> bool:
    """Whether it holds, once the leaves named in `flipped` hold the other way round."""
    if condition.rule is None:
        return condition.holds != (condition.name in flipped)
    return _apply(condition.rule, condition.parts, flipped)


def _apply(rule: str, parts: Collection[Condition], flipped: Names) -> bool:
    if rule == "all":
        return all(evaluate(part, flipped) for part in parts)
    found = any(evaluate(part, flipped) for part in parts)
    return found if rule == "any" else not found


def list_leaves(condition: Condition) -> Iterator[Condition]:
    """The leaves of a condition, in order."""
    if condition.rule is None:
        yield condition
    for part in condition.parts:
        yield from list_leaves(part)


def measure_cost(leaf: Condition) -> float | None:
    """How far it is to turn a leaf, in standard errors; None where neither chance nor a person turns it."""
    if leaf.distance is not None:
        return leaf.distance
    return BY_HAND if leaf.remedy else None


def list_turns(condition: Condition, wanted: bool, flipped: Names) -> list[tuple[float, Names]]:
    """Ways to make the condition hold or not, over `flipped`: (cost of the farthest leaf, leaves to turn)."""
    if evaluate(condition, flipped) == wanted:
        return [(0.0, frozenset())]
    if condition.rule is None:
        cost = measure_cost(condition)
        return [] if cost is None else [(cost, frozenset({condition.name}))]
    wanted = wanted != (condition.rule == "none")
    turns = [list_turns(part, wanted, flipped) for part in condition.parts]
    if wanted != (condition.rule == "all"):
        return [turn for ways in turns for turn in ways]
    if not turns or not all(turns):
        return []
    cheapest = [min(ways, key=rank_turn) for ways in turns]
    return [(max(cost for cost, _ in cheapest), frozenset().union(*(names for _, names in cheapest)))]


def rank_turn(turn: tuple[float, Names]) -> tuple[float, int, list[str]]:
    """Sort key: the closest first, of these the one that turns fewest leaves."""
    return turn[0], len(turn[1]), sorted(turn[1])

"""The decision of a stored report told again, where the report is older than the telling of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from pytest_ftgate.decision.flips import FALLBACK, choose_step, describe_closest, find_flips
from pytest_ftgate.decision.knowledge import CONTEXT, SMALL_KNOWLEDGE_TOKENS
from pytest_ftgate.decision.situation import Situation
from pytest_ftgate.decision.steps import build_steps
from pytest_ftgate.model.evalset import CANDIDATE, Case, DecisionSpec, Evalset, Knowledge
from pytest_ftgate.model.finding import Finding
from pytest_ftgate.model.summary import (
    ArmSummary,
    BarTest,
    Paired,
    Pattern,
    PatternSet,
    Rate,
    Summary,
)
from pytest_ftgate.model.verdict import Verdict
from pytest_ftgate.registry import Registries
from pytest_ftgate.reports.decision_entry import describe_flips, describe_steps

REBUILT = "The report does not tell how it was decided; this is rebuilt from its numbers."
LOST = (
    "The report does not tell how it was decided, and too little of that is left in it: pytest-ftgate judge "
    "decides again."
)

_TELLS_MISSING = frozenset(("fine_tune_justified", "partial_pattern", "no_pattern", "inconclusive"))
"""Verdicts that name every arm without which tuning cannot be justified."""

_GIVEN_CONTEXT = re.compile(r"context is given for ([\d,]+) of ([\d,]+) cases")
_NEW: Mapping[str, Any] = {"economics": None, "judges": {}, "serving_cost_usd": None, "unpriced_calls": 0}
"""Keys of an entry that the first reports lack, and what their absence means."""

T = TypeVar("T")


def retell(entry: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """An evalset's entry with all that an explanation reads, and a note where not all of it was told.

    Raises LookupError, TypeError, AttributeError or ValueError for what is no entry of a report.
    """
    told = {**_NEW, **entry}
    verdict = told["verdict"] = _drop_old_plan(told["verdict"])
    if "steps" in verdict:
        return told, ""
    steps = build_steps(restore_situation(told))
    place = choose_step(steps)
    if (FALLBACK if place is None else steps[place].decision) != verdict["decision"]:
        return told, LOST
    flips = find_flips(steps)
    rebuilt = Verdict(decision=verdict["decision"], reason="", steps=steps, flips=flips)
    retold = {
        **verdict,
        "steps": describe_steps(rebuilt),
        "flips": describe_flips(rebuilt),
        "closest_condition": describe_closest(flips),
    }
    return {**told, "verdict": retold}, REBUILT


def _drop_old_plan(verdict: Mapping[str, Any]) -> Mapping[str, Any]:
    """A plan of before `economics` has other parts: what it was made of is not told, so none is shown."""
    plan = verdict["plan"]
    return {**verdict, "plan": None} if plan and "methods" not in plan else verdict


def restore_situation(entry: Mapping[str, Any]) -> Situation:
    """What the questions were asked of, as far as the report has it; see `_guess_knowledge` for the rest."""
    told, verdict = entry["decision"], entry["verdict"]
    evalset = Evalset(
        path=entry["path"],
        name=entry["name"],
        bar=entry["bar"],
        decision=DecisionSpec(
            **{name: told[name] for name in ("enabled", "alpha", "alpha_fine_tune", "floor", "share")},
            min_cases=told["min_cases"],
            waive=verdict["waived"],
            knowledge=_guess_knowledge(entry),
        ),
        cases=_list_cases(verdict["reason"]),
    )
    return Situation(evalset=evalset, summary=_restore_summary(entry), registries=Registries())


def _guess_knowledge(entry: Mapping[str, Any]) -> Knowledge:
    """The knowledge that gives the arms and the kind of remedy which the verdict names."""
    verdict = entry["verdict"]
    if verdict["decision"] in _TELLS_MISSING:
        is_answered = CONTEXT not in verdict["missing_arms"]
    else:
        arms = [arm for arm in entry["arms"] if arm["role"] == CANDIDATE and arm["question"] == 2]
        is_answered = any(arm["status"] == "run" for arm in arms)
    tokens = entry["knowledge_tokens"]
    is_small = tokens is not None and tokens < SMALL_KNOWLEDGE_TOKENS
    changes = "as stated" if is_small and verdict["decision"] == "use_rag" else None
    return Knowledge(stated=True, none=is_answered, changes=changes)


def _list_cases(reason: str) -> tuple[Case, ...]:
    """Cases with and without context, where the verdict says that too few have it."""
    found = _GIVEN_CONTEXT.search(reason)
    if found is None:
        return ()
    given, total = (int(number.replace(",", "")) for number in found.groups())
    return tuple(Case(id=str(place), context="?" if place < given else None) for place in range(total))


def _restore_summary(entry: Mapping[str, Any]) -> Summary:
    items, missing, share = entry["items"], entry["missing"], entry["confirmed_share"]
    return Summary(
        evalset=entry["name"],
        path=entry["path"],
        bar=entry["bar"],
        repeats=entry["repeats"],
        multiplicity=entry["verdict"]["m_arms"],
        arms=tuple(_restore_arm(arm) for arm in entry["arms"]),
        patterns=PatternSet(
            patterns=tuple(_restore_pattern(pattern) for pattern in entry["patterns"]),
            confirmed_share=share["value"],
            confirmed_share_low=share["low"],
            confirmed_share_high=share["high"],
        ),
        paired=tuple(
            _build(Paired, {**pair, "first": pair["arm"], "second": pair["against"], "lower": pair["low"],
                            "upper": pair["high"], "fixed": (), "broken": ()})
            for pair in entry["comparisons"]
        ),
        findings=tuple(_build(Finding, {"rule": "", **finding}) for finding in entry["findings"]),
        selected=items["selected"],
        total=items["total"],
        partial=items["partial"],
        missing=missing["records"],
        stale=missing["stale"],
        not_recorded=missing["not_recorded"],
        stop=entry["stop"],
        judged_cases=entry["cases"]["judged"],
        total_cases=entry["cases"]["total"],
        knowledge_tokens=entry["knowledge_tokens"],
        infra_errors=entry["infra_errors"],
    )  # fmt: skip


def _restore_arm(told: Mapping[str, Any]) -> ArmSummary:
    tests = {
        name: None if told[name] is None else _build(BarTest, told[name])
        for name in ("accuracy_test", "lenient_test")
    }
    rates = {
        # Reports of the first version lack some of these.
        name: None if told.get(name) is None else _restore_rate(told[name])
        for name in (
            "accuracy",
            "format_failures",
            "call_failures",
            "citation_failures",
            "pass_hat_k",
            "dev_accuracy",
        )
    }
    more = {"looks": None, "spending": None, "is_chosen": told.get("chosen")}
    return _build(ArmSummary, {**told, **tests, **rates, **more})


def _restore_pattern(told: Mapping[str, Any]) -> Pattern:
    plain = {"arms": (), "rate": _restore_rate(told["rate"]), "examples": (), "tags": (), "parts": ()}
    return _build(Pattern, {**told, **plain})


def _restore_rate(told: Mapping[str, Any]) -> Rate:
    return _build(Rate, {**told, "hits": told["passed"] if "passed" in told else told["failed"]})


def _build(kind: type[T], told: Mapping[str, Any]) -> T:
    """A dataclass from the keys that it knows: a report may have more, and an older one less."""
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in told.items() if name in known})

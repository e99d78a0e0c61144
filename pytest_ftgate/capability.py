"""The capability card of a run: which evalsets are its suites, and what it means for their gates."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_ftgate.decision.completeness import describe_gaps, describe_selection
from pytest_ftgate.decision.suite_gates import BASE, find_suite_margin, hold_suite_gates
from pytest_ftgate.model.capability import CapabilityCard
from pytest_ftgate.model.evalset import AS_IS, CANDIDATE, Suite
from pytest_ftgate.model.summary import CaseTally, Summary
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.model.verdict import Judgement
from pytest_ftgate.statistics.suites import SuiteAnswers, compare_suites

Entry = tuple[Plan, Summary, Judgement]


def settle_suites(entries: Sequence[Entry]) -> tuple[list[Entry], CapabilityCard | None]:
    """The entries with the gates of their suites decided together, and the card.

    No card, and the entries as they are, where no suite was answered by both models, and for shards.
    """
    suites = [(plan, summary, plan.evalset.suite) for plan, summary, _ in entries if plan.evalset.suite]
    if any(plan.shard is not None for plan, _, _ in suites):
        return list(entries), None
    names = _name_suites([(plan, suite) for plan, _, suite in suites])
    card = compare_suites(
        [_read_suite(plan, summary, suite, names[plan.evalset.name]) for plan, summary, suite in suites],
        against=BASE,
        alpha=min((plan.evalset.decision.alpha for plan, _, _ in suites), default=0.05),
        models=_list_models([(plan, summary) for plan, summary, _ in suites]),
    )
    if card is None:
        return list(entries), None
    return [(plan, summary, hold_suite_gates(plan.evalset, j, card)) for plan, summary, j in entries], card


def _read_suite(plan: Plan, summary: Summary, suite: Suite, name: str) -> SuiteAnswers:
    answers = {role: _list_tallies(summary, role) for role in (CANDIDATE, BASE)}
    reason = ""
    if summary.partial:
        reason = describe_selection(summary)
    elif gaps := describe_gaps(summary):
        reason = "; ".join(gaps)
    elif silent := [role for role, tallies in answers.items() if not tallies]:
        reason = f"no judged answer of role {' and '.join(silent)}"
    return SuiteAnswers(
        suite=name,
        evalset=plan.evalset.name,
        path=plan.evalset.path,
        weight=suite.weight,
        margin=find_suite_margin(plan.evalset),
        candidate=answers[CANDIDATE],
        base=answers[BASE],
        reason=reason,
    )


def _list_tallies(summary: Summary, role: str) -> tuple[CaseTally, ...]:
    arm = summary.arm(AS_IS, role)
    return tuple(tally for tally in arm.tallies if tally.graded) if arm else ()


def _name_suites(suites: Sequence[tuple[Plan, Suite]]) -> dict[str, str]:
    """Evalset → the name of its suite; with the evalset's own where two are of one name."""
    names = [suite.name for _, suite in suites]
    return {
        plan.evalset.name: suite.name
        if names.count(suite.name) == 1
        else f"{suite.name} ({plan.evalset.name})"
        for plan, suite in suites
    }


def _list_models(suites: Sequence[tuple[Plan, Summary]]) -> dict[str, tuple[str, ...]]:
    """Role → the models that answered; where recorded answers do not tell, those that the evalsets name."""
    found: dict[str, dict[str, None]] = {CANDIDATE: {}, BASE: {}}
    for plan, summary in suites:
        for role, models in found.items():
            asked = plan.evalset.models.get(role)
            named = summary.resolved_models.get(role) or ((asked.model,) if asked else ())
            models.update(dict.fromkeys(named))
    return {role: tuple(models) for role, models in found.items()}

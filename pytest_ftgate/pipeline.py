"""Joins the stages behind a run: records → summary → verdict and gates. Knows no pytest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from pytest_ftgate.baselines import hold_against
from pytest_ftgate.decision.claims import is_proven_at_bar as is_arm_proven
from pytest_ftgate.decision.completeness import is_arm_incomplete
from pytest_ftgate.decision.questions import decide
from pytest_ftgate.decision.shards import leave_to_merge
from pytest_ftgate.execution.price_map import find_price
from pytest_ftgate.model.baseline import NamedBaseline
from pytest_ftgate.model.evalset import AS_IS, CANDIDATE
from pytest_ftgate.model.finding import Finding
from pytest_ftgate.model.knowledge import KnowledgeSize
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.response import STOP_SIGNATURES
from pytest_ftgate.model.run import Looks, RunFacts
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.summary import Summary
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.model.verdict import Judgement
from pytest_ftgate.patterns.find import MAX_LISTED, find_patterns
from pytest_ftgate.patterns.suspects import explain_suspects
from pytest_ftgate.precheck import check_plan
from pytest_ftgate.registry import Registries
from pytest_ftgate.statistics.baseline_arms import summarise_baseline
from pytest_ftgate.statistics.breakdowns import explain_errors
from pytest_ftgate.statistics.judges import explain_judges
from pytest_ftgate.statistics.pattern_statistics import PATTERN_STATISTICS
from pytest_ftgate.statistics.splits import keep_dev, keep_judging
from pytest_ftgate.statistics.summarise import summarise
from pytest_ftgate.statistics.tallies import set_aside, set_further_aside

Decide = Callable[[Summary, Summary | None], Judgement | None]


def summarise_run(
    plan: Plan,
    records: Sequence[Record],
    facts: RunFacts,
    findings: Sequence[Finding],
    *,
    listed: int = MAX_LISTED,
) -> Summary:
    """All numbers of an evalset, patterns included; `listed` of these beside the confirmed ones."""
    summary = summarise(plan, records, facts)
    records = set_aside(records, facts.looks)
    patterns = find_patterns(
        plan,
        keep_judging(plan.evalset, records, partial=facts.partial),
        summary,
        PATTERN_STATISTICS,
        listed=listed,
        is_controlled=asks_for_patterns(plan, summary),
        shown=keep_dev(plan.evalset, records),
    )
    return replace(
        summary,
        stated_models=plan.stated_models,
        knowledge=_price_knowledge(plan),
        patterns=patterns,
        findings=(
            *summary.findings,
            *explain_errors(set_further_aside(records, plan.repeats)),
            *explain_judges(plan, summary.judges),
            *explain_suspects(plan, records),
            *findings,
        ),
    )


def asks_for_patterns(plan: Plan, summary: Summary) -> bool:
    """Whether question 3 is asked: the evalset is decided, and no arm is proven at the bar."""
    if not plan.evalset.decision.enabled or summary.partial or plan.shard is not None:
        return False
    bar = plan.evalset.bar
    return not any(is_arm_proven(arm, bar) for arm in summary.arms if arm.role == CANDIDATE)


def _price_knowledge(plan: Plan) -> KnowledgeSize | None:
    if plan.knowledge_tokens is None:
        return None
    model = plan.evalset.models.get(CANDIDATE)
    price = None if model is None else model.price or find_price(model.model)
    return KnowledgeSize(tokens=plan.knowledge_tokens, price=price)


def judge(
    plan: Plan,
    records: Sequence[Record],
    facts: RunFacts,
    *,
    settings: Settings,
    registries: Registries,
    override: Decide | None = None,
    findings: Sequence[Finding] | None = None,
    notes: Sequence[Finding] = (),
    against: NamedBaseline | None = None,
) -> tuple[Summary, Judgement]:
    """From records to the verdict and the gates.

    `override` may decide in place of the built-in rules, by the summary and that of the baseline; None from
    it lets them decide. `findings` are those of `check_plan`, where it was asked before the run; `notes`
    those of what is known beside the records. `against`: the baseline that was named. Of a shard nothing is
    decided.
    """
    ordered = sort_records(plan, records)
    wanted = [record for record in ordered if record.key.repeat <= plan.repeats]
    facts = replace(facts, stop=facts.stop or find_stop(wanted, facts.missing))
    if findings is None:
        findings = check_plan(plan, registries)
    summary = summarise_run(plan, ordered, facts, (*findings, *notes))
    if plan.shard is not None:
        return summary, leave_to_merge(plan.evalset, plan.shard)
    baseline = None
    if against is not None:
        summary = replace(summary, baseline=hold_against(plan, ordered, summary, against, registries))
        baseline = summarise_baseline(against.baseline) if against.baseline else None
    judgement = override(summary, baseline) if override else None
    if judgement is None:
        judgement = decide(
            plan.evalset,
            summary,
            strict=settings.strict,
            evidence=settings.evidence,
            evidence_default=settings.ini_evidence,
            registries=registries,
            baseline=baseline,
        )
    return summary, judgement


def find_stop(records: Sequence[Record], missing: int) -> str | None:
    """Why trials were not asked: a cap was reached, or their model was given up. None: all were asked."""
    left = [record for record in records if record.signature in STOP_SIGNATURES]
    if not left:
        return None
    due = len(records) + missing
    why = (left[0].error or left[0].signature or "").removeprefix("not asked: ")
    return f"{why}: {due - missing - len(left):,} of {due:,} trials asked"


def sort_records(plan: Plan, records: Sequence[Record]) -> list[Record]:
    """Records in plan order, whatever order the answers came in; further repeats behind their item's."""
    place = {(item.case, item.arm, item.role): index for index, item in enumerate(plan.items)}

    def find_place(record: Record) -> tuple[int, int]:
        key = record.key
        return place[key.case, key.arm, key.role], key.repeat

    return sorted(records, key=find_place)


def is_proven_at_bar(
    plan: Plan,
    records: Sequence[Record],
    arm: str,
    looks: Looks | None = None,
    *,
    must_be_answered: bool = False,
) -> bool:
    """Whether that arm of the candidate settles the ladder: the same test as the verdict's.

    `records` are those of the arm so far; with `looks` it is looked at before its end, or could have been.
    `must_be_answered`: not on records that would leave the run incomplete. With `split: dev` only `as_is` is
    a claim by itself; others have to be chosen first (`find_chosen_proven`).
    """
    if plan.evalset.dev_cases and arm != AS_IS:
        return False
    facts = RunFacts(looks={} if looks is None else {(arm, CANDIDATE): looks})
    summary = summarise(plan, records, facts).arm(arm)
    if summary is None or (must_be_answered and is_arm_incomplete(summary)):
        return False
    return is_arm_proven(summary, plan.evalset.bar)


def find_chosen_proven(plan: Plan, records: Sequence[Record]) -> str | None:
    """The arm that dev chose among those of `records`, where it is proven at the bar; None without dev.

    Asked when all arms of a question are in: no later arm changes what was chosen for it.
    """
    if not plan.evalset.dev_cases:
        return None
    arms = summarise(plan, records, RunFacts()).arms
    bar = plan.evalset.bar
    return next((arm.arm for arm in arms if arm.is_chosen and is_arm_proven(arm, bar)), None)

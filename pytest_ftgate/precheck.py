"""Looks at an evalset before it is asked: every stage says what it sees, and the models' limits join in."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_ftgate.collector import paused_collector
from pytest_ftgate.execution.endpoints import base_url_of
from pytest_ftgate.execution.price_map import find_snapshot, find_window, is_floating
from pytest_ftgate.grading.faults import find_faults as find_grading_faults
from pytest_ftgate.grading.faults import list_unjudged
from pytest_ftgate.model.evalset import CANDIDATE, RECORDED_MODEL, ModelSpec
from pytest_ftgate.model.finding import COPIED_CASES, UNDECIDABLE_RANGE, Finding
from pytest_ftgate.model.trial import Plan, Request
from pytest_ftgate.planning.case_texts import CaseTexts
from pytest_ftgate.planning.cautions import find_cautions
from pytest_ftgate.planning.faults import find_faults as find_planning_faults
from pytest_ftgate.planning.search_faults import find_search_faults
from pytest_ftgate.registry import Registries
from pytest_ftgate.reports.numbers import format_count, format_percent
from pytest_ftgate.reports.plan_table import describe_decidability
from pytest_ftgate.statistics.decidable import find_decidable
from pytest_ftgate.statistics.sample_size import plan_cases

NEAR = 0.05
"""How far from the bar an accuracy lies that is worth telling from it."""

_WORTH = 1.2
_ORDER = ("error", "warning", "note")


@paused_collector()
def check_plan(plan: Plan, registries: Registries) -> tuple[Finding, ...]:
    """What is wrong with the evalset and what its size can tell, the gravest first. Nothing is asked."""
    unjudged = list_unjudged(plan.evalset, plan.graders, registries)
    windows = {role: window for role, spec in plan.evalset.models.items() if (window := _find_window(spec))}
    texts = CaseTexts(plan.evalset.cases)
    cautions = find_cautions(plan, windows, texts)
    copies = {case for finding in cautions if finding.rule == COPIED_CASES for case in finding.cases}
    uncounted = copies.union(unjudged)
    judged = sum(case.id not in uncounted for case in plan.evalset.judging_cases)
    found = [
        *find_planning_faults(plan, texts),
        *find_search_faults(plan.retrievals),
        *find_grading_faults(plan.evalset, plan.graders, registries),
        *_report_split(plan),
        *_report_count(plan, judged, unjudged),
        *cautions,
        *_report_floating(plan),
        *_report_decidability(plan, judged),
    ]
    return tuple(sorted(found, key=lambda finding: (not finding.blocks, _ORDER.index(finding.severity))))


def _find_window(spec: ModelSpec) -> int | None:
    own = spec.params.get("num_ctx")
    if isinstance(own, int) and not isinstance(own, bool) and own > 0:
        return own
    return find_window(spec.model)


def _report_count(plan: Plan, judged: int, unjudged: tuple[str, ...]) -> Iterable[Finding]:
    """`judged`: different cases that can be; `unjudged`: cases that cannot."""
    total, wanted = len(plan.evalset.cases), plan.evalset.decision.min_cases
    dev = len(plan.evalset.dev_cases)
    kind = "holdout " if dev else ""
    lack = f"{len(unjudged):,} of {total:,} cases have no expected output that their graders need"
    if plan.evalset.decision.enabled and judged < wanted:
        yield Finding(
            rule="too-few-cases",
            severity="warning",
            what=f"{format_count(judged, 'different case')} can be judged, a diagnosis needs {wanted:,}"
            + (f" ({dev:,} more are `split: dev`, which judge none)" if dev else "")
            + (f": {lack}" if unjudged else ""),
            cases=unjudged,
            remedy=f"add {format_count(wanted - judged, f'{kind}case')} with expected outputs: without them "
            "there is a verdict only where an arm is proven at the bar",
        )
    elif unjudged:
        yield Finding(
            rule="no-expected",
            severity="warning",
            what=f"{lack}: they count nowhere",
            cases=unjudged,
            remedy="give them an `expected`, or take them out",
        )


def _report_split(plan: Plan) -> Iterable[Finding]:
    cases = plan.evalset.cases
    judging = plan.evalset.judging_cases
    if not judging:
        yield Finding(
            rule="no-holdout",
            severity="error",
            what="all cases are `split: dev`, so none judges",
            remedy="mark cases that no prompt is chosen by `split: holdout`, or take `split` out",
            blocks=True,
        )
    groups = {case.group for case in judging if case.group is not None}
    shared = {case.group for case in cases if not case.judges and case.group in groups}
    if shared:
        verb = "lies" if len(shared) == 1 else "lie"
        yield Finding(
            rule="group-in-both-splits",
            severity="warning",
            what=f"{format_count(len(shared), 'group')} of cases {verb} in both "
            "dev and holdout: what was learned from one half helps with the other",
            cases=tuple(case.id for case in cases if case.group in shared),
            remedy="keep each `group` in one split",
        )
    unmarked = tuple(case.id for case in cases if case.split is None)
    if unmarked and len(unmarked) < len(cases):
        yield Finding(
            rule="unmarked-split",
            severity="note",
            what=f"{len(unmarked):,} of {len(cases):,} cases have no `split`: they judge, as holdout does",
            cases=unmarked,
            remedy="mark them `split: dev` where prompts are chosen by them",
        )


def _report_floating(plan: Plan) -> Iterable[Finding]:
    for role, spec in plan.evalset.models.items():
        is_elsewhere = base_url_of(Request(model=spec.model, messages=(), params=spec.params)) is not None
        if spec.model == RECORDED_MODEL or is_elsewhere or not is_floating(spec.model):
            continue
        snapshot = find_snapshot(spec.model)
        yield Finding(
            rule="floating-model",
            severity="note",
            what=f"{spec.model} ({role}) is a name that its vendor may put another model behind: two runs "
            "need not have asked the same one",
            remedy=f"name a dated snapshot, such as {snapshot}" if snapshot else "name a dated snapshot",
        )


def _report_decidability(plan: Plan, judged: int) -> Iterable[Finding]:
    decision = plan.evalset.decision
    if not decision.enabled or judged < 1:
        return
    # Repeats at temperature 0 are mostly one answer: they buy no evidence.
    model = plan.evalset.models.get(CANDIDATE)
    is_greedy = model is not None and model.params.get("temperature") == 0
    repeats = 1 if is_greedy else plan.repeats
    bar, alpha = plan.evalset.bar, decision.alpha
    found = find_decidable(judged, repeats, bar, alpha=alpha)
    wanted = plan_cases(bar - NEAR, bar, repeats=repeats, icc=found.icc, alpha=alpha) if bar > NEAR else None
    yield Finding(
        rule=UNDECIDABLE_RANGE,
        severity="note",
        what=describe_decidability(found).removesuffix("."),
        remedy=f"about {wanted:,} cases would tell {format_percent(bar - NEAR)} from the bar"
        if wanted is not None and wanted > _WORTH * judged
        else "",
    )

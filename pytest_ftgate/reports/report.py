"""The report: everything about a run as one JSON value (schemas/report.schema.json)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from pytest_ftgate.model.build_failure import BuildFailure
from pytest_ftgate.model.capability import CapabilityCard
from pytest_ftgate.model.evalset import Json
from pytest_ftgate.model.finding import Finding
from pytest_ftgate.model.summary import (
    ArmPattern,
    ArmSummary,
    Example,
    Paired,
    Pattern,
    Summary,
)
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.model.verdict import GateResult, Judgement, Verdict
from pytest_ftgate.reports.decision_entry import describe_flips, describe_steps
from pytest_ftgate.reports.prompt_entry import describe_prompts
from pytest_ftgate.reports.rates import describe_rate as describe_rate
from pytest_ftgate.reports.searches import describe_knowledge, describe_search

FORMAT_VERSION = 1
MAX_TEXT = 4_000
"""Characters of one raw text (an output, an input) kept in the report; records hold all of it."""

MAX_EXAMPLES = 5


def build_report(
    header: Mapping[str, Json],
    entries: Sequence[tuple[Plan, Summary, Judgement]],
    card: CapabilityCard | None = None,
    failures: Sequence[BuildFailure] = (),
) -> dict[str, Json]:
    """The report of a run. JSON-safe: no NaN, no lone surrogates, only lists and text-keyed objects."""
    report = {
        "ftgate": FORMAT_VERSION,
        "header": dict(header),
        "evalsets": [describe_evalset(plan, summary, judgement) for plan, summary, judgement in entries],
        "capability": asdict(card) if card else None,
        "failures": [asdict(failure) for failure in failures],
    }
    safe: dict[str, Json] = make_json_safe(report)
    return safe


def describe_evalset(plan: Plan, summary: Summary, judgement: Judgement) -> dict[str, Json]:
    """What the report says of one evalset."""
    decision = plan.evalset.decision
    return {
        "name": summary.evalset,
        "path": summary.path,
        "bar": summary.bar,
        "repeats": summary.repeats,
        "settings_hash": summary.settings_hash,
        "models": {role: list(models) for role, models in summary.resolved_models.items()},
        "requested_models": {role: spec.model for role, spec in plan.evalset.models.items()},
        "cases": {"total": summary.total_cases, "judged": summary.judged_cases},
        "split": asdict(summary.split) if summary.split else None,
        "items": {"total": summary.total, "selected": summary.selected, "partial": summary.partial},
        "missing": {
            "records": summary.missing,
            "stale": summary.stale,
            "not_recorded": summary.not_recorded,
        },
        "stop": summary.stop,
        "tied_to_prompt": summary.tied_to_prompt,
        "decision": {
            "enabled": decision.enabled,
            "alpha": decision.alpha,
            "alpha_fine_tune": decision.alpha_fine_tune,
            "floor": decision.floor,
            "share": decision.share,
            "min_cases": decision.min_cases,
        },
        "verdict": _describe_verdict(judgement.verdict),
        "economics": asdict(judgement.economics) if judgement.economics else None,
        "gates": [_describe_gate(gate) for gate in judgement.gates],
        "arms": [_describe_arm(arm) for arm in summary.arms],
        "patterns": [_describe_pattern(pattern) for pattern in summary.patterns.patterns],
        "confirmed_share": _describe_share(summary),
        "pattern_control": asdict(control) if (control := summary.patterns.control) else None,
        "further_trials": summary.further_trials,
        "comparisons": [_describe_comparison(pair) for pair in summary.paired],
        "roles": [asdict(pair) for pair in summary.role_pairs],
        "baseline": asdict(summary.baseline) if summary.baseline else None,
        "prompts": describe_prompts(plan),
        "findings": [_describe_finding(finding) for finding in summary.findings],
        "confusion": {expected: dict(got) for expected, got in summary.confusion.items()},
        "fields": {name: describe_rate(rate, "passed") for name, rate in summary.fields.items()},
        "tags": {name: describe_rate(rate, "passed") for name, rate in summary.tags.items()},
        "infra_errors": dict(summary.infra_errors),
        "knowledge_tokens": summary.knowledge_tokens,
        "knowledge": describe_knowledge(summary.knowledge),
        "retrievals": [describe_search(found) for found in summary.retrievals],
        "requests_sent": summary.requests_sent,
        "cost_usd": summary.cost_usd,
        "serving_cost_usd": summary.serving_cost_usd,
        "unpriced_calls": summary.unpriced_calls,
        "judges": {name: asdict(judge) for name, judge in summary.judges.items()},
    }


def _describe_verdict(verdict: Verdict) -> dict[str, Json]:
    return {
        "decision": verdict.decision,
        "also": list(verdict.also),
        "reason": verdict.reason,
        "recommended_arm": verdict.recommended_arm,
        "leans_to": verdict.leans_to,
        "cases_needed": verdict.cases_needed,
        "missing_arms": list(verdict.missing_arms),
        "waived": dict(verdict.waived) if verdict.waived else {},
        "p": verdict.p,
        "m_arms": verdict.m_arms,
        "closest_condition": verdict.closest_condition,
        "changes": list(verdict.changes),
        "next_command": verdict.next_command,
        "steps": describe_steps(verdict),
        "flips": describe_flips(verdict),
        "plan": asdict(verdict.plan) if verdict.plan else None,
    }


def _describe_gate(gate: GateResult) -> dict[str, Json]:
    return asdict(gate)


def _describe_arm(arm: ArmSummary) -> dict[str, Json]:
    tokens = {"prompt": arm.prompt_tokens, "completion": arm.completion_tokens}
    return {
        "arm": arm.arm,
        "role": arm.role,
        "kind": arm.kind,
        "question": arm.question,
        "status": arm.status,
        "reason": arm.reason,
        "accuracy": describe_rate(arm.accuracy, "passed"),
        "accuracy_test": asdict(arm.accuracy_test) if arm.accuracy_test else None,
        "lenient_test": asdict(arm.lenient_test) if arm.lenient_test else None,
        "format_failures": describe_rate(arm.format_failures, "failed"),
        "call_failures": describe_rate(arm.call_failures, "failed"),
        "citation_failures": describe_rate(arm.citation_failures, "failed"),
        "pass_hat_k": describe_rate(arm.pass_hat_k, "passed"),
        "planned": arm.planned,
        "unanswered": arm.unanswered,
        "identical_repeats": arm.identical_repeats,
        "repeats_dropped": arm.repeats_dropped,
        "cost_usd": arm.cost_usd,
        "cost_usd_per_1k_cases": arm.cost_usd_per_1k_cases,
        "tokens": tokens if any(value is not None for value in tokens.values()) else None,
        "latency_p50_s": arm.latency_p50_s,
        "latency_p95_s": arm.latency_p95_s,
        "schema_enforced": arm.schema_enforced,
        "probe": arm.probe,
        "repeats": arm.repeats,
        "draws": asdict(arm.draw) if arm.draw else None,
        "icc": arm.icc,
        "looks": asdict(arm.looks) if arm.looks else None,
        "follow_ups": asdict(arm.follow_ups) if arm.follow_ups else None,
        "spending": asdict(arm.spending) if arm.spending else None,
        "dev_accuracy": describe_rate(arm.dev_accuracy, "passed"),
        "chosen": arm.is_chosen,
    }


def _describe_pattern(pattern: Pattern) -> dict[str, Json]:
    return {
        "signature": pattern.signature,
        "kind": pattern.kind,
        "level": pattern.level,
        "trials": pattern.trials,
        "cases": pattern.cases,
        "arms": [under.arm for under in pattern.arms],
        "by_arm": [_describe_arm_pattern(under) for under in pattern.arms],
        "rate": describe_rate(pattern.rate, "failed"),
        "recurrence": pattern.recurrence,
        "form": pattern.form,
        "share": pattern.share,
        "share_low": pattern.share_low,
        "share_high": pattern.share_high,
        "rate_expected": describe_rate(pattern.rate_expected, "failed"),
        "p_holm": pattern.p_holm,
        "reproducible": pattern.reproducible,
        "specific": pattern.specific,
        "why_not": pattern.why_not,
        "examples": [_describe_example(example) for example in pattern.examples[:MAX_EXAMPLES]],
        "hint": pattern.hint,
        "tags": [asdict(tag) for tag in pattern.tags],
        "parts": [asdict(part) for part in pattern.parts],
        "part_count": pattern.part_count,
        "told_by": pattern.told_by,
    }


def _describe_arm_pattern(under: ArmPattern) -> dict[str, Json]:
    return {
        "arm": under.arm,
        "role": under.role,
        "rate": describe_rate(under.rate, "failed"),
        "p_floor": under.p_floor,
        "trials": under.trials,
        "cases": under.cases,
        "recurring_cases": under.recurring_cases,
        "recurrence": under.recurrence,
        "agreement": under.agreement,
        "agreement_p": under.agreement_p,
    }


def _describe_example(example: Example) -> dict[str, Json]:
    return {
        "case": example.case,
        "arm": example.arm,
        "role": example.role,
        "repeat": example.repeat,
        "output": _cut(example.output),
        "expected": _cut(example.expected),
        "input": _cut(example.input),
        "reason": _cut(example.reason),
    }


def _describe_share(summary: Summary) -> dict[str, Json]:
    patterns = summary.patterns
    return {
        "value": patterns.confirmed_share,
        "low": patterns.confirmed_share_low,
        "high": patterns.confirmed_share_high,
        "best_arm": patterns.best_arm,
        "ceiling": patterns.ceiling,
    }


def _describe_comparison(pair: Paired) -> dict[str, Json]:
    return {
        "arm": pair.first,
        "against": pair.second,
        "role": pair.role,
        "cases": pair.cases,
        "difference": pair.difference,
        "low": pair.lower,
        "high": pair.upper,
        "fixed": list(pair.fixed),
        "broken": list(pair.broken),
        "not_comparable": [],
    }


def _describe_finding(finding: Finding) -> dict[str, Json]:
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "what": _cut(finding.what),
        "cases": list(finding.cases),
        "remedy": finding.remedy,
        "blocks": finding.blocks,
    }


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= MAX_TEXT:
        return text
    return f"{text[:MAX_TEXT]}... ({len(text) - MAX_TEXT:,} more characters)"


def make_json_safe(value: Json) -> Json:
    """The value with tuples as lists, text keys, no NaN or infinity (null), no lone surrogates (escaped).

    Raises TypeError for what is no JSON at all.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return _make_text_safe(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_make_text_safe(str(key)): make_json_safe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [make_json_safe(item) for item in value]
    raise TypeError(f"{type(value).__name__} is not JSON: {value!r:.80}")


def _make_text_safe(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text

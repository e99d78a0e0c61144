"""The built-in gates, and their evaluation for one evalset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pytest_ftgate.decision.completeness import describe_absence, describe_gaps, describe_selection
from pytest_ftgate.decision.evidence import (
    PROVE_PASS,
    TOLERANCE,
    choose_evidence,
    is_passing,
    proves_at_least,
    proves_at_most,
)
from pytest_ftgate.decision.wording import UNTIED, format_compared, format_count, to_ascii
from pytest_ftgate.errors import UnknownNameError
from pytest_ftgate.model.evalset import Evalset, GateSpec, Json
from pytest_ftgate.model.protocols import Gate
from pytest_ftgate.model.summary import Rate, Summary
from pytest_ftgate.model.verdict import GateResult
from pytest_ftgate.registry import Registry

COMPLETE, ACCURACY = "complete", "accuracy"
_SHARE: Json = {"type": "number", "minimum": 0, "maximum": 1}
_LIMIT: Json = {"type": "number", "exclusiveMinimum": 0}


class CompleteGate:
    """Fails when records are missing, stale or not recorded, or > 2 % of an arm × role is unanswered."""

    options: Mapping[str, Json] = {}

    def evaluate(
        self,
        spec: GateSpec,
        summary: Summary,
        *,
        evidence: str,
        baseline: Summary | None = None,  # noqa: ARG002
    ) -> GateResult:
        gaps = describe_gaps(summary)
        lost = sum(arm.unanswered for arm in summary.arms)
        note = f"; {format_count(lost, 'trial')} without an answer, 2 % of an arm may be" if lost else ""
        reason = "; ".join(gaps) if gaps else f"every planned trial was asked{note}"
        return _result(spec, "failed" if gaps else "passed", evidence=evidence, reason=reason)


class AccuracyGate:
    """`min`: the accuracy wanted; absent = the evalset's bar."""

    options: Mapping[str, Json] = {"min": _SHARE}

    def evaluate(
        self,
        spec: GateSpec,
        summary: Summary,
        *,
        evidence: str,
        baseline: Summary | None = None,  # noqa: ARG002
    ) -> GateResult:
        limit = float(spec.options.get("min", summary.bar))
        arm = summary.arm(spec.arm, spec.role)
        rate = arm.accuracy if arm else None
        if rate is None or rate.value is None:
            return _result(spec, "failed", limit=limit, evidence=evidence, reason=_NOTHING_JUDGED)
        estimate, proof = rate.value >= limit - TOLERANCE, proves_at_least(rate, limit)
        shown = format_compared(rate.value, ">=" if estimate else "<", limit)
        sides = ("above", "below")
        return _rate_result(spec, rate, limit, evidence, estimate, proof, shown, sides)


class FormatFailuresGate:
    """`max`: the share of format failures allowed (default 0.05)."""

    options: Mapping[str, Json] = {"max": _SHARE}

    def evaluate(
        self,
        spec: GateSpec,
        summary: Summary,
        *,
        evidence: str,
        baseline: Summary | None = None,  # noqa: ARG002
    ) -> GateResult:
        limit = float(spec.options.get("max", 0.05))
        arm = summary.arm(spec.arm, spec.role)
        rate = arm.format_failures if arm else None
        if rate is None or rate.value is None:
            judged = arm is not None and arm.accuracy is not None and arm.accuracy.graded > 0
            reason = _NO_FORMAT_GRADER if judged and rate is None else _NOTHING_JUDGED
            return _result(spec, "failed", limit=limit, evidence=evidence, reason=reason)
        estimate, proof = rate.value <= limit + TOLERANCE, proves_at_most(rate, limit)
        shown = format_compared(rate.value, "<=" if estimate else ">", limit)
        return _rate_result(spec, rate, limit, evidence, estimate, proof, shown, ("below", "above"))


_NOTHING_JUDGED = "nothing was judged: no trial of this arm passed or failed"
_NO_FORMAT_GRADER = (
    "no format grader judges this evalset, so its format-failure rate is unknown: "
    "add one (is-json, json-fields, label, regex, ...) or take the gate out"
)


class LatencyGate:
    """`p50_s`, `p95_s`: the most seconds allowed. No error rate is claimed: the measurement decides."""

    options: Mapping[str, Json] = {"p50_s": _LIMIT, "p95_s": _LIMIT}

    def evaluate(
        self,
        spec: GateSpec,
        summary: Summary,
        *,
        evidence: str,
        baseline: Summary | None = None,  # noqa: ARG002
    ) -> GateResult:
        arm = summary.arm(spec.arm, spec.role)
        measured = {
            "p50_s": arm.latency_p50_s if arm else None,
            "p95_s": arm.latency_p95_s if arm else None,
        }
        missing = "no latency was measured (recorded answers may carry none): run live, or take the gate out"
        return _measured_result(spec, measured, evidence, missing, "s")


class CostGate:
    """`usd_per_1k_cases`: the most USD allowed for 1,000 cases asked once."""

    options: Mapping[str, Json] = {"usd_per_1k_cases": _LIMIT}

    def evaluate(
        self,
        spec: GateSpec,
        summary: Summary,
        *,
        evidence: str,
        baseline: Summary | None = None,  # noqa: ARG002
    ) -> GateResult:
        arm = summary.arm(spec.arm, spec.role)
        measured = {"usd_per_1k_cases": arm.cost_usd_per_1k_cases if arm else None}
        missing = "the cost is unknown: state the model's `price:` in the evalset, or take the gate out"
        return _measured_result(spec, measured, evidence, missing, "USD")


def _result(
    spec: GateSpec,
    outcome: str,
    *,
    evidence: str,
    reason: str,
    value: float | None = None,
    limit: float | None = None,
    proven: bool | None = None,
) -> GateResult:
    return GateResult(
        name=spec.name,
        arm=spec.arm,
        role=spec.role,
        outcome=outcome,  # type: ignore[arg-type]
        value=value,
        limit=limit,
        evidence=evidence,
        proven=proven,
        reason=reason,
    )


def _rate_result(
    spec: GateSpec,
    rate: Rate,
    limit: float,
    evidence: str,
    estimate: bool,
    proof: bool | None,
    shown: str,
    sides: tuple[str, str],
) -> GateResult:
    """`proof`: True = proven on the passing side, False = on the failing side, None = neither."""
    label = "not proven" if proof is None else f"proven {sides[0] if proof else sides[1]}"
    passed = is_passing(evidence, estimate, proof)
    reason = f"{shown} ({label})"
    if not passed and estimate:
        reason += (
            f"; evidence {PROVE_PASS} asks for proof, which {format_count(rate.cases, 'case')} did not give"
        )
    elif passed and not estimate:
        reason += f"; evidence {evidence} fails on proof alone"
    outcome = "passed" if passed else "failed"
    return _result(
        spec,
        outcome,
        evidence=evidence,
        reason=reason,
        value=rate.value,
        limit=limit,
        proven=proof is not None,
    )


def _measured_result(
    spec: GateSpec, measured: Mapping[str, float | None], evidence: str, missing: str, unit: str
) -> GateResult:
    """The limit that is broken worst (or met most narrowly) is the one shown."""
    limits = {name: float(limit) for name, limit in spec.options.items() if name in measured}
    if not limits:
        reason = f"the gate states no limit: give one of {', '.join(sorted(measured))}"
        return _result(spec, "failed", evidence=evidence, reason=reason)
    if any(measured[name] is None for name in limits):
        return _result(spec, "failed", evidence=evidence, reason=missing)
    name = max(limits, key=lambda name: (measured[name] or 0.0) / limits[name])
    value, limit = measured[name] or 0.0, limits[name]
    passed = value <= limit + TOLERANCE
    reason = f"{name} {value:.3g} {unit} {'<=' if passed else '>'} {limit:g} {unit} (measured)"
    outcome = "passed" if passed else "failed"
    return _result(spec, outcome, evidence=evidence, reason=reason, value=value, limit=limit)


def evaluate_gates(
    evalset: Evalset,
    summary: Summary,
    registry: Registry[Gate],
    *,
    strict: bool,
    evidence: str | None,
    evidence_default: str | None = None,
    baseline: Summary | None = None,
) -> tuple[GateResult, ...]:
    """All gates of an evalset; `complete` is always among them, and first.

    A gate without anything to judge fails; only one whose arm the user left out of this run is
    skipped (but not accuracy, and not under `strict`). A partial selection skips all, but `complete`
    still fails where selected trials were not evaluated. A gate that crashes fails.
    """
    results = []
    for spec in list_gates(evalset):
        rule = choose_evidence(spec, evidence=evidence, strict=strict, fallback=evidence_default)
        result = _skip_gate(spec, summary, rule, strict)
        if result is None:
            result = _evaluate_gate(spec, summary, registry, rule, baseline)
        results.append(result)
    return tuple(results)


def list_gates(evalset: Evalset) -> list[GateSpec]:
    """The gates of an evalset, `complete` first."""
    named = [spec for spec in evalset.gates if spec.name == COMPLETE] or [GateSpec(name=COMPLETE)]
    return [*named, *(spec for spec in evalset.gates if spec.name != COMPLETE)]


def _skip_gate(spec: GateSpec, summary: Summary, rule: str, strict: bool) -> GateResult | None:
    is_complete = spec.name == COMPLETE
    if summary.partial:
        selection = describe_selection(summary)
        if is_complete and (gaps := describe_gaps(summary)):
            return _result(spec, "failed", evidence=rule, reason=f"{'; '.join(gaps)} ({selection})")
        if is_complete and strict:
            reason = f"{selection}; --ftgate-strict needs them all"
            return _result(spec, "failed", evidence=rule, reason=reason)
        return _result(spec, "skipped", evidence=rule, reason=f"not evaluated: {selection}")
    if is_complete:
        return None
    arm = summary.arm(spec.arm, spec.role)
    if arm is None or arm.status != "run":
        is_left_out = arm is not None and arm.status == "not_run"
        is_skipped = is_left_out and spec.name != ACCURACY and not strict
        reason = f"not evaluated: {describe_absence(spec, arm, summary)}"
        return _result(spec, "skipped" if is_skipped else "failed", evidence=rule, reason=reason)
    return None


def _evaluate_gate(
    spec: GateSpec, summary: Summary, registry: Registry[Gate], rule: str, baseline: Summary | None
) -> GateResult:
    try:
        gate = registry.get(spec.name)
        result = gate.evaluate(spec, summary, evidence=rule, baseline=baseline)
    except UnknownNameError as error:
        return _result(spec, "failed", evidence=rule, reason=str(error))
    except Exception as error:  # noqa: BLE001 - third-party gates may raise anything: fail closed, and say so
        reason = f"the gate crashed: {type(error).__name__}: {to_ascii(str(error))[:200]}"
        return _result(spec, "failed", evidence=rule, reason=reason)
    if not summary.tied_to_prompt:
        result = replace(result, reason=f"{result.reason}{UNTIED}")
    return result

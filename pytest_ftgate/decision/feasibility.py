"""Gates that no result could satisfy, found before a single call is paid."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pytest_ftgate.decision.evidence import PROVE_PASS, choose_evidence
from pytest_ftgate.decision.wording import format_count, format_percent
from pytest_ftgate.model.evalset import Evalset, GateSpec


def count_cases_needed(alpha: float, bar: float) -> int | None:
    """The fewest cases whose perfect score proves a rate >= bar; None where no number does.

    A perfect score on n cases has the one-sided lower bound alpha^(1/n) (Clopper and Pearson, 1934),
    so n >= ln(alpha) / ln(bar).
    """
    if bar >= 1:
        return None
    if bar <= 0:
        return 1
    # Rounded first: ln(0.05)/ln(0.05) must give 1, not 2, when the division is off by one ulp.
    return max(1, math.ceil(round(math.log(alpha) / math.log(bar), 9)))


def infeasible_gates(
    evalset: Evalset,
    evidence: str | None = None,
    *,
    strict: bool = False,
    evidence_default: str | None = None,
) -> list[tuple[GateSpec, str]]:
    """The gates that cannot pass at this number of cases, each with a sentence that says what can."""
    return list(_find_infeasible(evalset, evidence, strict, evidence_default))


def _find_infeasible(
    evalset: Evalset, evidence: str | None, strict: bool, fallback: str | None
) -> Iterator[tuple[GateSpec, str]]:
    cases = len(evalset.judging_cases)
    for spec in evalset.gates:
        bar = _required_rate(spec, evalset)
        rule = choose_evidence(spec, evidence=evidence, strict=strict, fallback=fallback)
        if bar is None or rule != PROVE_PASS:
            continue
        needed = count_cases_needed(evalset.decision.alpha, bar)
        if needed is not None and cases >= needed:
            continue
        yield spec, _describe(spec, bar, cases, needed, strict=strict)


def _required_rate(spec: GateSpec, evalset: Evalset) -> float | None:
    if spec.name == "accuracy":
        return float(spec.options.get("min", evalset.bar))
    if spec.name == "format_failures":
        return 1 - float(spec.options.get("max", 0.05))
    return None


def _describe(spec: GateSpec, bar: float, cases: int, needed: int | None, *, strict: bool) -> str:
    if spec.name == "accuracy":
        claim = f"an accuracy of {format_percent(bar)} or more"
    else:
        claim = f"at most {format_percent(1 - bar)} format failures"
    source = "--ftgate-strict" if strict else f"evidence {PROVE_PASS}"
    start = (
        f"gate {spec.name} cannot pass: under {source}, even a perfect score on {format_count(cases, 'case')}"
    )
    if needed is None:
        return f"{start} (or on any number) does not prove {claim}. Ask for less, or use evidence estimate."
    return (
        f"{start} does not prove {claim}; {format_count(needed, 'case')} can. "
        f"Add {format_count(needed - cases, 'case')}, ask for less, or use evidence estimate."
    )

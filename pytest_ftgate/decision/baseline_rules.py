"""What gates say of a baseline: that there is none, that nothing can be compared, what was left out."""

from __future__ import annotations

from collections import Counter

from pytest_ftgate.decision.wording import format_count, to_ascii
from pytest_ftgate.model.baseline import BASELINE
from pytest_ftgate.model.comparison import INCOMPARABLE, BaselinePair
from pytest_ftgate.model.evalset import GateSpec
from pytest_ftgate.model.summary import Summary
from pytest_ftgate.model.verdict import GateResult

REQUIRED = "--ftgate-require-baseline"
"""Why an absent baseline fails."""


def choose_against(spec: GateSpec, summary: Summary) -> str:
    """What a gate holds the run against: as stated, else role `base` where it has one, else the baseline."""
    stated = spec.options.get("against")
    if stated is not None:
        return str(stated)
    roles = {arm.role for arm in summary.arms} | {pair.against for pair in summary.role_pairs}
    return "base" if "base" in roles else BASELINE


def tell_no_baseline(spec: GateSpec, summary: Summary, evidence: str) -> GateResult | None:
    """The result of a gate that has nothing to be held against; None where it has.

    A baseline that is not there yet fails nothing unless it is required. One of which no case can be
    compared does: else a change of a param would be a way around the gate.
    """
    found = summary.baseline
    if found is None:
        reason = "no baseline was named: save one with --ftgate-save NAME, compare with --ftgate-compare NAME"
        return _result(spec, "skipped", evidence, reason)
    if not found.found:
        required = f"; {REQUIRED}" if found.is_required else ""
        outcome = "failed" if found.is_required else "skipped"
        return _result(spec, outcome, evidence, f"{to_ascii(found.why)}{required}")
    compared = found.find(spec.arm, spec.role)
    asked = f"arm {to_ascii(spec.arm)}, role {to_ascii(spec.role)}"
    own = summary.arm(spec.arm, spec.role)
    if compared is None and (own is None or own.accuracy_test is None):
        reason = (
            f"no answer of {asked} was judged in this run, so none is held against {to_ascii(found.name)}"
        )
        return _result(spec, "failed", evidence, reason)
    if compared is None:
        what = f"it has no answers of {asked}, nor of as_is"
    elif compared.pair is None:
        what = describe_left_out(compared)
    else:
        return None
    reason = (
        f"nothing to compare with in baseline {to_ascii(found.name)}: {what}. Where that is meant, bless a "
        "run of it: pytest-ftgate bless RUN NAME"
    )
    return _result(spec, "failed", evidence, reason)


def describe_left_out(compared: BaselinePair) -> str:
    """'3 cases cannot be compared (2 new, 1 gone)'; '' where all can."""
    counts = Counter(left.why for left in compared.not_comparable)
    if not counts:
        return ""
    told = ", ".join(f"{count:,} {INCOMPARABLE[why]}" for why, count in counts.items())
    return f"{format_count(len(compared.not_comparable), 'case')} cannot be compared ({told})"


def _result(spec: GateSpec, outcome: str, evidence: str, reason: str) -> GateResult:
    return GateResult(
        name=spec.name, arm=spec.arm, role=spec.role, outcome=outcome,  # type: ignore[arg-type]
        evidence=evidence, reason=reason,
    )  # fmt: skip

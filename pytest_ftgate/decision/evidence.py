"""Which evidence a gate asks for, and what a rate's bounds prove against a limit."""

from __future__ import annotations

from pytest_ftgate.model.evalset import GateSpec
from pytest_ftgate.model.rate import Rate

ESTIMATE, PROVE_PASS, PROVE_FAIL = "estimate", "prove-pass", "prove-fail"

TOLERANCE = 1e-9
"""Point estimates are means of floats: 0.7999999999999999 is 0.80. Bounds get no such allowance."""


def choose_evidence(
    spec: GateSpec, *, evidence: str | None, strict: bool, fallback: str | None = None
) -> str:
    """The evidence rule in force for a gate.

    Precedence as everywhere: strict, then the command line (`evidence`), then the gate's own
    `evidence:`, then the ini (`fallback`), then 'estimate'.
    """
    if strict:
        return PROVE_PASS
    return evidence or spec.evidence or fallback or ESTIMATE


def proves_at_least(rate: Rate, limit: float) -> bool | None:
    """True: the rate is proven >= limit. False: proven < limit. None: neither."""
    if rate.lower is not None and rate.lower >= limit:
        return True
    if rate.upper is not None and rate.upper < limit:
        return False
    return None


def proves_at_most(rate: Rate, limit: float) -> bool | None:
    """True: the rate is proven <= limit. False: proven > limit. None: neither."""
    if rate.upper is not None and rate.upper <= limit:
        return True
    if rate.lower is not None and rate.lower > limit:
        return False
    return None


def is_passing(evidence: str, estimate: bool, proof: bool | None) -> bool:
    """Whether a gate passes, given its point estimate's answer and the proof (None = none)."""
    if evidence == PROVE_PASS:
        return proof is True
    if evidence == PROVE_FAIL:
        return proof is not False
    return estimate

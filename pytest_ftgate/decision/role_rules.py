"""Gates that hold the candidate against another model on the same cases.

They never follow a point estimate: of a model against itself one would alarm in 10-40 % of runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from pytest_ftgate.decision.evidence import PROVE_PASS
from pytest_ftgate.decision.wording import format_count
from pytest_ftgate.model.comparison import RolePair
from pytest_ftgate.model.evalset import GateSpec, Json
from pytest_ftgate.model.summary import Summary
from pytest_ftgate.model.verdict import GateResult

MARGIN = 0.05
_MARGIN: Json = {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
_ROLE: Json = {"enum": ["base", "teacher"]}
_NAMES_SHOWN = 10


class NoRegressionGate:
    """`against`: the role compared with. `margin`: the drop in accuracy that would not matter.

    Fails where the candidate is proven worse; passes where a drop of `margin` is excluded, and as "not
    proven" in between, which --ftgate-strict and `prove-pass` fail. Paired non-inferiority (Yang, Sun and
    Hardin 2012, for clustered pairs).
    """

    options: Mapping[str, Json] = {"against": _ROLE, "margin": _MARGIN}

    def evaluate(
        self,
        spec: GateSpec,
        summary: Summary,
        *,
        evidence: str,
        baseline: Summary | None = None,  # noqa: ARG002
    ) -> GateResult:
        against = str(spec.options.get("against", "base"))
        margin = float(spec.options.get("margin", MARGIN))
        pair = _find_pair(summary, spec, against)
        if pair is None:
            return _fail(spec, evidence, _nothing_to_compare(against), limit=-margin)
        is_worse, is_safe = pair.upper < 0, pair.lower > -margin
        if is_worse:
            reason = f"{_say(pair)}: proven worse{_name('broken', pair.broken)}"
        elif is_safe:
            reason = f"{_say(pair)}: a drop of {_points(margin)} is excluded"
        else:
            reason = f"{_say(pair)}: neither a drop nor its absence is proven{_say_needed(pair, margin)}"
        passed = not is_worse and (is_safe or evidence != PROVE_PASS)
        return _result(spec, passed, evidence, reason, pair, limit=-margin, proven=is_worse or is_safe)


class ParityGate:
    """`with`: the role to be matched. `margin`: how much worse the candidate may be.

    Passes only where a shortfall of `margin` is excluded: the burden of proof is the candidate's.
    """

    options: Mapping[str, Json] = {"with": _ROLE, "margin": _MARGIN}

    def evaluate(
        self,
        spec: GateSpec,
        summary: Summary,
        *,
        evidence: str,
        baseline: Summary | None = None,  # noqa: ARG002
    ) -> GateResult:
        against = str(spec.options.get("with", "teacher"))
        margin = float(spec.options.get("margin", MARGIN))
        pair = _find_pair(summary, spec, against)
        if pair is None:
            return _fail(spec, evidence, _nothing_to_compare(against), limit=-margin)
        passed = pair.lower > -margin
        word = "may" if passed else "may not"
        proof = f"within {_points(margin)}" if passed else f"not proven within {_points(margin)}"
        more = "" if passed else _say_needed(pair, margin)
        reason = f"{_say(pair)}, {proof}: the candidate {word} replace the {against}{more}"
        return _result(spec, passed, evidence, reason, pair, limit=-margin, proven=passed or pair.upper < 0)


class CollapseGate:
    """`against`: the role compared with. Fails for any case that always passed there and never here."""

    options: Mapping[str, Json] = {"against": _ROLE}

    def evaluate(
        self,
        spec: GateSpec,
        summary: Summary,
        *,
        evidence: str,
        baseline: Summary | None = None,  # noqa: ARG002
    ) -> GateResult:
        against = str(spec.options.get("against", "base"))
        pair = _find_pair(summary, spec, against)
        if pair is None:
            return _fail(spec, evidence, _nothing_to_compare(against), limit=0.0)
        if pair.collapsed is None:
            reason = "not assessable: it takes 5 repeats of every case by both models"
            return GateResult(
                name=spec.name, arm=spec.arm, role=spec.role, outcome="skipped", limit=0.0,
                evidence=evidence, reason=reason,
            )  # fmt: skip
        count = len(pair.collapsed)
        reason = f"{format_count(count, 'case')} always passed by the {against}, never by the candidate"
        if not count:
            reason = f"no case that the {against} always passes is never passed by the candidate"
        reason += _name("they are", pair.collapsed)
        result = _result(spec, not count, evidence, reason, pair, limit=0.0, proven=True)
        return replace(result, value=float(count))


def _find_pair(summary: Summary, spec: GateSpec, against: str) -> RolePair | None:
    return next((p for p in summary.role_pairs if (p.arm, p.against) == (spec.arm, against)), None)


def _nothing_to_compare(against: str) -> str:
    return (
        f"nothing to compare with: no answer of role {against} was judged under this arm. Give its model "
        f"(`models: {{{against}: vendor/name}}`, or --ftgate-use-model {against}=vendor/name)"
    )


def _say(pair: RolePair) -> str:
    low, high = 100 * pair.lower, 100 * pair.upper
    return (
        f"{100 * pair.difference:+.1f} points against {pair.against} ({low:+.1f} .. {high:+.1f}) on "
        f"{format_count(pair.cases, 'case')}"
    )


def _points(margin: float) -> str:
    return f"{100 * margin:g} points"


def _say_needed(pair: RolePair, margin: float) -> str:
    """Cases that would prove it with 80 % power were both equally good: (1.645 + 0.842)^2 q / margin^2.

    q is the share of cases on which they differ: the variance of a paired difference of 0/1 outcomes.
    """
    differing = (len(pair.fixed) + len(pair.broken)) / pair.cases
    wanted = math.ceil(6.18 * max(differing, 0.05) / margin**2)
    if wanted <= pair.cases:
        return ""
    return f"; about {format_count(wanted, 'case')} would prove equally good models equal"


def _name(word: str, cases: tuple[str, ...]) -> str:
    if not cases:
        return ""
    more = f" and {len(cases) - _NAMES_SHOWN:,} more" if len(cases) > _NAMES_SHOWN else ""
    return f" ({word}: {', '.join(cases[:_NAMES_SHOWN])}{more})"


def _fail(spec: GateSpec, evidence: str, reason: str, *, limit: float) -> GateResult:
    return GateResult(
        name=spec.name, arm=spec.arm, role=spec.role, outcome="failed", limit=limit,
        evidence=evidence, reason=reason,
    )  # fmt: skip


def _result(
    spec: GateSpec,
    passed: bool,
    evidence: str,
    reason: str,
    pair: RolePair,
    *,
    limit: float,
    proven: bool,
) -> GateResult:
    return GateResult(
        name=spec.name,
        arm=spec.arm,
        role=spec.role,
        outcome="passed" if passed else "failed",
        value=pair.difference,
        limit=limit,
        evidence=evidence,
        proven=proven,
        reason=reason,
    )

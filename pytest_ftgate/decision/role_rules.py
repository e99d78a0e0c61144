"""Gates that hold the candidate against another model, or a run against an earlier one, on the same cases.

They never follow a point estimate: of a model against itself one would alarm in 10-40 % of runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pytest_ftgate.decision.baseline_rules import choose_against, describe_left_out, tell_no_baseline
from pytest_ftgate.decision.evidence import PROVE_PASS
from pytest_ftgate.decision.paired_cases import count_needed
from pytest_ftgate.decision.wording import format_count, format_percent, to_ascii
from pytest_ftgate.model.baseline import BASELINE
from pytest_ftgate.model.comparison import RolePair
from pytest_ftgate.model.evalset import GateSpec, Json
from pytest_ftgate.model.summary import Summary
from pytest_ftgate.model.verdict import GateResult

MARGIN = 0.05
_MARGIN: Json = {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
_ROLE: Json = {"enum": ["base", "teacher"]}
_OTHER: Json = {"enum": [BASELINE, "base", "teacher"]}
_NAMES_SHOWN = 10
_FEWEST = 3
"""Cases without which the bounds reach from -1 to 1, whatever the answers."""


class NoRegressionGate:
    """`against`: the role or baseline compared with. `margin`: the drop in accuracy that would not matter.

    Fails where the candidate is proven worse; passes where a drop of `margin` is excluded, and as "not
    proven" in between, which --ftgate-strict and `prove-pass` fail. Paired non-inferiority (Yang, Sun and
    Hardin 2012, for clustered pairs).
    """

    options: Mapping[str, Json] = {"against": _OTHER, "margin": _MARGIN}

    def evaluate(
        self,
        spec: GateSpec,
        summary: Summary,
        *,
        evidence: str,
        baseline: Summary | None = None,  # noqa: ARG002
    ) -> GateResult:
        against = choose_against(spec, summary)
        margin = float(spec.options.get("margin", MARGIN))
        absent = tell_no_baseline(spec, summary, evidence) if against == BASELINE else None
        if absent is not None:
            return replace(absent, limit=-margin)
        pair = _find_pair(summary, spec, against)
        if pair is None:
            return _fail(spec, evidence, _nothing_to_compare(against), limit=-margin)
        is_worse, is_safe = pair.upper < 0, _excludes_drop(pair, margin)
        said = _say(pair, _name_other(summary, against))
        if pair.cases < _FEWEST:
            reason = f"{said}: fewer than {_FEWEST} cases, of which no answers could show a drop"
            reason += _say_left_out(spec, summary, against)
            return _fail(spec, evidence, reason, limit=-margin)
        if is_worse:
            reason = f"{said}: proven worse{_name('broken', pair.broken)}"
        elif is_safe:
            reason = f"{said}: a drop of {_points(margin)} is excluded"
        elif _has_nothing_to_lose(pair, margin):
            reason = f"{said}: {_say_floor(pair, _name_other(summary, against), margin)}"
        else:
            reason = f"{said}: neither a drop nor its absence is proven{_say_needed(pair, margin)}"
        reason += _say_left_out(spec, summary, against)
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
        passed = _excludes_drop(pair, margin)
        word = "may" if passed else "may not"
        if passed:
            proof = f"a shortfall of {_points(margin)} is excluded"
        elif pair.upper < 0:
            proof = "proven worse"
        elif _has_nothing_to_lose(pair, margin):
            proof = _say_floor(pair, f"the {against}", margin)
        else:
            proof = f"not proven within {_points(margin)}{_say_needed(pair, margin)}"
        own = "student" if against == "teacher" else "candidate"
        reason = f"the {own} {word} replace the {against}: {_say(pair, against)}, {proof}"
        return _result(spec, passed, evidence, reason, pair, limit=-margin, proven=passed or pair.upper < 0)


class CollapseGate:
    """`against`: the role compared with, or the baseline.

    Fails for any case that always passed there and never here, of five trials or more in both.
    """

    options: Mapping[str, Json] = {"against": _OTHER}

    def evaluate(
        self,
        spec: GateSpec,
        summary: Summary,
        *,
        evidence: str,
        baseline: Summary | None = None,  # noqa: ARG002
    ) -> GateResult:
        against = choose_against(spec, summary)
        absent = tell_no_baseline(spec, summary, evidence) if against == BASELINE else None
        if absent is not None:
            return replace(absent, limit=0.0)
        pair = _find_pair(summary, spec, against)
        if pair is None:
            return _fail(spec, evidence, _nothing_to_compare(against), limit=0.0)
        if pair.collapsed is None:
            both = "runs" if against == BASELINE else "models"
            reason = f"not assessable: it takes 5 repeats of a case by both {both}"
            arm = summary.arm(spec.arm, spec.role)
            if arm is not None and arm.repeats_dropped:
                reason += "; identical repeats were left out (--ftgate-exhaustive asks them)"
            return GateResult(
                name=spec.name, arm=spec.arm, role=spec.role, outcome="skipped", limit=0.0,
                evidence=evidence, reason=reason,
            )  # fmt: skip
        count = len(pair.collapsed)
        before, now = f"by the {against}", "by the candidate"
        if against == BASELINE:
            before, now = f"in {_name_other(summary, against)}", "now"
        reason = f"{format_count(count, 'case')} always passed {before}, never {now}"
        if not count:
            reason = f"no case that always passed {before} is never passed {now}"
        reason += _name("they are", pair.collapsed)
        if pair.unassessed:
            reason += f"; {format_count(pair.unassessed, 'case')} with fewer than 5 trials not assessed"
        reason += _say_left_out(spec, summary, against)
        result = _result(spec, not count, evidence, reason, pair, limit=0.0, proven=True)
        return replace(result, value=float(count))


def _excludes_drop(pair: RolePair, margin: float) -> bool:
    """Whether a drop of the margin is excluded by the answers, not by a rate that has no room for it."""
    return pair.lower > (0.0 if _has_nothing_to_lose(pair, margin) else -margin)


def _has_nothing_to_lose(pair: RolePair, margin: float) -> bool:
    return pair.other_accuracy <= margin


def _say_floor(pair: RolePair, other: str, margin: float) -> str:
    return (
        f"{other} passes {format_percent(pair.other_accuracy)}, so no drop of {_points(margin)} could "
        "show: look at its answers first"
    )


def _find_pair(summary: Summary, spec: GateSpec, against: str) -> RolePair | None:
    if against == BASELINE:
        compared = summary.baseline.find(spec.arm, spec.role) if summary.baseline else None
        return compared.pair if compared else None
    return next((p for p in summary.role_pairs if (p.arm, p.against) == (spec.arm, against)), None)


def _nothing_to_compare(against: str) -> str:
    return (
        f"nothing to compare with: no answer of role {against} was judged under this arm. Give its model "
        f"(`models: {{{against}: vendor/name}}`, or --ftgate-use-model {against}=vendor/name)"
    )


def _name_other(summary: Summary, against: str) -> str:
    if against == BASELINE and summary.baseline is not None:
        return f"baseline {to_ascii(summary.baseline.name)}"
    return against


def _say_left_out(spec: GateSpec, summary: Summary, against: str) -> str:
    compared = summary.baseline.find(spec.arm, spec.role) if summary.baseline else None
    told = describe_left_out(compared) if compared and against == BASELINE else ""
    return f"; {told}" if told else ""


def _say(pair: RolePair, other: str) -> str:
    low, high = 100 * pair.lower, 100 * pair.upper
    return (
        f"{100 * pair.difference:+.1f} points against {other} ({low:+.1f} .. {high:+.1f}) on "
        f"{format_count(pair.cases, 'case')}"
    )


def _points(margin: float) -> str:
    return f"{100 * margin:g} points"


def _say_needed(pair: RolePair, margin: float) -> str:
    wanted = count_needed((len(pair.fixed) + len(pair.broken)) / pair.cases, margin)
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

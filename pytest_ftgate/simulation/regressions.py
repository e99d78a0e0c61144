"""How often the gate `no_regression` alarms: two models or prompts on the same cases, one of them worse.

How hard a case is for both correlates as between arms. Of the same prompt asked again the cases are as hard
as before, so that only the repeats differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from pytest_ftgate.decision.evidence import ESTIMATE
from pytest_ftgate.decision.role_rules import MARGIN, NoRegressionGate
from pytest_ftgate.model.evalset import AS_IS, CANDIDATE, GateSpec
from pytest_ftgate.model.run import RunFacts
from pytest_ftgate.model.summary import ArmSummary, CaseTally
from pytest_ftgate.simulation.draws import ICC, look_up, place
from pytest_ftgate.simulation.setting import Setting
from pytest_ftgate.statistics.role_pairs import compare_roles
from pytest_ftgate.statistics.summarise import summarise

DROPS = (0.0, 0.03, 0.05, 0.10, 0.15)
"""True drops of the accuracy that are simulated; 0 = another prompt that is as good."""
ABOVE_BAR = 0.05
"""The accuracy before the change stands this far above the bar."""
MOST = 0.99
COMPARISONS = 5
"""Comparisons drawn for each evalset that an experiment draws: they take far less time than a run."""
BASE = "base"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegressionCell:
    """`evalsets` comparisons at one size. `drop` None = the same prompt asked again (A/A).

    `alarms`: the candidate was proven worse; `excluded`: a drop of `margin` was ruled out.
    """

    cases: int
    repeats: int
    accuracy: float
    drop: float | None
    margin: float
    evalsets: int
    alarms: int
    excluded: int


def simulate_regressions(setting: Setting, bar: float, evalsets: int, *, seed: int) -> list[RegressionCell]:
    """A cell for the same prompt asked again, and one for each drop that leaves some accuracy."""
    accuracy = round(min(MOST, bar + ABOVE_BAR), 12)
    drops = (None, *(drop for drop in DROPS if drop < accuracy))
    return [_simulate(setting, accuracy, drop, evalsets, seed) for drop in drops]


def _simulate(
    setting: Setting, accuracy: float, drop: float | None, evalsets: int, seed: int
) -> RegressionCell:
    cases, repeats = setting.size
    evalset = setting.plan.evalset
    bare = summarise(setting.plan, (), RunFacts())
    spec = GateSpec(name="no_regression", options={"against": BASE, "margin": MARGIN})
    gate, alarms, excluded = NoRegressionGate(), 0, 0
    for number in range(evalsets):
        # A seeded draw that is the same everywhere, nothing to do with secrets.
        rng = Random(f"{seed}:no_regression:{accuracy}:{drop}:{cases}:{repeats}:{number}")  # noqa: S311
        arms = _draw_roles(setting, accuracy, drop, rng)
        pairs = tuple(compare_roles(evalset, arms, evalset.decision.alpha))
        result = gate.evaluate(spec, replace(bare, role_pairs=pairs), evidence=ESTIMATE)
        alarms += result.outcome == "failed"
        excluded += result.outcome == "passed" and bool(result.proven)
    return RegressionCell(
        cases=cases,
        repeats=repeats,
        accuracy=accuracy,
        drop=drop,
        margin=MARGIN,
        evalsets=evalsets,
        alarms=alarms,
        excluded=excluded,
    )


def _draw_roles(setting: Setting, accuracy: float, drop: float | None, rng: Random) -> list[ArmSummary]:
    shared = [rng.gauss(0, 1) for _ in range(max(setting.clusters) + 1)]
    levels = place(shared, rng)
    before = look_up(1 - accuracy, ICC, levels)
    after = before
    if drop is not None:
        after = look_up(1 - accuracy + drop, ICC, place(shared, rng))
    evalset = setting.plan.evalset
    judging = {case.id: case.group for case in evalset.judging_cases or evalset.cases}
    return [
        ArmSummary(
            arm=AS_IS,
            role=role,
            kind=AS_IS,
            question=1,
            status="run",
            tallies=_draw_tallies(setting, failing, judging, rng),
        )
        for role, failing in ((BASE, before), (CANDIDATE, after))
    ]


def _draw_tallies(
    setting: Setting, failing: Sequence[float], judging: Mapping[str, str | None], rng: Random
) -> tuple[CaseTally, ...]:
    """Tallies of the cases in `judging` (case id → group); cases of `split: dev` are not compared."""
    repeats, random = setting.plan.repeats, rng.random
    return tuple(
        CaseTally(
            case=case,
            graded=repeats,
            passed=sum(random() >= failing[cluster] for _ in range(repeats)),
            group=judging[case],
        )
        for case, cluster in zip(setting.cases, setting.clusters, strict=True)
        if case in judging
    )

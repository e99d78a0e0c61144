"""Small evalsets, made of failures by arm, case and repeat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from pytest_ftgate.model.evalset import ArmSpec, Case, DecisionSpec, Evalset, GraderSpec
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.run import RunFacts
from pytest_ftgate.model.summary import PatternSet, Summary
from pytest_ftgate.model.trial import Plan, PlannedArm, PlannedItem, Request, Trial, TrialKey
from pytest_ftgate.patterns.find import find_patterns
from pytest_ftgate.statistics.pattern_statistics import PATTERN_STATISTICS
from pytest_ftgate.statistics.summarise import summarise

Cell = str | None | tuple[str | None, tuple[str, ...], str | None]
"""None = passed, a primary signature, or (primary, secondaries, output)."""


def make_plan(
    arms: Sequence[str],
    cases: int,
    repeats: int,
    *,
    sources: dict[str, str] | None = None,
    groups: Callable[[int], str | None] = lambda i: None,
    decision: DecisionSpec = DecisionSpec(),  # noqa: B008
) -> Plan:
    made = tuple(
        Case(id=f"c{i:04d}", input=f"in {i}", expected="x", has_expected=True, group=groups(i))
        for i in range(cases)
    )
    evalset = Evalset(
        path="w.evalset.yaml",
        name="w",
        arms=tuple(ArmSpec(name=arm, kind=arm) for arm in arms),
        cases=made,
        decision=decision,
    )
    request = Request(model="m", messages=())

    def trial(arm: str, case: str, repeat: int) -> Trial:
        key = TrialKey(evalset="w", case=case, arm=arm, role="candidate", repeat=repeat)
        source = (sources or {}).get(arm)
        return Trial(
            key=key,
            request=request,
            request_hash=f"{source or arm}/{case}",
            draw=str(repeat),
            source_arm=source,
        )

    return Plan(
        evalset=evalset,
        items=tuple(
            PlannedItem(
                evalset="w",
                case=case.id,
                arm=arm,
                role="candidate",
                trials=tuple(trial(arm, case.id, r + 1) for r in range(repeats)),
            )
            for arm in arms
            for case in made
        ),
        arms=tuple(PlannedArm(name=arm, kind=arm, question=1, status="run") for arm in arms),
        roles=("candidate",),
        repeats=repeats,
        multiplicity=len(arms),
        graders={case.id: (GraderSpec(name="equals"),) for case in made},
    )


def make_records(plan: Plan, outcome: Callable[[str, int, int], Cell]) -> list[Record]:
    """`outcome(arm, case number, repeat number)` says what each trial comes to, both from 0."""
    number = {case.id: i for i, case in enumerate(plan.evalset.cases)}
    records = []
    for item in plan.items:
        for trial in item.trials:
            key = trial.key
            cell = outcome(key.arm, number[key.case], key.repeat - 1)
            primary, secondary, output = cell if isinstance(cell, tuple) else (cell, (), None)
            records.append(
                Record(
                    key=key,
                    outcome="passed" if primary is None else "failed",
                    signature=primary,
                    secondary=secondary,
                    output=output if output is not None else f"{primary} {key}",
                )
            )
    return records


def find(plan: Plan, records: Sequence[Record], facts: RunFacts | None = None) -> PatternSet:
    summary = summarise(plan, records, facts or RunFacts())
    return find_patterns(plan, records, summary, PATTERN_STATISTICS)


def confirmed(plan: Plan, records: Sequence[Record]) -> list[str]:
    return [pattern.signature for pattern in find(plan, records).confirmed]


def summarised(plan: Plan, records: Sequence[Record]) -> Summary:
    summary = summarise(plan, records, RunFacts())
    return replace(summary, patterns=find_patterns(plan, records, summary, PATTERN_STATISTICS))

"""Further repeats of suspects: they count for recurrence, and for nothing else."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from pattern_world import find, make_plan, make_records

from pytest_ftgate.model.record import Record
from pytest_ftgate.model.run import RunFacts
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.patterns.find import find_unrecurring
from pytest_ftgate.statistics.pattern_statistics import PATTERN_STATISTICS
from pytest_ftgate.statistics.summarise import summarise

ARMS = ("as_is", "few_shot")


def suspects(plan: Plan, records: list[Record], most: int = 20) -> dict[str, tuple[str, ...]]:
    summary = summarise(plan, records, RunFacts())
    return find_unrecurring(plan, records, summary, PATTERN_STATISTICS, most=most)


def further(plan: Plan, arm: str, case: str, signatures: list[str | None]) -> list[Record]:
    """Records of a case beyond the plan's repeats."""
    item = next(item for item in plan.items if (item.arm, item.case) == (arm, case))
    return [
        Record(
            key=item.trials[0].key._replace(repeat=plan.repeats + number),
            outcome="failed" if signature else "passed",
            signature=signature,
            output=f"{signature} {number}",
        )
        for number, signature in enumerate(signatures, start=1)
    ]


def scattered(repeats: int, cases: int = 60) -> tuple[Plan, list[Record]]:
    """Every second case fails once, under every arm: frequent, and never twice in a case."""
    plan = make_plan(ARMS, cases, repeats)
    return plan, make_records(plan, lambda arm, i, r: "format:fenced" if i % 2 == 0 and r == 0 else None)


@pytest.mark.parametrize("repeats", [1, 2, 3])
def test_suspects_are_the_cases_hit_where_only_recurrence_lacks(repeats: int) -> None:
    plan, records = scattered(repeats)
    found = suspects(plan, records, most=5)
    assert found == dict.fromkeys(ARMS, ("c0000", "c0002", "c0004", "c0006", "c0008"))


def test_no_suspects_where_it_recurs_or_the_rate_is_not_shown() -> None:
    plan = make_plan(ARMS, 60, 3)
    assert suspects(plan, make_records(plan, lambda arm, i, r: "format:fenced" if i % 3 == 0 else None)) == {}
    assert (
        suspects(plan, make_records(plan, lambda arm, i, r: "format:fenced" if i < 4 and not r else None))
        == {}
    )
    assert suspects(plan, make_records(plan, lambda arm, i, r: None)) == {}


def test_no_suspects_under_arms_whose_repeats_are_identical() -> None:
    plan = make_plan(("as_is", "few_shot"), 60, 2)
    # as_is always says the same; few_shot fails other cases, so that nothing recurs across arms.
    records = make_records(
        plan,
        lambda arm, i, r: (
            ("format:fenced", (), f"same {i}") if i % 2 == 0 else None
            if arm == "as_is" else "format:fenced" if i % 2 == 1 and r == 0 else None
        ),
    )  # fmt: skip
    same = [replace(r, output=f"same {r.key.case}") if r.key.arm == "as_is" else r for r in records]
    assert set(suspects(plan, same)) <= {"few_shot"}


@pytest.mark.parametrize("repeats", [1, 3])
def test_two_suspects_that_recur_under_every_arm_are_enough(repeats: int) -> None:
    plan, records = scattered(repeats)
    assert find(plan, records).patterns[0].reproducible is (None if repeats == 1 else False)
    more = [
        record
        for arm in ARMS
        for case in ("c0000", "c0002")
        for record in further(plan, arm, case, [None, "format:fenced", None, None])
    ]
    (pattern,) = find(plan, [*records, *more]).patterns
    assert pattern.reproducible
    assert [arm.recurring_cases for arm in pattern.arms] == [2, 2]
    one_arm = [record for record in more if record.key.arm == "as_is"]
    (pattern,) = find(plan, [*records, *one_arm]).patterns
    assert not pattern.reproducible
    assert "few_shot" in pattern.why_not


def test_another_failure_of_a_suspect_is_no_recurrence() -> None:
    plan, records = scattered(1)
    more = [
        r
        for arm in ARMS
        for i in range(0, 20, 2)
        for r in further(plan, arm, f"c{i:04d}", ["schema:type:/a"])
    ]
    pattern = next(p for p in find(plan, [*records, *more]).patterns if p.signature == "format:fenced")
    assert pattern.reproducible is False
    assert "does not recur" in pattern.why_not


def test_a_case_that_only_a_further_repeat_hit_was_no_suspect() -> None:
    plan, records = scattered(1)
    clean = [f"c{i:04d}" for i in range(1, 20, 2)]
    more = [r for arm in ARMS for case in clean for r in further(plan, arm, case, ["format:fenced"] * 4)]
    (pattern,) = find(plan, [*records, *more]).patterns
    assert not pattern.reproducible


def test_they_change_no_rate_and_no_p_value() -> None:
    plan, records = scattered(3)
    more = [
        r
        for arm in ARMS
        for i in range(0, 40, 2)
        for r in further(plan, arm, f"c{i:04d}", ["format:fenced"] * 4)
    ]
    (before,), (after,) = find(plan, records).patterns, find(plan, [*records, *more]).patterns
    assert (after.rate, after.trials, after.cases, after.share, after.p_holm) == (
        before.rate, before.trials, before.cases, before.share, before.p_holm,
    )  # fmt: skip
    first, second = (summarise(plan, given, RunFacts()) for given in (records, [*records, *more]))
    assert second.further_trials == 160
    assert [(a.accuracy, a.accuracy_test, a.repeats, a.tallies) for a in first.arms] == [
        (a.accuracy, a.accuracy_test, a.repeats, a.tallies) for a in second.arms
    ]


def test_a_further_repeat_without_an_answer_leaves_no_gap() -> None:
    plan, records = scattered(3)
    lost = replace(further(plan, "as_is", "c0000", ["infra:timeout"])[0], outcome="error")
    summary = summarise(plan, [*records, lost], RunFacts())
    arm = summary.arms[0]
    assert (arm.unanswered, arm.accuracy.errors, summary.infra_errors) == (0, 0, {})  # type: ignore[union-attr]


def test_with_one_repeat_recurrence_is_estimated_from_the_further_ones() -> None:
    """The chance that another draw of a case hits, given that one did: here half of them."""
    rng, plan = random.Random(1), make_plan(ARMS, 100, 1)
    bound = [rng.random() < 0.3 for _ in range(100)]
    records = make_records(plan, lambda arm, i, r: "format:fenced" if bound[i] else None)
    more = [
        r
        for arm in ARMS
        for i in range(100)
        if bound[i]
        for r in further(plan, arm, f"c{i:04d}", ["format:fenced", None, "format:fenced", None])
    ]
    (pattern,) = find(plan, [*records, *more]).patterns
    assert pattern.reproducible
    assert pattern.recurrence == pytest.approx(0.5)
    assert pattern.form == "case-bound"
    assert find(plan, records).patterns[0].recurrence is None


def test_a_wrong_answer_must_repeat_in_the_further_draws_too() -> None:
    """`value:text` is a pattern only where the same wrong answer comes again."""
    plan = make_plan(ARMS, 60, 1)

    def wrong(case: str, number: int, *, same: bool) -> str:
        return f"answer to {case}" if same else f"answer {number} to {case}"

    for same in (True, False):
        records = make_records(
            plan, lambda arm, i, r: ("value:text", (), f"answer to c{i:04d}") if i % 2 else None
        )
        more = [
            replace(r, output=wrong(case, n, same=same))
            for arm in ARMS
            for case in [f"c{i:04d}" for i in range(1, 41, 2)]
            for n, r in enumerate(further(plan, arm, case, ["value:text"] * 4))
        ]
        (pattern,) = find(plan, [*records, *more]).patterns
        assert bool(pattern.reproducible) is same

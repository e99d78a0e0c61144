"""What is shown of patterns that contain one another, what they are made of, and their tags."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from pattern_world import Cell, find, make_plan, make_records

from pytest_ftgate.model.evalset import DecisionSpec
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.summary import Pattern, PatternSet
from pytest_ftgate.model.trial import Plan

ARMS = ("as_is", "few_shot")


def find_in(
    outcome: Callable[[int, int], Cell], *, cases: int = 60, repeats: int = 5, arms: tuple[str, ...] = ARMS
) -> PatternSet:
    plan = make_plan(arms, cases, repeats)
    return find(plan, make_records(plan, lambda arm, i, r: outcome(i, r)))


def shown(found: PatternSet) -> dict[str, bool | None]:
    return {one.signature: one.reproducible for one in found.patterns if one.told_by is None}


def told(found: PatternSet) -> dict[str, str]:
    return {one.signature: one.told_by for one in found.patterns if one.told_by is not None}


def named(found: PatternSet, signature: str) -> Pattern:
    return next(one for one in found.patterns if one.signature == signature)


def test_fields_that_are_always_missing_together_are_one_pattern() -> None:
    """`{}` misses all fields in every trial: one finding, not one for each field."""
    fields = tuple(f"schema:required:/f{i}" for i in range(4))
    found = find_in(lambda i, r: (fields[0], fields[1:], "{}") if i % 3 == 0 else None)
    assert shown(found) == {"schema:required:*": True}
    assert len(found.confirmed) == 1
    (pattern,) = found.patterns
    assert (pattern.level, pattern.part_count, pattern.share) == ("rollup", 4, 1.0)
    assert [(part.signature, part.trials) for part in pattern.parts] == [(name, 200) for name in fields]


def test_fields_that_are_nearly_always_missing_together_are_one_pattern_too() -> None:
    rng = random.Random(4)

    def outcome(i: int, r: int) -> Cell:
        if i % 3:
            return None
        missing = [f"schema:required:/f{k}" for k in range(4) if rng.random() < 0.96] or [
            "schema:required:/f0"
        ]
        return (missing[0], tuple(missing[1:]), "{}")

    assert shown(find_in(outcome)) == {"schema:required:*": True}


def test_one_field_that_is_missing_is_named() -> None:
    found = find_in(lambda i, r: "schema:required:/a" if i % 3 == 0 else None)
    assert shown(found) == {"schema:required:/a": True}
    assert (found.patterns[0].parts, found.patterns[0].part_count) == ((), 0)


def test_a_label_that_attracts_many_is_one_pattern_with_its_parts() -> None:
    found = find_in(lambda i, r: (f"label:confusion:L{i % 9}→refund", (), "refund") if i % 2 else None)
    assert shown(found) == {"label:confusion:*→refund": True}
    pattern = named(found, "label:confusion:*→refund")
    assert pattern.part_count == 9
    assert len(pattern.parts) == 5
    assert pattern.parts[0].signature.endswith("→refund")
    assert sum(part.trials for part in pattern.parts) < pattern.trials
    # The confusions under it stay in the list for a program that wants them.
    assert set(told(found).values()) == {"label:confusion:*→refund"}
    assert len(told(found)) == 9


def test_a_leaf_that_is_nearly_all_of_its_rollup_is_shown_in_its_place() -> None:
    """Neither is confirmed with one repeat: the reader gets the pair, not the `*`."""
    found = find_in(
        lambda i, r: f"label:confusion:{'fee' if i < 18 else f'L{i}'}→refund" if i < 20 else None, repeats=1
    )
    assert shown(found)["label:confusion:fee→refund"] is None
    assert told(found)["label:confusion:*→refund"] == "label:confusion:fee→refund"


def test_a_family_is_told_by_the_few_members_that_make_it() -> None:
    kinds = ("format:fenced", "format:prose_before", "format:not_json")
    found = find_in(lambda i, r: kinds[i % 3] if i % 2 else None, repeats=1)
    assert set(shown(found)) == set(kinds)
    assert set(told(found)) == {"format"}


def test_a_family_of_many_small_members_speaks_for_them() -> None:
    found = find_in(lambda i, r: f"value:/f{i}" if i % 2 else None, repeats=1)
    assert set(shown(found)) == {"value"}
    assert set(told(found).values()) == {"value"}


def test_a_confirmed_pattern_is_always_shown() -> None:
    def outcome(i: int, r: int) -> Cell:
        if i < 20:
            return "schema:required:/a"
        return f"schema:required:/f{i}" if i < 40 else None

    found = find_in(outcome)
    assert {"schema:required:/a", "schema:required:*"} <= {name for name, ok in shown(found).items() if ok}
    assert all(found.told_by is None for found in found.confirmed)


def test_who_tells_is_shown() -> None:
    """Whatever the mix, a pattern is told by one that is listed and shown."""
    rng = random.Random(7)
    names = [
        *(f"label:confusion:{a}→{b}" for a in "AB" for b in "CD"),
        "label:out_of_taxonomy:x", "format:fenced", "format:unclosed", "schema:required:/a",
        "schema:type:/a:null", "value:/x", "value:text", "value:code:timeout", "value:code:assertion",
    ]  # fmt: skip
    for _ in range(30):
        kept = rng.sample(names, rng.randint(1, len(names)))
        found = find_in(lambda i, r, kept=kept: rng.choice([*kept, None]), cases=30, repeats=2)  # type: ignore[misc]
        last = shown(found)
        assert last
        assert set(told(found).values()) <= set(last)


def test_parts_count_answers_once() -> None:
    """Arm `repair` reads the answers of `as_is` again: its trials are no further ones."""
    plan = make_plan(("as_is", "repair"), 60, 5, sources={"repair": "as_is"})
    found = find(plan, make_records(plan, lambda arm, i, r: f"schema:required:/f{i % 7}" if i % 2 else None))
    pattern = named(found, "schema:required:*")
    assert pattern.trials == 150
    assert sum(part.trials for part in pattern.parts) <= 150


def with_tags(plan: Plan, tags: Callable[[int], tuple[str, ...]]) -> Plan:
    cases = tuple(replace(case, tags=tags(i)) for i, case in enumerate(plan.evalset.cases))
    return replace(plan, evalset=replace(plan.evalset, cases=cases))


def test_tags_that_the_cases_of_a_pattern_share_are_named() -> None:
    plan = with_tags(make_plan(ARMS, 60, 5), lambda i: ("scan" if i % 4 == 0 else "text", f"lang{i % 3}"))

    def outcome(arm: str, i: int, r: int) -> Cell:
        if i % 4 == 0:
            return "format:fenced" if r else None
        return "refusal:text" if i % 5 < 2 and r == 0 else None

    found = find(plan, make_records(plan, outcome))
    (tag,) = named(found, "format:fenced").tags
    assert (tag.tag, tag.hits, tag.cases, tag.all_hits, tag.all_cases) == ("scan", 15, 15, 15, 60)
    assert tag.p_holm < 1e-9
    (tag,) = named(found, "refusal:text").tags
    assert (tag.tag, tag.all_hits) == ("text", 18)


def test_tags_are_read_under_the_best_arm() -> None:
    """`as_is` breaks on all cases, `few_shot` only on scans: what is left is about scans."""
    plan = with_tags(make_plan(ARMS, 60, 5), lambda i: ("scan",) if i % 4 == 0 else ())
    records = make_records(plan, lambda arm, i, r: "format:fenced" if arm == "as_is" or i % 4 == 0 else None)
    found = find(plan, records)
    assert found.best_arm == "few_shot"
    (tag,) = named(found, "format:fenced").tags
    assert (tag.hits, tag.cases, tag.all_hits, tag.all_cases) == (15, 15, 15, 60)


def test_tags_keep_to_the_level_of_the_evalset() -> None:
    def find_tags(alpha: float) -> int:
        plan = make_plan(ARMS, 60, 5, decision=DecisionSpec(alpha=alpha))
        plan = with_tags(plan, lambda i: ("scan",) if i < 20 else ())
        records = make_records(plan, lambda arm, i, r: "format:fenced" if i < 10 or 20 <= i < 26 else None)
        return len(named(find(plan, records), "format:fenced").tags)

    assert (find_tags(0.05), find_tags(0.001)) == (1, 0)


@pytest.mark.parametrize(
    ("signature", "secondary", "reason"),
    [
        ("format:trailing_comma", (), "a comma before } at character 37"),
        ("schema:type:/items/0:null", ("format:trailing_comma",), "a comma before } at character 37"),
        ("schema:type:/items/0:null", (), ""),
    ],
)
def test_an_example_says_what_its_grader_said(
    signature: str, secondary: tuple[str, ...], reason: str
) -> None:
    plan = make_plan(("as_is",), 20, 2)
    grades = (
        Grade(grader="first", outcome="passed", signature=None, reason="fine"),
        Grade(
            grader="is-json",
            outcome="failed",
            signature=signature,
            secondary=secondary,
            reason="a comma before } at character 37",
        ),
    )
    records = [
        replace(record, grades=grades)
        for record in make_records(plan, lambda arm, i, r: ("format:trailing_comma", (), '{"a": 1,}'))
    ]
    (pattern,) = find(plan, records).patterns
    assert pattern.examples[0].reason == reason
    assert pattern.examples[0].output == '{"a": 1,}'

"""What a reader should know of an evalset before it is asked, and what must not be taken for it."""

from __future__ import annotations

from typing import Any

import pytest
from planning_builders import make_arm, make_case, make_evalset, plan
from test_planning_near_duplicates import VOCABULARY, sentence

from pytest_ftgate.model.evalset import Case, GraderSpec
from pytest_ftgate.planning.cautions import find_cautions

EQUALS = (GraderSpec(name="equals"),)
CONTEXT = make_arm("context")


def many(count: int, expected: str = "refund", **more: Any) -> list[Case]:
    return [make_case(f"m{place}", sentence(place), expected, **more) for place in range(count)]


def cautions(cases: list[Case], *arms: Any, windows: dict[str, int] | None = None, **more: Any) -> list[Any]:
    return list(find_cautions(plan(make_evalset(*arms, cases=cases, **more)), windows or {}))


def rules(found: list[Any]) -> list[tuple[str, str]]:
    return [(finding.rule, finding.severity) for finding in found]


# -- copies -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("copies", "severity", "blocks"), [(2, "note", False), (10, "warning", False), (60, "error", True)]
)
def test_copies_weigh_by_their_share(copies: int, severity: str, blocks: bool) -> None:
    cases = many(60)
    cases += [make_case(f"copy{place}", sentence(place)) for place in range(copies)]
    (found,) = [finding for finding in cautions(cases) if finding.rule == "copied-cases"]
    assert (found.severity, found.blocks) == (severity, blocks)
    assert found.cases == tuple(f"copy{place}" for place in range(copies))
    assert "m0 / copy0" in found.what


def test_copies_of_one_group_are_known() -> None:
    cases = [*many(40), make_case("x", "again", group="g"), make_case("y", "again", group="g")]
    assert [f for f in cautions(cases) if f.rule == "copied-cases"] == []


def test_a_copy_on_both_sides_of_the_split_is_a_warning() -> None:
    cases = [*many(60), make_case("a", "same", split="dev"), make_case("b", "same", split="holdout")]
    (found,) = [finding for finding in cautions(cases) if finding.rule == "copied-cases"]
    assert found.severity == "warning"
    assert "dev and holdout" in found.what


def test_near_copies_are_told_with_their_cases() -> None:
    text = sentence(99)
    cases = [*many(60), make_case("a", text), make_case("b", f"{text} please")]
    (found,) = [finding for finding in cautions(cases) if finding.rule == "nearly-copied-cases"]
    assert (found.severity, found.cases, found.blocks) == ("note", ("a", "b"), False)


# -- balance ----------------------------------------------------------------------------------


@pytest.mark.parametrize("grader", ["label", "choice", "equals"])
def test_a_constant_answer_that_reaches_the_bar(grader: str) -> None:
    cases = [*many(40, "A"), make_case("b", "x", "B"), make_case("c", "y", "C")]
    found = [f for f in cautions(cases, graders=[GraderSpec(name=grader)]) if f.rule == "constant-answer"]
    assert [(f.severity, f.blocks) for f in found] == [("warning", False)]
    assert "'A' is right in 40 of 42 cases (95.2 %)" in found[0].what


@pytest.mark.parametrize(
    "more",
    [
        {"bar": 0.99},
        {"graders": [GraderSpec(name="label"), GraderSpec(name="is-json")]},
        {"graders": [GraderSpec(name="label", negated=True)]},
        {"graders": [GraderSpec(name="contains")]},
    ],
)
def test_no_constant_answer_where_the_bar_is_higher_or_more_is_asked(more: dict[str, Any]) -> None:
    cases = [*many(40, "A"), make_case("b", "x", "B")]
    assert "constant-answer" not in dict(rules(cautions(cases, **more)))


def test_few_cases_say_nothing_of_balance() -> None:
    assert cautions(many(10)) == []


def test_rare_and_unused_labels_are_one_note() -> None:
    cases = [*many(30, "refund"), make_case("a", "x", "charge"), make_case("b", "y", "Charge")]
    grader = GraderSpec(name="label", options={"labels": ["refund", "charge", "lost"]})
    (found,) = cautions(cases, graders=[grader], bar=0.99)
    assert (found.rule, found.severity, found.cases) == ("rare-labels", "note", ("a", "b"))
    assert "2 of 3 labels are rare" in found.what
    assert "charge (2)" in found.what
    assert "no case at all: lost" in found.what


def test_answers_that_are_no_labels_are_not_rare() -> None:
    cases = [make_case(f"c{place}", sentence(place), str(place)) for place in range(40)]
    assert cautions(cases, graders=EQUALS) == []


# -- contexts ---------------------------------------------------------------------------------


def quoting(place: int, **more: Any) -> Case:
    name = VOCABULARY[place * 37]
    fact = f"{sentence(place)}. The badge of Ana is {name.upper()}-{place}. {sentence(place + 500)}"
    more = {"context": fact, **more}
    return make_case(f"q{place}", f"which badge {sentence(place + 900)}", f"{name.upper()}-{place}", **more)


def test_contexts_that_contain_their_answer_are_fine() -> None:
    assert cautions([quoting(place) for place in range(60)], CONTEXT, graders=EQUALS) == []


def test_the_few_contexts_without_their_answer_are_named() -> None:
    cases = [quoting(place) for place in range(60)]
    cases[3] = quoting(3, context="nothing of it")
    cases[7] = quoting(7, context=[cases[8].context, "and more"])
    (found,) = cautions(cases, CONTEXT, graders=EQUALS)
    assert (found.rule, found.severity, found.cases) == ("context-without-answer", "warning", ("q3", "q7"))
    assert "2 of 60" in found.what


def test_contexts_of_other_cases_are_told_with_the_case_they_belong_to() -> None:
    """Question and context came from two files, and one has a line too many."""
    right = [quoting(place) for place in range(60)]
    shifted = [quoting(place, context=right[place - 1].context) for place in range(60)]
    (found,) = cautions(shifted, CONTEXT, graders=EQUALS)
    assert len(found.cases) == 60
    assert "q0 (it stands in that of q1)" in found.what


@pytest.mark.parametrize(
    ("expected", "context"),
    [
        ("12,5", "it cost 12,5 in May"),
        ("1,250.50", "the sum is 1250.5 EUR"),
        (1250.5, "the sum is 1,250.50 EUR"),
        ("CV-344", "badge: cv 344."),
        ({"total": 7, "who": "Ana"}, "Ana came alone"),
        (["Lyon", "Lugdunum"], "the old name is Lugdunum"),
        ("12 May", "on 12 of the month of May"),
    ],
)
def test_answers_are_found_in_these_contexts(expected: Any, context: str) -> None:
    cases = [*(quoting(place) for place in range(60)), make_case("x", "ask", expected, context=context)]
    assert cautions(cases, CONTEXT, graders=[GraderSpec(name="contains-any")]) == []


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [("Answer yes or no: {{ input }}", ["yes", "no"]), ("{{ input }}", ["good", "bad"])],
)
def test_answers_that_are_chosen_need_not_stand_in_the_context(prompt: str, expected: list[str]) -> None:
    """By chance most contexts hold one of them."""
    cases = [
        make_case(
            f"c{place}",
            sentence(place),
            expected[place % 2],
            context=f"{sentence(place + 500)} {expected[0]} {'' if place % 5 else expected[1]}",
        )
        for place in range(60)
    ]
    said = ({"role": "user", "content": prompt},)
    found = cautions(cases, CONTEXT, graders=EQUALS, prompt=said)
    assert "context-without-answer" not in dict(rules(found))


def test_answers_in_other_words_are_not_looked_for() -> None:
    cases = [
        make_case(f"c{place}", sentence(place), sentence(place + 99), context=sentence(place + 500))
        for place in range(60)
    ]
    assert cautions(cases, CONTEXT, graders=EQUALS) == []


# -- windows ----------------------------------------------------------------------------------


def test_prompts_beyond_the_window_are_told_by_arm() -> None:
    cases = [make_case("a", "x " * 500), make_case("b", "y", context="z " * 5000)]
    found = cautions(cases, CONTEXT, windows={"candidate": 200})
    assert rules(found) == [("input-too-long", "warning")] * 2
    assert [finding.cases for finding in found] == [("a",), ("a", "b")]
    assert "'context'" in found[1].what
    assert "(200 tokens)" in found[1].what


def test_prompts_within_the_window_and_models_without_a_known_one() -> None:
    assert cautions([make_case("a", "x " * 500)], windows={"candidate": 20_000}) == []
    assert cautions([make_case("a", "x " * 500)], windows={"judge": 1}) == []

"""Evaluation cases held out of training: likeness, clusters, and a split that is the same every time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ftgate.model.evalset import Case
from pytest_ftgate.planning.held_out import digest_question, divide_cases, find_likenesses

SENTENCE = "I was billed twice for the same order in May and would like my money back please"

LONG = " ".join(f"In the morning of day {n} the parcel {n * 7} was seen at depot {n * 13}." for n in range(8))


def case(name: str, text: object = None, **more: object) -> Case:
    return Case(id=name, input=text, **more)


@pytest.mark.parametrize(
    ("example", "held", "reason"),
    [
        (case("x", "Where is my card?"), case("a", "  WHERE is my  card? "), "is_case"),
        (case("x", SENTENCE), case("a", SENTENCE + " now"), "near_case"),
        # A long text with some words exchanged, which breaks every run of eight.
        (case("x", LONG), case("a", " ".join("so" if i % 7 == 6 else w for i, w in enumerate(LONG.split()))),
         None),
        (case("x", LONG), case("a", LONG.replace("morning", "evening")), "near_case"),
        (case("x", "Where is my card?"), case("a", "How do I change my PIN at a cash machine?"), None),
        (case("x", "one", group="doc-1"), case("a", "something else", group="doc-1"), "same_group"),
        (case("x", "one", group="doc-1"), case("a", "something else", group="doc-2"), None),
        # The same question about another document is another question.
        (case("x", "What is the total?", context="Invoice of Adams, 30 EUR"),
         case("a", "What is the total?", context="A letter about tea from Ceylon, dated 1911"), None),
        (case("x", "What is the total?", context="Invoice, 30 EUR"),
         case("a", "What is the total?", context="invoice,  30 eur"), "is_case"),
        (case("x", None, vars={"city": "Rome"}), case("a", None, vars={"city": "Rome"}), "is_case"),
        (case("x", None, messages=({"role": "user", "content": "Hi there"},
                                   {"role": "assistant", "content": "Hello"})),
         case("a", "Hi there"), "is_case"),
    ],
)  # fmt: skip
def test_what_is_like_a_held_out_case(example, held, reason):
    found = find_likenesses([example], [held])
    assert found == ({0: (reason, "a")} if reason else {})


@pytest.mark.parametrize(("answer", "is_kept"), [("tent-99", True), ("tent-0", False)])
def test_one_sentence_with_another_name_and_answer_is_another_question(answer, is_kept):
    frame = "Which article number has the large blue tent that was sent to the new shop in {} on friday "
    frame += "of last week?"
    cities = ["Osaka", "Turin", "Quito", "Perth", "Delhi", "Malmo", "Sofia", "Accra", "Lagos", "Busan"]
    held = [
        case(f"c{i}", frame.format(city), expected=f"tent-{i}", has_expected=True)
        for i, city in enumerate(cities)
    ]
    example = case("x", frame.format("Natal"), expected=answer, has_expected=True)
    same = case("y", frame.format("Osaka"), expected="tent-99", has_expected=True)
    assert (find_likenesses([example], held[:1] if not is_kept else held) == {}) == is_kept
    assert find_likenesses([same], held)[0] == ("is_case", "c0")


TEXTS = st.lists(
    st.integers(0, 40).map(lambda n: f"question number {n} about {'abcdefg'[n % 7] * 9}"), max_size=30
)


@given(examples=TEXTS, held=TEXTS)
def test_nothing_equal_is_ever_kept(examples, held):
    found = find_likenesses(
        [case(str(i), text) for i, text in enumerate(examples)],
        [case(str(i), text) for i, text in enumerate(held)],
    )
    kept = {text for place, text in enumerate(examples) if place not in found}
    assert kept.isdisjoint(held)


def numbered(count: int, **more: object) -> list[Case]:
    return [
        case(f"c{i}", f"{i * 7919 % 10007} words of {i}: {'xyz'[i % 3] * (i % 11)}", **more)
        for i in range(count)
    ]


def test_a_split_is_near_its_share_and_does_not_depend_on_order_or_on_others():
    cases = numbered(400)
    spent = divide_cases(cases, 0.3, seed=0)
    assert 0.22 < len(spent) / 400 < 0.38
    assert divide_cases(cases[::-1], 0.3, seed=0) == spent
    assert divide_cases(cases, 0.3, seed=1) != spent
    assert divide_cases(cases, 0.6, seed=0) > spent


def test_clusters_are_never_divided():
    cases = [case(f"c{i}", f"{i * 7919 % 10007} unlike", group=f"g{i % 20}") for i in range(200)]
    spent = divide_cases(cases, 0.5, seed=0)
    groups = {one.group for one in cases if one.id in spent}
    assert groups
    assert groups.isdisjoint({one.group for one in cases if one.id not in spent})
    twins = [case("a", SENTENCE), case("b", SENTENCE + " now"), *numbered(30)]
    for seed in range(20):
        assert len({"a", "b"} & divide_cases(twins, 0.5, seed=seed)) in (0, 2)


def test_the_digest_is_of_what_is_asked_and_shown():
    assert digest_question(case("a", "X  y")) == digest_question(case("b", "x Y", expected="z"))
    assert digest_question(case("a", "x")) != digest_question(case("a", "x", context="c"))
    assert len(digest_question(case("a", "\ud800"))) == 64

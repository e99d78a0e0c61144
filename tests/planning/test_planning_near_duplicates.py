"""Copies, near-copies and contradictions among cases."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planning_builders import make_case

from pytest_ftgate.planning.duplicates import find_contradictions, find_copies, find_near_copies
from pytest_ftgate.planning.near_duplicates import find_near_pairs
from pytest_ftgate.planning.texts import words

ROOT = Path(__file__).resolve().parents[2]
LONG = "the parcel that I ordered on the third of May from your shop in Lyon has not come, where is it now"
SYLLABLES = [f"{first}{second}" for first in "bdfgklmnprst" for second in "aeiou"]
VOCABULARY = ["".join(parts) for parts in itertools.product(SYLLABLES, SYLLABLES[::2], SYLLABLES[::5])]


def sentence(seed: int, length: int = 14) -> str:
    return " ".join(random.Random(seed).sample(VOCABULARY, length))


def test_texts_of_their_own_are_like_no_other() -> None:
    assert find_near_pairs([sentence(seed) for seed in range(300)]) == []


@pytest.mark.parametrize("length", [8, 30, 90])
def test_every_near_copy_among_many_is_found(length: int) -> None:
    """One word of a text is written otherwise, in forty of five hundred texts."""
    texts = [sentence(seed, length) for seed in range(500)]
    copies = [f"{texts[seed]} pleeease" for seed in range(0, 400, 10)]
    assert find_near_pairs([*texts, *copies]) == [(seed * 10, 500 + seed) for seed in range(40)]


@given(st.integers(0, 10_000), st.integers(0, 3))
def test_a_pair_found_has_the_index_that_was_promised(seed: int, changed: int) -> None:
    text = sentence(seed, 10).split()
    other = [*text[: 10 - changed], *sentence(seed + 1, changed).split()] if changed else [*text, "again"]
    texts = [" ".join(text), " ".join(other), *(sentence(seed + n) for n in range(2, 8))]

    def grams(said: str) -> set[str]:
        joined = " ".join(words(said))
        return {joined[at : at + 5] for at in range(len(joined) - 4)}

    for first, second in find_near_pairs(texts):
        one, two = grams(texts[first]), grams(texts[second])
        assert len(one & two) >= 0.8 * len(one | two)


@pytest.mark.parametrize(
    "frame",
    ["What is the favourite evening drink of {}?", "Order {}: eight buckets, express, to be sent to Quito"],
)
def test_one_sentence_filled_with_other_names_is_another_question(frame: str) -> None:
    names = [name.title() for name in VOCABULARY[:9000:100]]
    assert find_near_pairs([frame.format(name) for name in names]) == []
    assert find_near_pairs([frame.format(name) for name in [*names, f"{names[0]}q"]]) in ([], [(0, 90)])


@pytest.mark.parametrize(
    "texts",
    [[], [""], ["", ""], ["a", "b"], ["!", "?"], ["x" * 50_000, "x" * 49_999], ["\ud800 odd", "\x00 odd"]],
)
def test_odd_texts(texts: list[str]) -> None:
    assert find_near_pairs(texts) in ([], [(0, 1)])


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("examples/*/cases.jsonl")), ids=lambda path: path.parent.name
)
def test_real_cases_hold_no_near_copies(path: Path) -> None:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    texts = [row["input"] if isinstance(row.get("input"), str) else json.dumps(row) for row in rows]
    assert find_near_pairs(texts) == []


# -- cases --------------------------------------------------------------------------------------


def test_copies_are_the_same_question_with_the_same_answer() -> None:
    cases = [
        make_case("a", "Where is my refund"),
        make_case("b", " where  is my REFUND"),
        make_case("c", "Where is my refund", "charge"),
        make_case("d", "Where is my refund", context="of May"),
        make_case("e", "other"),
    ]
    assert find_copies(cases) == [("a", "b")]


@pytest.mark.parametrize(
    ("more", "is_found"),
    [({}, True), ({"context": "x"}, False), ({"group": "g"}, True), ({"expected": "charge"}, False)],
)
def test_near_copies_have_the_same_answer_and_context(more: dict[str, Any], is_found: bool) -> None:
    cases = [make_case("a", LONG), make_case("b", f"{LONG} please", **more), make_case("c", sentence(1))]
    assert find_near_copies(cases) == ([("a", "b")] if is_found else [])


def test_near_copies_of_one_group_are_said_to_belong_together() -> None:
    cases = [make_case("a", LONG, group="g"), make_case("b", f"{LONG} please", group="g")]
    assert find_near_copies(cases) == []


def test_near_copies_are_joined_over_pairs() -> None:
    texts = [sentence(7, 20)]
    for word in ("one", "two", "three"):
        texts.append(f"{texts[-1]} {word}")
    cases = [make_case(f"c{place}", text) for place, text in enumerate([*texts, sentence(8)])]
    assert find_near_copies(cases) == [("c0", "c1", "c2", "c3")]


@pytest.mark.parametrize(
    ("first", "second", "is_loose"),
    [
        ("where is it", "Where is it?!", True),
        ("it's “ok”", "it's “ok”.", True),
        ("what is 8 + 2", "what is 8 - 2", False),
        ("3.5", "35", False),
        ("C", "C++", False),
    ],
)
def test_signs_at_the_ends_of_words_tell_questions_apart_only_loosely(
    first: str, second: str, is_loose: bool
) -> None:
    cases = [make_case("a", first), make_case("b", second, "charge")]
    assert find_contradictions(cases) == ([], [("a", "b")] if is_loose else [])


def test_a_thousand_cases_of_one_frame_take_no_time_that_grows_with_pairs() -> None:
    """All pairs are alike as wholes, and few are proposed: what is left of the frame differs."""
    cases = [
        make_case(
            f"c{place}", f"my order {place} of item {place * 7919 % 10_007} has not come to street {word} yet"
        )
        for place, word in zip(range(1000), itertools.cycle(VOCABULARY), strict=False)
    ]
    assert len(find_near_copies(cases)) < 20

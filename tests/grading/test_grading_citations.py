"""Citations: an answer quotes what it was given, word for word, and graders read the answer without them."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from grading_world import case, parts, spec, trial
from hypothesis import given
from hypothesis import strategies as st

from pytest_ftgate.grading.apply import find_format_problem, judge_trial
from pytest_ftgate.grading.quotations import Citation, find_citations, split_sources
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.response import Response
from pytest_ftgate.model.retrieval import Passage

PASSAGES = (
    Passage(source="docs/a.md", text="A refund takes *three* days.\nIt is paid to the same card."),
    Passage(source="docs/b.md", text="The shop in Oslo opens at nine."),
    Passage(text="Öffnungszeiten: 9–17 Uhr. 退款政策是三十天内可以退款。"),
)
MISSING, FALSE = "style:missing:citation", "style:forbidden:false_citation"


def judge(
    text: str, *graders: str, passages: tuple[Passage, ...] = PASSAGES, expected: str = "three days"
) -> Record:
    names = graders or ("citations",)
    asked = replace(trial(), passages=passages)
    return judge_trial(asked, Response(text=text), case("three days"), tuple(map(spec, names)), parts())


@pytest.mark.parametrize(
    "text",
    [
        'three days\nSources:\n"A refund takes three days." [1]',
        "three days\n\n**Sources:**\n- “a REFUND takes three\n days” [1]",
        "three days. Source: A refund takes three days".replace(". ", "\n"),
        'Sources:\n1. "It is paid to the same card"\n2. "opens at nine" [2]',
        'It takes "A refund takes ... paid to the same card" [1] three days.',
        "three days\n## Citations:\n> The shop in Oslo opens [2]",
        'Quelle unten\nSources: "Öffnungszeiten: 9–17 Uhr" [3]',
        'Sources:\n"三十天内可以退款" [3]',
    ],
)
def test_true_quotes_pass(text: str) -> None:
    assert judge(text).outcome == "passed", judge(text).grades


@pytest.mark.parametrize(
    ("text", "signature"),
    [
        ("three days", MISSING),
        ("three days [1]", MISSING),
        ("three days\nSources: none", FALSE),
        ("three days\nSources:\n", MISSING),
        ('It says "three days" somewhere.', MISSING),
        ('three days\nSources:\n"refund" [1]', MISSING),
        ('three days\nSources:\n"A refund takes four days." [1]', FALSE),
        ('three days\nSources:\n"A refund takes three days." [2]', FALSE),
        ('three days\nSources:\n"A refund takes three days." [9]', FALSE),
        ('three days\nSources:\n"paid to the same card ... A refund takes" [1]', FALSE),
        (
            'three days\nSources:\n"A refund takes three days." [1]\n"The shop in Bergen opens at nine." [2]',
            FALSE,
        ),
        ('three days\nSources:\n"words copied from the passage" [1]', FALSE),
        ('three days\nSources:\n"fund takes three day" [1]', FALSE),
    ],
)
def test_missing_and_false_quotes_fail_each_with_its_kind(text: str, signature: str) -> None:
    record = judge(text)
    assert (record.outcome, record.signature) == ("failed", signature)


def test_the_wrong_passage_is_named_with_the_right_one() -> None:
    (grade,) = judge('Sources:\n"The shop in Oslo opens" [1]').grades
    assert grade.reason == '"The shop in Oslo opens" stands in passage 2, not in 1'


def test_where_no_passages_were_supplied_nothing_has_to_be_quoted() -> None:
    assert judge("three days", passages=()).outcome == "passed"
    assert judge('three days\nSources:\n"invented" [1]', passages=()).outcome == "passed"


def test_a_short_passage_may_be_quoted_whole() -> None:
    assert (
        judge('coffee\nSources: "Tom: coffee" [1]', passages=(Passage(text="Tom: coffee"),)).outcome
        == "passed"
    )


def test_other_graders_read_the_answer_without_its_sources() -> None:
    text = 'three days\n\nSources:\n"A refund takes three days." [1]'
    assert judge(text, "equals", "citations").outcome == "passed"
    assert judge(text, "equals", "citations", passages=()).signature != "passed"
    assert judge(text, "equals", passages=()).outcome == "failed"
    wrong = judge('four days\nSources:\n"A refund takes four days." [1]', "equals", "citations")
    assert wrong.signature == FALSE
    assert "value:text" in wrong.secondary
    assert wrong.output is not None
    assert wrong.output.endswith("[1]")


def test_json_answers_keep_their_form() -> None:
    text = '{"days": 3}\nSources:\n"A refund takes three days." [1]'
    asked = replace(trial(), passages=PASSAGES)
    graders = (spec("is-json"), spec("citations"))
    assert judge_trial(asked, Response(text=text), case(), graders, parts()).outcome == "passed"
    assert find_format_problem(asked, Response(text=text), case(), graders, parts()) is None
    broken = judge_trial(asked, Response(text=f'{{"days": 3,}}\n{text}'), case(), graders, parts())
    assert "2:1" in broken.grades[0].reason or "1:" in broken.grades[0].reason


def test_the_last_line_of_that_name_begins_the_sources() -> None:
    assert split_sources("a\nSources: b\nSources:\nc") == ("a\nSources: b", "\nc")
    assert split_sources("resources: none") == ("resources: none", "")
    assert split_sources("sources matter") == ("sources matter", "")


@given(st.text(alphabet='"“”[]()123 .\n-*>#:SourcesQ', max_size=80))
def test_no_answer_breaks_the_reading(text: str) -> None:
    answer, sources = split_sources(text)
    assert text.startswith(answer)
    assert all(isinstance(each, Citation) and each.quote for each in find_citations(answer, sources))
    assert judge(text).outcome in ("passed", "failed")


@pytest.mark.parametrize("unit", ['"', "“", "Sources:\n", '"a', " " * 50, "[1]", "...", '"x" [1]\n', "#*"])
def test_a_hostile_answer_is_read_in_bounds(unit: str) -> None:
    started = time.process_time()
    assert judge(unit * 300_000).outcome in ("passed", "failed")
    assert judge("Sources:\n" + unit * 300_000).outcome in ("passed", "failed")
    # Not a timing to hold: only that it ends at all, not after minutes.
    assert time.process_time() - started < 60

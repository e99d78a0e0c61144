"""Cases that get one and the same wrong answer from everybody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from pattern_world import make_plan, make_records

from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.response import ToolCall
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.patterns.suspects import explain_suspects, find_suspects

ARMS = ("as_is", "few_shot")
WRONG = "value:text"


def suspects(plan: Plan, records: list[Record]) -> list[str]:
    return [suspect.case for suspect in find_suspects(plan, records)]


def answers(
    say: Callable[[str, int, int], str | None], arms: tuple[str, ...] = ARMS, **more: object
) -> list[str]:
    """`say(arm, case, repeat)` is the wrong answer, or None where it is right."""
    plan = make_plan(arms, 4, 3, **more)  # type: ignore[arg-type]
    records = make_records(
        plan,
        lambda arm, case, repeat: None if (said := say(arm, case, repeat)) is None else (WRONG, (), said),
    )
    return suspects(plan, records)


def test_one_wrong_answer_from_every_arm_and_repeat_is_suspect() -> None:
    assert answers(lambda arm, case, repeat: " Y  " if case == 1 else None) == ["c0001"]
    assert answers(lambda arm, case, repeat: f"{'y' if repeat else 'Y'}" if case == 1 else None) == ["c0001"]


@pytest.mark.parametrize(
    "say",
    [
        lambda arm, case, repeat: f"y{repeat}",
        lambda arm, case, repeat: arm,
        lambda arm, case, repeat: None if (arm, repeat) == ("few_shot", 2) else "y",
        lambda arm, case, repeat: "long " * 100,
        lambda arm, case, repeat: "",
    ],
)
def test_other_answers_passes_and_essays_are_not(say: Callable[[str, int, int], str | None]) -> None:
    assert answers(say) == []


def test_one_arm_is_not_enough_and_its_answers_read_again_are_the_same_source() -> None:
    assert answers(lambda arm, case, repeat: "y", ("as_is",)) == []
    again = {"sources": {"repair": "as_is"}}
    assert answers(lambda arm, case, repeat: "y", ("as_is", "repair"), **again) == []
    assert len(answers(lambda arm, case, repeat: "y", ("as_is", "repair", "few_shot"), **again)) == 4


def test_a_second_role_is_a_source() -> None:
    plan = make_plan(("as_is",), 2, 2)
    own = make_records(plan, lambda arm, case, repeat: (WRONG, (), "y") if case else None)
    teacher = [replace(record, key=record.key._replace(role="teacher")) for record in own]
    assert suspects(plan, [*own, *teacher]) == ["c0001"]
    agreeing = [replace(record, outcome="passed", signature=None) for record in teacher]
    assert suspects(plan, [*own, *agreeing]) == []


@pytest.mark.parametrize(
    "signature", ["format:fenced", "empty:blank", "refusal:text", "call:truncated", "schema:x"]
)
def test_a_wrong_form_says_nothing_of_the_expected_value(signature: str) -> None:
    plan = make_plan(ARMS, 2, 2)
    assert suspects(plan, make_records(plan, lambda arm, case, repeat: (signature, (), "y"))) == []


def test_answers_without_a_judgement_do_not_count() -> None:
    plan = make_plan(ARMS, 1, 2)
    records = make_records(plan, lambda arm, case, repeat: (WRONG, (), "y"))
    lost = replace(records[0], outcome="error", signature="infra:timeout", output=None)
    assert suspects(plan, [lost, *records[1:]]) == ["c0000"]
    assert suspects(plan, []) == []


def graded(records: list[Record], predicted: str, **changes: object) -> list[Record]:
    grade = Grade(grader="numeric", outcome="failed", signature="value:numeric", predicted=predicted)
    return [replace(record, grades=(grade,), **changes) for record in records]  # type: ignore[arg-type]


def test_the_number_or_label_read_out_of_a_text_is_the_answer() -> None:
    plan = make_plan(ARMS, 1, 2)
    records = make_records(plan, lambda arm, case, repeat: ("value:numeric", (), f"{arm} {repeat} so 41"))
    assert suspects(plan, records) == []
    assert suspects(plan, graded(records, "41")) == ["c0000"]
    fenced = {"signature": "format:prose_before", "secondary": ("label:confusion:x→y",)}
    assert suspects(plan, graded(records, "y", **fenced)) == ["c0000"]


def test_calls_are_answers() -> None:
    plan = make_plan(ARMS, 1, 2)
    records = make_records(plan, lambda arm, case, repeat: ("tool:arg_value:x", (), None))
    call = (ToolCall(name="f", arguments='{"x": 1}'),)
    assert suspects(plan, [replace(record, tool_calls=call) for record in records]) == ["c0000"]


def test_what_goes_wrong_in_many_cases_alike_comes_last() -> None:
    found = answers(lambda arm, case, repeat: "lonely" if case == 3 else "common" if case else None)
    assert found == ["c0003", "c0001", "c0002"]


def test_the_finding_says_what_was_expected_and_what_came() -> None:
    plan = make_plan(ARMS, 9, 2)
    (found,) = explain_suspects(
        plan, make_records(plan, lambda arm, case, repeat: (WRONG, (), f"it is {case}"))
    )
    assert (found.rule, found.severity, found.blocks, len(found.cases)) == (
        "suspect-expected",
        "note",
        False,
        9,
    )
    assert "c0000 expects 'x', 4 of 4 answers are 'it is 0'" in found.what
    assert "and 4 more" in found.what
    assert explain_suspects(plan, []) == ()

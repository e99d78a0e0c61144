"""Grader `similar` without a model, and the vectors it compares."""

from __future__ import annotations

import base64
import math
import struct
from typing import Any

import pytest
from grading_world import NOTHING, case, spec, trial, verdict
from hypothesis import given
from hypothesis import strategies as st

from pytest_ftgate.grading.apply import judge_trial
from pytest_ftgate.grading.asking import list_questions
from pytest_ftgate.grading.similar import Similar
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.response import Answer, Failure, Response
from pytest_ftgate.model.vectors import decode_vector, encode_vector, measure_cosine
from pytest_ftgate.registry import Registries

REGISTRIES = Registries()
REGISTRIES.graders.register("similar", Similar())
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


def vector(*numbers: float) -> Response:
    return Response(text=encode_vector(numbers))


def judge(
    *replies: Answer, text: str = "an answer", name: str = "similar", expected: Any = "wanted", **options: Any
) -> Record:
    graders = (spec(name, **options),)
    return judge_trial(
        trial(), Response(text=text), case(expected), graders, REGISTRIES, replies={1: replies}
    )


def ask(text: str, *, expected: Any = NOTHING, value: Any = NOTHING) -> list[str]:
    asked = list_questions(
        trial(), Response(text=text), case(expected), (spec("similar", value),), REGISTRIES
    )
    return [question.messages[0]["content"] for question in asked.get(1, ())]


def test_answer_and_wanted_text_are_embedded() -> None:
    assert ask("an answer", expected="wanted") == ["an answer", "wanted"]
    assert ask("an answer", expected="wanted", value="this") == ["an answer", "this"]
    assert ask("an answer", expected={"a": 1}) == ["an answer", '{"a":1}']
    assert ask("an answer") == []


@pytest.mark.parametrize("name", ["similar", "not-similar"])
@pytest.mark.parametrize(
    ("text", "found"), [("", "empty:blank"), (" \n", "empty:whitespace"), ("a\ud800", "value:similar")]
)
def test_what_cannot_be_embedded_fails_both_ways_without_a_question(name: str, text: str, found: str) -> None:
    assert ask(text, expected="wanted") == []
    assert verdict(judge(text=text, name=name)) == found


def test_cosine_is_held_to_the_threshold() -> None:
    near = judge(vector(1, 0), vector(1, 0.5))
    assert (verdict(near), near.grades[0].score) == ("passed", pytest.approx(2 / math.sqrt(5)))
    far = judge(vector(1, 0), vector(0, 1))
    assert (verdict(far), far.grades[0].score) == ("value:similar", 0.0)
    assert "at least 0.75" in far.grades[0].reason
    assert verdict(judge(vector(1, 0), vector(1, 0.5), threshold=0.9)) == "value:similar"
    assert verdict(judge(vector(1, 0), vector(1, 0), name="not-similar")) == "value:similar"
    assert verdict(judge(vector(3, 0), vector(7, 0), threshold=1)) == "passed"


@pytest.mark.parametrize(
    "replies",
    [
        (Failure(signature="infra:timeout", message="late"), vector(1, 0)),
        (vector(1, 0), vector(1, 0, 0)),
        (vector(0, 0), vector(1, 0)),
        (vector(1, 0), Response(text="not base64")),
        (vector(1, 0), Response(text=None)),
        (vector(1, 0), Response(text=base64.b64encode(struct.pack("<2f", 1, math.nan)).decode())),
        (vector(1, 0),),
    ],
    ids=["failed", "dimensions", "zero", "no vector", "no text", "nan", "one"],
)
def test_trouble_of_the_embedder_is_not_the_model_s(replies: tuple[Answer, ...]) -> None:
    record = judge(*replies)
    assert (record.outcome, record.signature) == ("error", "infra:embedder")


def test_texts_that_are_not_embedded() -> None:
    assert ask("x" * 70_000, expected="wanted") == []
    assert verdict(judge(text="x" * 70_000)) == "style:too_long"
    assert verdict(judge(text="x" * 70_000, name="not-similar")) == "style:too_long"
    assert verdict(judge(text=" ")) == "empty:whitespace"
    assert "empty text" in (judge_trial_error(expected=" ") or "")
    assert "64 KiB" in (judge_trial_error(expected="x" * 70_000) or "")


def judge_trial_error(*, expected: str) -> str | None:
    """The error where nothing could be asked."""
    graders = (spec("similar"),)
    return judge_trial(trial(), Response(text="an answer"), case(expected), graders, REGISTRIES).error


@given(st.lists(FLOATS, min_size=1, max_size=50))
def test_vectors_come_back(numbers: list[float]) -> None:
    assert list(decode_vector(encode_vector(numbers))) == numbers


@given(st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=20))
def test_cosine_is_a_number_or_refused(pairs: list[tuple[float, float]]) -> None:
    first, second = zip(*pairs, strict=True)
    try:
        cosine = measure_cosine(first, second)
    except ValueError:
        assert not any(first) or not any(second)
        return
    assert -1 <= cosine <= 1
    assert measure_cosine(second, first) == pytest.approx(cosine)
    assert measure_cosine(first, first) == pytest.approx(1)


@pytest.mark.parametrize("numbers", [[], [math.nan], [math.inf], [1e300], ["1"], [None], [10**400]])
def test_no_vector_is_refused(numbers: list[Any]) -> None:
    with pytest.raises(ValueError, match="vector"):
        encode_vector(numbers)


@given(st.text())
def test_text_that_is_no_vector_is_refused(text: str) -> None:
    try:
        vector = decode_vector(text)
    except ValueError:
        return
    assert all(math.isfinite(number) for number in vector)

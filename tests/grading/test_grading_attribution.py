"""One cause for a failing trial, the record around it, and faults of the evalset."""

from __future__ import annotations

import pytest
from grading_world import case, judge, parts, spec, trial, verdict

from pytest_ftgate.grading.apply import find_format_problem, judge_trial
from pytest_ftgate.grading.faults import find_faults
from pytest_ftgate.model.evalset import Evalset
from pytest_ftgate.model.response import Failure, Response, Usage

JSON = spec("is-json", schema={"type": "object", "required": ["a"]})
FIELDS = spec("json-fields")


def test_the_first_kind_of_the_taxonomy_wins_and_the_rest_is_secondary():
    record = judge('```\n{"b": 1}\n```', spec("max-length", 3), FIELDS, JSON, expected={"a": 1, "b": 2})
    assert record.signature == "format:fenced"
    assert record.secondary == ("schema:required:/a", "style:too_long", "value:/b")


@pytest.mark.parametrize(
    ("text", "response", "signature"),
    [
        ('{"a": 1', {"finish_reason": "length"}, "call:truncated"),
        ('{"a": 1', {"usage": Usage(completion_tokens=100)}, "call:truncated"),
        ('{"a": 1', {"usage": Usage(completion_tokens=100), "finish_reason": "stop"}, "format:unclosed"),
        ('{"a": 1', {"usage": Usage(completion_tokens=100), "turns": 2}, "format:unclosed"),
        ('{"a": 1', {"usage": Usage(completion_tokens=99)}, "format:unclosed"),
        ("", {"finish_reason": "content_filter"}, "refusal:content_filter"),
        ("I'm sorry, but I can't do that.", {}, "refusal:text"),
        ("", {}, "empty:blank"),
        (" \n", {}, "empty:whitespace"),
        (None, {}, "empty:blank"),
    ],
)
def test_causes_before_the_answer(text, response, signature):
    record = judge(text, JSON, expected={"a": 1}, params={"max_tokens": 100}, **response)
    assert record.signature == signature
    if not signature.startswith("format:"):
        assert record.secondary == ()


def test_a_truncated_answer_that_passes_is_passed_and_flagged():
    record = judge('{"a": 1}', JSON, finish_reason="length")
    assert (record.outcome, record.signature, record.flags) == ("passed", None, ("truncated",))


def test_a_wanted_refusal_is_not_blamed_for_another_failure():
    record = judge("I'm sorry, but I can't.", spec("is-refusal"), spec("contains", "policy"))
    assert record.signature == "value:text"
    assert verdict(judge("I'm sorry, but I can't.", spec("not-is-refusal"))) == "refusal:text"


@pytest.mark.parametrize(
    ("signature", "outcome", "kept"),
    [
        ("infra:timeout", "error", "infra:timeout"),
        ("call:context_overflow", "failed", "call:context_overflow"),
        ("refusal:content_filter", "failed", "refusal:content_filter"),
    ],
)
def test_failures_without_a_response(signature, outcome, kept):
    failure = Failure(signature=signature, message="why", attempts=3)
    record = judge_trial(trial(), failure, case("x"), (spec("equals"),), parts())
    assert (record.outcome, record.signature, record.error, record.attempts) == (outcome, kept, "why", 3)
    assert record.is_unanswered == signature.startswith("infra:")


def test_without_an_expected_value_the_case_is_not_in_n():
    graders = (JSON, spec("equals"))
    for answer in (Response(text="no json"), Failure(signature="call:context_overflow", message="")):
        record = judge_trial(trial(), answer, case(), graders, parts())
        assert (record.outcome, record.signature) == ("ungraded", None)
    assert judge("x").outcome == "ungraded"
    assert judge("x", spec("equals", None)).outcome == "failed"


def test_a_crash_is_an_error_whatever_else_failed():
    record = judge("x", spec("regex", "("), spec("equals"), expected="y")
    assert (record.outcome, record.signature) == ("error", None)
    assert "regex" in record.error
    assert [grade.outcome for grade in record.grades] == ["error", "failed"]


def test_the_record_holds_the_response_and_cuts_a_long_one():
    response = Response(
        text="x" * 50, model="m-1", cost_usd=0.5, latency_s=2.0, cached=True, tied_to_prompt=False
    )
    record = judge_trial(trial(), response, case("x"), (spec("contains"),), parts(), max_output_chars=10)
    assert (record.model, record.cost_usd, record.latency_s, record.cached) == ("m-1", 0.5, 2.0, True)
    assert (record.outcome, record.flags, record.request_hash) == ("passed", ("output_cut",), "hash")
    assert record.output.startswith("x" * 10 + "\n")
    assert "50 characters" in record.output
    assert not record.tied_to_prompt


def test_format_problems_say_what_is_wrong_and_not_what_is_right():
    def problem(text, *graders, expected="secret"):
        return find_format_problem(trial(), Response(text=text), case(expected), graders, parts())

    assert problem("anything", spec("equals")) is None
    assert problem("", JSON) == "The answer was empty."
    assert "'a' is missing" in problem("{}", JSON)
    assert "fenced" in problem('```\n{"a": 1}\n```', JSON)
    fields = problem('{"b": 1}', FIELDS, expected={"secret": 2})
    assert fields is None
    label = spec("label", labels=["x", "secret"])
    assert "exactly one of these labels" in problem("Category: x", label)
    assert problem("x", label) is None
    assert "no letter" in problem("hm", spec("choice"), expected="B")
    assert problem("C", spec("choice"), expected="B") is None


DATED = spec("json-fields", fields={"d": {"date": "%d.%m.%Y"}})
NUMBERED = spec("is-json", schema={"properties": {"n": {"type": "integer"}, "a/b": {"type": "integer"}}})
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]


def evalset_of(*cases):
    return Evalset(path="e", name="e", cases=cases)


def faults(*cases, graders):
    evalset = evalset_of(*cases)
    return find_faults(evalset, {entry.id: tuple(graders) for entry in cases}, parts())


@pytest.mark.parametrize(
    ("expected", "graders"),
    [
        ("refund", [spec("label", labels=["refund", "charge"])]),
        ("#### 42", [spec("numeric")]),
        (42, [spec("numeric"), spec("regex", r"####")]),
        ("B", [spec("choice"), spec("contains", "answer is")]),
        ("x", [spec("contains"), spec("max-length", 3), spec("not-is-refusal")]),
        (["a", "b"], [spec("contains-all")]),
        ({"a": 1}, [FIELDS, JSON]),
        ({"b": 1}, [FIELDS, JSON]),
        ({"a": 1, "notes": 2}, [spec("json-fields", ignore=["notes"]), JSON]),
        ([{"f": {"x": [1], "y": [""]}}], [spec("tool-call")]),
        ([], [spec("tool-call")]),
        ({"a": 1}, [spec("equals"), JSON, spec("no-extra-text")]),
        ("", [spec("equals")]),
        ("x", [spec("python", "mine")]),
        ("x", [spec("equals"), spec("not-contains", "y")]),
        ("refund", [spec("label", match="in_text"), spec("contains", "because")]),
        ({"d": "2026-01-31"}, [DATED]),
        ({"d": "0987-01-31"}, [DATED]),
        ({"d": "31.01.2026"}, [DATED]),
        ({"l": [{"d": "2026-01-31"}]}, [DATED, spec("regex", r"31\.01\.2026")]),
        ({"n": "x", "d": "a"}, [spec("json-fields", fields={"n": "ignore"}), NUMBERED]),
        ({"n": "x", "d": "a"}, [spec("json-fields", fields={"/n": "ignore"}), NUMBERED]),
        ({"a/b": "x"}, [spec("json-fields", ignore=["/a~1b"]), NUMBERED]),
        ("x " * 200, [spec("rouge-n", threshold=0.4), spec("max-length", 300)]),
        ("Reply asap.", [spec("levenshtein"), spec("terms", forbidden=["asap"])]),
        ("abc", [spec("equals", transform="lower")]),
        ("ABC", [spec("equals", transform="mine")]),
        ("x", [spec("not-llm-rubric", "is rude")]),
        ("x", [spec("not-similar"), spec("latency", 100)]),
        ("x", [spec("not-instructions", [{"id": "punctuation:no_comma"}])]),
        ("x", [spec("not-code", "assert f(1) == 2"), spec("cost", 1)]),
        ("x", [spec("max-length", 100), spec("python", "mine")]),
        ("x", [spec("max-length", 100, transform="mine")]),
        ("x", [spec("latency", 100), spec("is-refusal")]),
    ],
)
def test_sound_evalsets_raise_no_alarm(expected, graders):
    assert faults(case(expected), graders=graders) == ()


@pytest.mark.parametrize(
    ("expected", "graders"),
    [
        ("refund", [spec("equals"), spec("max-length", 3)]),
        ("refund", [spec("equals"), spec("not-contains", "fund")]),
        ({"a": "x"}, [FIELDS, spec("is-json", schema={"properties": {"a": {"type": "number"}}})]),
        ("Refund", [spec("equals"), spec("regex", "^[a-z]+$")]),
        ("refund", [spec("equals", transform="strip"), spec("max-length", 3)]),
    ],
)
def test_an_expected_output_that_its_own_graders_reject(expected, graders):
    sound = case("ok" if isinstance(expected, str) else {"a": 1}, id="two")
    (finding,) = faults(case(expected, id="one"), sound, graders=graders)
    assert (finding.severity, finding.blocks) == ("error", True)
    assert "one" in finding.cases
    assert "rejected by its own grader" in finding.what
    assert finding.remedy


@pytest.mark.parametrize(
    "graders",
    [
        [spec("not-contains", "sorry")],
        [spec("max-length", 100)],
        [spec("regex", ".*")],
        [spec("max-length", 100), spec("latency", 100)],
        [spec("not-contains", "sorry"), spec("cost", 0)],
        [spec("not-is-valid-openai-tools-call"), spec("not-is-valid-function-call", transform="lower")],
        [spec("not-tool-call-f1", ["f"])],
    ],
)
def test_graders_that_an_empty_answer_passes(graders):
    (finding,) = faults(case(id="a", tools=TOOLS), case(id="b", tools=TOOLS), graders=graders)
    assert finding.blocks
    assert finding.cases == ("a", "b")
    assert "empty answer" in finding.what


def test_a_transform_that_no_expected_output_survives_is_named_in_the_remedy():
    graders = [spec("equals", transform=["strip", "lower"]), spec("max-length", 3)]
    first, second = faults(case("ABCD"), graders=graders)
    assert "`transform: strip, lower` of equals" in first.remedy
    assert "transform" not in second.remedy

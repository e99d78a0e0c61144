"""Few-shot examples show answers that the graders take, never rules, tests or patterns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_ftgate.cli.check import builtin_registries
from pytest_ftgate.errors import EvalsetError
from pytest_ftgate.grading.apply import judge_trial
from pytest_ftgate.model.evalset import Message
from pytest_ftgate.model.response import Response, ToolCall
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.plan_loading import load_plan

NO_COMMA = [{"id": "punctuation:no_comma"}]
SCHEMA = {"type": "object", "properties": {"sum": {"type": "integer"}, "to": {"type": "object"}}}
PAY = {"type": "function", "function": {"name": "pay", "parameters": SCHEMA}}


def load(folder: Path, graders: list[Any], expected: Any, examples: list[Any], **case: Any) -> Plan:
    written = {
        "prompt": "{{ input }} refund or charge",
        "models": {"candidate": "openai/m", "embedder": "openai/e"},
        "graders": graders,
        "arms": {"few_shot": {"examples": examples}},
        "cases": [{"id": "a", "input": "one", "expected": expected, **case}],
    }
    path = folder / "x.evalset.yaml"
    path.write_text(yaml.safe_dump(written))
    return load_plan(path, Settings(rootdir=str(folder), directory=str(folder)), builtin_registries())


def show(made: Plan) -> tuple[Message, ...]:
    """The messages between the example's question and the case's."""
    item = next(item for item in made.items if item.arm == "few_shot")
    return item.trials[0].request.messages[1:-1]


@pytest.mark.parametrize(
    ("graders", "expected", "holds"),
    [
        (["instructions"], NO_COMMA, "holds instructions"),
        ([{"code": {"entry_point": "f"}}], {"test": "assert f(1) == 2", "entry_point": "f"}, "holds tests"),
        (["code"], "assert f(1) == 2", "holds tests"),
        (["tool-call-f1"], ["pay"], "holds names of tools"),
        (["regex"], "^[a-z]+$", "holds a pattern"),
        (["not-contains"], "sorry", "holds what an answer must not be"),
        (["contains-all"], ["red", "green"], "holds a list of terms"),
        (["tool-call"], "pay three", "holds no call"),
        ([{"equals": "{{ expected.word }}"}], {"word": "red"}, "holds parts for the templates"),
    ],
    ids=str,
)
def test_what_is_no_answer_is_never_shown_as_one(
    tmp_path: Path, graders: list[Any], expected: Any, holds: str
) -> None:
    tools = [PAY]
    with pytest.raises(EvalsetError) as refused:
        load(tmp_path, graders, expected, [{"input": "two", "expected": expected}] * 7, tools=tools)
    message = str(refused.value)
    assert f"arm 'few_shot': the `expected` of examples 1, 2, 3, 4, 5 and 2 more {holds}" in message
    assert "`answer:`" in message
    made = load(
        tmp_path, graders, expected, [{"input": "two", "expected": expected, "answer": "so"}], tools=tools
    )
    assert show(made) == ({"role": "assistant", "content": "so"},)


def test_an_answer_needs_no_expected_and_may_be_any_value(tmp_path: Path) -> None:
    made = load(tmp_path, ["instructions"], NO_COMMA, [{"input": "two", "answer": {"a": 1}}])
    assert show(made) == ({"role": "assistant", "content": '{"a": 1}'},)


def test_the_last_message_is_the_answer_whatever_is_expected(tmp_path: Path) -> None:
    talk = [{"role": "user", "content": "two"}, {"role": "assistant", "content": "said"}]
    made = load(tmp_path, ["instructions"], NO_COMMA, [{"messages": talk, "expected": NO_COMMA}])
    assert [message["content"] for message in show(made)] == ["said"]


@pytest.mark.parametrize("graders", [["label"], ["contains-any"]])
def test_of_accepted_answers_the_first_is_shown(tmp_path: Path, graders: list[Any]) -> None:
    made = load(tmp_path, graders, ["refund", "charge"], [{"input": "two", "expected": ["charge", "refund"]}])
    assert show(made) == ({"role": "assistant", "content": "charge"},)


@pytest.mark.parametrize(
    "graders",
    [
        ["label"],
        ["contains"],
        ["equals"],
        ["label", {"instructions": NO_COMMA}],
        [{"code": {"tests": "assert f(1) == 2"}}],
        [{"is-json": {}}],
        ["similar"],
    ],
    ids=str,
)
def test_what_a_grader_reads_as_an_answer_is_shown(tmp_path: Path, graders: list[Any]) -> None:
    made = load(tmp_path, graders, "refund", [{"input": "two", "expected": "charge"}])
    assert show(made) == ({"role": "assistant", "content": "charge"},)


@pytest.mark.parametrize("grader", ["tool-call", {"tool-call": {"from": "text"}}, "tool-call-f1"], ids=str)
@pytest.mark.parametrize(
    "expected",
    [
        [{"pay": {"sum": [3, 4], "note": ["a", ""]}}],
        [{"pay": {"sum": [3], "to": [{"name": ["Ann", "ann"], "nick": ["", "A"]}]}}],
        [{"pay": {"sum": [3], "list": [[{"x": [1, 2]}]]}}],
        [{"name": "pay", "arguments": {"sum": 3}}, {"name": "pay", "arguments": {"sum": 4}}],
    ],
    ids=str,
)
def test_a_call_that_is_shown_passes_its_own_grader(tmp_path: Path, grader: Any, expected: Any) -> None:
    made = load(tmp_path, [grader], expected, [{"input": "two", "expected": expected}], tools=[PAY])
    asked = show(made)[0]
    calls = tuple(
        ToolCall(name=call["function"]["name"], arguments=call["function"]["arguments"])
        for call in asked.get("tool_calls", ())
    )
    assert bool(calls) == (grader in ("tool-call", "tool-call-f1"))
    response = Response(text=asked["content"], tool_calls=calls)
    trial = next(item for item in made.items if item.arm == "as_is").trials[0]
    record = judge_trial(trial, response, made.evalset.cases[0], made.graders["a"], builtin_registries())
    assert (record.outcome, record.signature) == ("passed", None), json.dumps(asked)


def test_a_waived_arm_shows_nothing_and_is_not_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.evalset.yaml"
    written = {
        "prompt": "{{ input }}",
        "models": {"candidate": "openai/m"},
        "graders": ["instructions"],
        "arms": {"few_shot": {"examples": [{"input": "two", "expected": NO_COMMA}]}},
        "decision": {"waive": {"few_shot": "later"}},
        "cases": [{"id": "a", "input": "one", "expected": NO_COMMA}],
    }
    path.write_text(yaml.safe_dump(written))
    made = load_plan(path, Settings(rootdir=str(tmp_path), directory=str(tmp_path)), builtin_registries())
    assert {arm.name: arm.status for arm in made.arms}["few_shot"] == "waived"


@pytest.mark.parametrize("answer", [None, "", "  "])
def test_an_empty_answer_is_refused(tmp_path: Path, answer: Any) -> None:
    with pytest.raises(EvalsetError, match="the answer to show"):
        load(tmp_path, ["label"], "refund", [{"input": "two", "answer": answer}])

"""The probe of an enforced schema, and the follow-up of arm `reask`."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from planning_builders import SCHEMA, make_arm, make_evalset, plan, trials_of

from pytest_ftgate.model.evalset import GraderSpec, ModelSpec
from pytest_ftgate.model.response import Answer, Failure, Response, ToolCall
from pytest_ftgate.model.trial import Request, Trial
from pytest_ftgate.planning.probe import PROBES, build_probe, read_probes
from pytest_ftgate.planning.reask import follow_up_request

POLITE = ("The sky is blue.", "{}", '{"colour": "blue"}', "[" * 100_000, "", "\0")


def structured_trial(response_format: object = None, **options: object) -> Trial:
    if response_format:
        options["response_format"] = response_format
    evalset = make_evalset(
        make_arm("structured", **options),
        graders=[GraderSpec(name="is-json", options={"schema": SCHEMA})],
        models={
            "candidate": ModelSpec(
                model="v/m",
                params={"temperature": 0.5, "max_tokens": 2, "stop": ["}"], "api_base": "http://h"},
            )
        },
    )
    return trials_of(plan(evalset), "structured")[0]


def test_only_the_schemas_one_answer_satisfies_a_probe() -> None:
    probes = build_probe(structured_trial(), case="probe")
    assert len({probe.trial.key for probe in probes}) == len(probes) >= 2
    for probe in probes:
        schema = probe.trial.request.response_format["json_schema"]["schema"]
        (key,) = schema["required"]
        (value,) = schema["properties"][key]["enum"]
        asked = json.dumps(probe.trial.request.messages)
        assert key not in asked
        assert value not in asked
        right = Response(text=f' {{"{key}":\n "{value}"}} ')
        assert probe.is_satisfied(right)
        for other in (*POLITE, f'{{"{key}": "blue"}}', f'"{value}"'):
            assert not probe.is_satisfied(Response(text=other))
        called = Response(text=None, tool_calls=(ToolCall(name="probe", arguments=right.text or ""),))
        assert not probe.is_satisfied(called)
        assert not any(other.is_satisfied(right) for other in probes if other is not probe)


def test_one_probe_asks_for_another_object() -> None:
    """A model that is only shown the schema follows the question rather."""
    asked = [
        probe.trial.request.messages[0]["content"] for probe in build_probe(structured_trial(), case="p")
    ]
    assert len(set(asked)) == PROBES
    copied = Response(text='{"colour": "blue"}')
    assert sum('{"colour": "blue"}' in question for question in asked) == 1
    assert not any(probe.is_satisfied(copied) for probe in build_probe(structured_trial(), case="p"))


def test_a_forced_call_is_probed_by_its_arguments() -> None:
    trial = structured_trial(mode="tool")
    for probe in build_probe(trial, case="probe"):
        request = probe.trial.request
        (tool,) = request.tools or ()
        (key,) = tool["function"]["parameters"]["required"]
        (value,) = tool["function"]["parameters"]["properties"][key]["enum"]
        assert request.params["tool_choice"]["function"]["name"] == tool["function"]["name"]
        assert tool["function"]["strict"] is True
        assert request.response_format is None
        arguments = json.dumps({key: value})
        name = tool["function"]["name"]
        assert probe.is_satisfied(Response(text=None, tool_calls=(ToolCall(name=name, arguments=arguments),)))
        assert not probe.is_satisfied(
            Response(text=None, tool_calls=(ToolCall(name="other", arguments=arguments),))
        )
        assert not probe.is_satisfied(Response(text=arguments))


def test_what_the_probes_showed_is_told() -> None:
    probes = build_probe(structured_trial("json_object"), case="p")
    good, prose = Response(text="{}"), Response(text="The sky is blue. " * 50)
    refused = Failure(signature="infra:bad_request", message="no such parameter")
    slow = Failure(signature="infra:timeout", message="no answer in time")

    def read(first: Answer, second: Answer) -> tuple[str, str]:
        return read_probes(list(zip(probes, (first, second), strict=True)))

    assert read(good, good) == ("enforced", "all 2 probes got what nothing but the form explains")
    assert read(refused, refused) == ("unsupported", "the vendor refuses it: no such parameter")
    assert read(refused, good) == (
        "unverified", "a probe got no answer: infra:bad_request: no such parameter"
    )  # fmt: skip
    assert read(good, slow)[0] == "unverified"
    state, why = read(good, prose)
    assert state == "unverified"
    assert why.startswith("a probe got another answer: 'The sky is blue.")
    assert len(why) < 200


def test_probes_travel_as_the_arm_does_without_what_could_cut_them_short() -> None:
    trial = structured_trial()
    for probe in build_probe(trial, case="probe"):
        assert probe.trial.request.params == {"temperature": 0.5, "api_base": "http://h"}
        assert probe.trial.request.model == "v/m"
        assert probe.trial.key.case == "probe"
        assert probe.trial.request.response_format["json_schema"]["strict"] is True
    again, other = build_probe(trial, case="probe"), build_probe(trial, case="probe", seed=1)
    hashes = [probe.trial.request_hash for probe in build_probe(trial, case="probe")]
    assert [probe.trial.request_hash for probe in again] == hashes
    assert not set(hashes) & {probe.trial.request_hash for probe in other}


def test_json_mode_is_probed_for_any_object() -> None:
    for probe in build_probe(structured_trial("json_object"), case="probe"):
        assert probe.trial.request.response_format == {"type": "json_object"}
        assert "json" in probe.trial.request.messages[0]["content"]
        assert probe.is_satisfied(Response(text='{"sky": "blue"}'))
        assert not probe.is_satisfied(Response(text="The sky is blue."))
        assert not probe.is_satisfied(Response(text="[1]"))


def test_a_trial_without_a_format_cannot_be_probed() -> None:
    trial = structured_trial()
    with pytest.raises(ValueError, match="no response format"):
        build_probe(replace(trial, request=replace(trial.request, response_format=None)), case="p")


def test_the_follow_up_shows_the_answer_and_the_problem_and_keeps_the_rest() -> None:
    request = Request(
        model="v/m", messages=({"role": "user", "content": "q"},), params={"a": 1}, tools=({"t": 1},)
    )
    second = follow_up_request(request, Response(text='{"a": '), "unclosed '{'")
    assert replace(second, messages=request.messages) == request
    assert second.messages[0] == request.messages[0]
    assert second.messages[1] == {"role": "assistant", "content": '{"a": '}
    assert "unclosed '{'" in second.messages[2]["content"]
    third = follow_up_request(second, Response(text="  "), "x" * 10**6)
    assert len(third.messages) == 5
    assert third.messages[3]["content"].strip()
    assert len(third.messages[4]["content"]) < 30_000


def test_the_follow_up_to_calls_answers_each_of_them() -> None:
    """Chat formats want a result for every call before the next question."""
    request = Request(model="v/m", messages=({"role": "user", "content": "q"},))
    calls = (ToolCall(name="answer", arguments='{"a": 1}', id="c9"), ToolCall(name="other", arguments="{}"))
    turn = follow_up_request(request, Response(text="thinking", tool_calls=calls), "`b` is missing").messages[
        1:
    ]
    assert [message["role"] for message in turn] == ["assistant", "tool", "tool"]
    assert [call["function"] for call in turn[0]["tool_calls"]] == [
        {"name": "answer", "arguments": '{"a": 1}'},
        {"name": "other", "arguments": "{}"},
    ]
    assert [message["tool_call_id"] for message in turn[1:]] == ["c9", turn[0]["tool_calls"][1]["id"]]
    assert all("`b` is missing" in message["content"] for message in turn[1:])


def test_calls_that_no_vendor_would_be_shown_again_are_told_as_text() -> None:
    request = Request(model="v/m", messages=({"role": "user", "content": "q"},))
    for arguments in ('{"a": ', "[1]", '"' + "x" * 50_000 + '"'):
        broken = Response(text=None, tool_calls=(ToolCall(name="answer", arguments=arguments),))
        turn = follow_up_request(request, broken, "no JSON object").messages[1:]
        assert [message["role"] for message in turn] == ["assistant", "user"]
        assert turn[0]["content"] == arguments[:20_000]

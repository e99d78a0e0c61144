"""The probe of an enforced schema, and the follow-up of arm `reask`."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from planning_builders import SCHEMA, make_arm, make_evalset, plan, trials_of

from pytest_ftgate.model.evalset import GraderSpec, ModelSpec
from pytest_ftgate.model.trial import Request, Trial
from pytest_ftgate.planning.probe import build_probe
from pytest_ftgate.planning.reask import follow_up_request


def structured_trial(response_format: object = None) -> Trial:
    options = {"response_format": response_format} if response_format else {}
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
        assert probe.is_satisfied(f' {{"{key}":\n "{value}"}} ')
        for other in (
            "The sky is blue.",
            "{}",
            f'{{"{key}": "blue"}}',
            f'"{value}"',
            "[" * 100_000,
            "",
            "\0",
        ):
            assert not probe.is_satisfied(other)
        assert not any(
            other.is_satisfied(f'{{"{key}": "{value}"}}') for other in probes if other is not probe
        )


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
        assert probe.is_satisfied('{"sky": "blue"}')
        assert not probe.is_satisfied("The sky is blue.")
        assert not probe.is_satisfied("[1]")


def test_a_trial_without_a_format_cannot_be_probed() -> None:
    trial = structured_trial()
    with pytest.raises(ValueError, match="no response format"):
        build_probe(replace(trial, request=replace(trial.request, response_format=None)), case="p")


def test_the_follow_up_shows_the_answer_and_the_problem_and_keeps_the_rest() -> None:
    request = Request(
        model="v/m", messages=({"role": "user", "content": "q"},), params={"a": 1}, tools=({"t": 1},)
    )
    second = follow_up_request(request, '{"a": ', "unclosed '{'")
    assert replace(second, messages=request.messages) == request
    assert second.messages[0] == request.messages[0]
    assert second.messages[1] == {"role": "assistant", "content": '{"a": '}
    assert "unclosed '{'" in second.messages[2]["content"]
    third = follow_up_request(second, "  ", "x" * 10**6)
    assert len(third.messages) == 5
    assert third.messages[3]["content"].strip()
    assert len(third.messages[4]["content"]) < 30_000

"""The modes of arm `structured`: a schema, JSON mode, a forced tool call."""

from __future__ import annotations

from typing import Any

import pytest
from planning_builders import PROMPT, SCHEMA, make_arm, make_case, make_evalset, plan, said, trials_of

from pytest_ftgate.errors import EvalsetError
from pytest_ftgate.model.evalset import GraderSpec, ModelSpec
from pytest_ftgate.model.trial import Plan, Request, Trial

JSON_GRADER = GraderSpec(name="is-json", options={"schema": SCHEMA})
LABEL_GRADER = GraderSpec(name="label", options={"labels": ["refund", "charge"]})
LABEL_SCHEMA = {
    "type": "object",
    "properties": {"label": {"type": "string", "enum": ["refund", "charge"]}},
    "required": ["label"],
    "additionalProperties": False,
}
TOOLS = ({"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}},)


def structured(grader: GraderSpec = JSON_GRADER, *, case: Any = None, **options: Any) -> Plan:
    cases = () if case is None else (case,)
    return plan(make_evalset(make_arm("structured", **options), graders=[grader], cases=cases))


def first(made: Plan) -> Trial:
    return trials_of(made, "structured")[0]


def why_skipped(made: Plan) -> str:
    (arm,) = [arm for arm in made.arms if arm.name == "structured"]
    assert arm.status == "skipped"
    return arm.reason


def test_tool_mode_forces_one_call_with_the_schema_as_its_arguments() -> None:
    trial = first(structured(mode="tool"))
    (tool,) = trial.request.tools or ()
    assert trial.request.response_format is None
    assert tool["function"]["parameters"] == SCHEMA
    assert tool["function"]["strict"] is True
    name = tool["function"]["name"]
    assert trial.answer_tool == name
    assert trial.request.params["tool_choice"] == {"type": "function", "function": {"name": name}}
    assert trial.extract is None
    assert said(structured(mode="tool"), "structured") == said(structured(mode="tool"), "as_is")


def test_tool_mode_gives_labels_as_an_argument() -> None:
    trial = first(structured(LABEL_GRADER, mode="tool"))
    (tool,) = trial.request.tools or ()
    assert tool["function"]["parameters"] == LABEL_SCHEMA
    assert trial.extract == "/label"


def test_json_mode_shows_the_schema_and_enforces_none() -> None:
    trial = first(structured(LABEL_GRADER, mode="json"))
    assert trial.request.response_format == {"type": "json_object"}
    system = trial.request.messages[0]
    assert system["role"] == "system"
    assert system["content"].startswith(f"{PROMPT[0]['content']}\n\nAnswer with one JSON object")
    assert '"enum": ["refund", "charge"]' in system["content"]
    assert trial.extract == "/label"
    assert trial.answer_tool is None


def test_json_mode_names_json_where_the_prompt_does_not() -> None:
    """Vendors refuse JSON mode for messages without the word."""
    bare = GraderSpec(name="is-json")
    (system, _) = first(structured(bare)).request.messages
    assert "JSON" in system["content"]
    asked = make_case(text="as json please", expected={})
    assert said(structured(bare, case=asked), "structured") == said(structured(bare, case=asked), "as_is")


def test_without_a_mode_nothing_changes_where_there_is_a_schema() -> None:
    plain, schema = structured(), structured(mode="schema")
    assert first(plain).request == first(schema).request
    assert first(plain).request.response_format["json_schema"]["schema"] == SCHEMA
    assert first(plain).request.messages == trials_of(plain, "as_is")[0].request.messages


def test_modes_are_arms_side_by_side() -> None:
    kinds = [make_arm(f"form_{mode}", kind="structured", mode=mode) for mode in ("schema", "json", "tool")]
    made = plan(make_evalset(*kinds, graders=[JSON_GRADER]))
    hashes = {trial.request_hash for arm in made.arms for trial in trials_of(made, arm.name)[:1]}
    assert len(hashes) == 4
    assert made.multiplicity == 4


def test_the_models_own_tool_choice_does_not_survive_the_forced_one() -> None:
    models = {"candidate": ModelSpec(model="v/m", params={"tool_choice": "auto", "top_p": 0.5})}
    made = plan(make_evalset(make_arm("structured", mode="tool"), graders=[JSON_GRADER], models=models))
    assert first(made).request.params["tool_choice"] != "auto"
    assert first(made).request.params["top_p"] == 0.5
    assert trials_of(made, "as_is")[0].request.params == models["candidate"].params


def test_a_schema_that_is_not_strict_is_sent_as_such() -> None:
    trial = first(structured(mode="tool", response_format={"schema": SCHEMA, "strict": False, "name": "inv"}))
    (tool,) = trial.request.tools or ()
    assert tool["function"]["name"] == "inv"
    assert "strict" not in tool["function"]


@pytest.mark.parametrize("mode", ["schema", "tool"])
def test_a_mode_that_wants_a_schema_does_not_apply_without_one(mode: str) -> None:
    assert "states none" in why_skipped(structured(GraderSpec(name="is-json"), mode=mode))
    assert "no schema" in why_skipped(structured(GraderSpec(name="equals"), mode=mode))


def test_tool_mode_does_not_take_the_place_of_tools_or_send_a_list() -> None:
    assert "tools of their own" in why_skipped(structured(case=make_case(tools=TOOLS), mode="tool"))
    listed = {"type": "array", "items": {"type": "string"}}
    grader = GraderSpec(name="is-json", options={"schema": listed})
    assert "no object" in why_skipped(structured(grader, mode="tool"))
    assert first(structured(grader, mode="json")).request.response_format == {"type": "json_object"}


@pytest.mark.parametrize("mode", ["schema", "tool"])
def test_json_mode_in_a_response_format_contradicts_a_schema(mode: str) -> None:
    with pytest.raises(EvalsetError, match=f"`mode: {mode}` needs a schema"):
        structured(mode=mode, response_format="json_object")


def test_reask_of_tool_mode_asks_the_same_and_reads_the_same() -> None:
    arms = [make_arm("structured", mode="tool"), make_arm("reask", of="structured")]
    made = plan(make_evalset(*arms, graders=[JSON_GRADER]))
    own, borrowed = first(made), trials_of(made, "reask")[0]
    assert (borrowed.request, borrowed.answer_tool) == (own.request, own.answer_tool)
    assert isinstance(borrowed.request, Request)

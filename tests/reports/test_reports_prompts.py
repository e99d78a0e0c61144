"""Prompts compared: a diff that is right, bounded and harmless, beside what it gained."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from decision_world import beats, build_evalset, justified
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from report_world import HOSTILE, build_registries, load_schema

from pytest_ftgate.decision.questions import decide
from pytest_ftgate.model.evalset import ArmSpec, Message
from pytest_ftgate.model.trial import Plan, PlannedArm
from pytest_ftgate.reports.markdown import render_report
from pytest_ftgate.reports.prompt_entry import MAX_DIFF_LINES, MAX_LINE, describe_prompts
from pytest_ftgate.reports.report import build_report
from pytest_ftgate.reports.terminal import render_evalset

BEFORE = ({"role": "system", "content": "Classify the ticket.\nAnswer with a label."},)
AFTER = ({"role": "system", "content": "Classify the ticket.\nThink first.\nAnswer with a label."},)


def make_plan(after: Any, *, name: str = "rewritten", before: Any = BEFORE, status: Any = "run") -> Plan:
    evalset = build_evalset(
        prompt=before,
        arms=(ArmSpec(name="as_is", kind="as_is"), ArmSpec(name=name, kind="prompt", prompt=after)),
    )
    arms = (
        PlannedArm(name="as_is", kind="as_is", question=1, status="run"),
        PlannedArm(name=name, kind="prompt", question=1, status=status),
    )
    return Plan(
        evalset=evalset, items=(), arms=arms, roles=("candidate",), repeats=5, multiplicity=2, graders={}
    )


def make_report(plan: Plan) -> dict[str, Any]:
    base = justified()
    arms = tuple(replace(arm, arm="rewritten") if arm.arm == "few_shot" else arm for arm in base.arms)
    summary = replace(base, arms=arms, paired=beats("rewritten", "as_is"))
    judgement = decide(plan.evalset, summary, strict=False, evidence=None, registries=build_registries())
    return build_report({}, [(plan, summary, judgement)])


def show(plan: Plan, verbosity: int = 1) -> str:
    return "\n".join(render_evalset(make_report(plan)["evalsets"][0], verbosity=verbosity))


def test_what_was_changed_stands_beside_what_it_gained() -> None:
    plan = make_plan(AFTER)
    (prompt,) = describe_prompts(plan)
    assert (prompt["added"], prompt["removed"], prompt["lines_left_out"]) == (1, 0, 0)
    assert prompt["diff"].split("\n")[:2] == ["--- as_is", "+++ rewritten"]
    assert "\n+Think first.\n" in prompt["diff"]
    report = make_report(plan)
    Draft202012Validator(load_schema("report.schema.json")).validate(json.loads(json.dumps(report)))
    text = render_report(report)
    assert "### Prompts compared" in text
    assert "68.0 % against 61.2 %, +15.0 points" in text
    assert "```diff\n--- as_is\n+++ rewritten\n" in text
    shown = show(plan)
    assert "+Think first." in shown
    assert "rewritten against as_is: 68.0 % against 61.2 %" in shown
    assert "+Think first." not in show(plan, verbosity=0)


def test_the_same_text_and_arms_that_do_not_run() -> None:
    (same,) = describe_prompts(make_plan(BEFORE))
    assert same["diff"] == ""
    assert "the same text" in show(make_plan(BEFORE))
    assert describe_prompts(make_plan(AFTER, status="not_run")) == []


def test_draws_with_one_prompt_are_one_comparison() -> None:
    plan = make_plan(AFTER, name="few_shot[1]")
    (first, second) = plan.evalset.arms
    specs = (first, second, replace(second, name="few_shot[2]"))
    arms = (*plan.arms, replace(plan.arms[1], name="few_shot[2]"))
    plan = replace(plan, evalset=replace(plan.evalset, arms=specs), arms=arms)
    assert [prompt["arm"] for prompt in describe_prompts(plan)] == ["few_shot"]


def test_a_long_line_is_compared_sentence_by_sentence() -> None:
    long = [f"Rule {number} says what to do in such a case." for number in range(12)]
    changed = [*long[:6], "Rule 6 was mended.", *long[7:]]
    prompts = [({"role": "user", "content": " ".join(lines)},) for lines in (long, changed)]
    (prompt,) = describe_prompts(make_plan(prompts[1], before=prompts[0]))
    assert (prompt["added"], prompt["removed"]) == (1, 1)
    assert "+Rule 6 was mended." in prompt["diff"]


def test_large_prompts_are_bounded() -> None:
    before = ({"role": "user", "content": "\n".join(f"old {i}" for i in range(50_000))},)
    after = ({"role": "user", "content": "\n".join(f"new {i} {'x' * 1000}" for i in range(50_000))},)
    (prompt,) = describe_prompts(make_plan(after, before=before))
    lines = prompt["diff"].split("\n")
    assert len(lines) == MAX_DIFF_LINES
    assert max(map(len, lines)) < MAX_LINE + 50
    assert prompt["lines_left_out"] > 1000
    assert "more lines" in show(make_plan(after, before=before))


def test_hostile_prompts_stay_in_their_block() -> None:
    hostile: tuple[Message, ...] = (
        {"role": HOSTILE, "content": f"{HOSTILE}\n```\n::error::x\n--- a\n{HOSTILE}"},
        {"role": "user", "content": [{"type": "text", "text": HOSTILE}, {"type": "image_url"}]},
    )
    plan = make_plan(hostile)
    text = render_report(make_report(plan))
    outside = re.sub(r"(?ms)^(`{3,})(?:text|diff)\n.*?\n\1$", "", text)
    assert "<script" not in outside
    assert "://" not in outside
    assert "\x1b" not in text
    for line in [*text.splitlines(), *show(plan).splitlines()]:
        assert not line.lstrip().startswith("::")
        assert "##[" not in line
    assert show(plan).isascii()
    assert all(len(line) <= 80 for line in show(plan).splitlines())


@pytest.mark.parametrize("content", [None, "", [], [{"type": "text"}], ["plain"]])
def test_odd_contents_are_shown(content: Any) -> None:
    (prompt,) = describe_prompts(make_plan(({"role": "user", "content": content},)))
    assert "+[user]" in prompt["diff"]


@given(st.lists(st.text(max_size=20), max_size=8), st.lists(st.text(max_size=20), max_size=8))
def test_equal_prompts_and_no_others_have_no_diff(before: list[str], after: list[str]) -> None:
    prompts = [({"role": "user", "content": "\n".join(lines)},) for lines in (before, after)]
    (prompt,) = describe_prompts(make_plan(prompts[1], before=prompts[0]))
    assert (prompt["diff"] == "") == ("\n".join(before) == "\n".join(after))
    assert (prompt["added"] + prompt["removed"] == 0) == (prompt["diff"] == "")

"""Which arms of kind `structured` answer for the schema that tuning wants to have been tried."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decision_world import build_arm, build_evalset, idle_arm

from pytest_ftgate.decision.enforcement import covers_schema, explain_unproven
from pytest_ftgate.model.evalset import ArmSpec
from pytest_ftgate.model.summary import ArmSummary

EVALSET = build_evalset(
    arms=(
        ArmSpec(name="as_is", kind="as_is"),
        ArmSpec(name="schema", kind="structured"),
        ArmSpec(name="tool", kind="structured", options={"mode": "tool"}),
        ArmSpec(name="json", kind="structured", options={"mode": "json"}),
    )
)


def arm(name: str, state: str | None, probe: str = "") -> ArmSummary:
    if state == "unsupported":
        return replace(idle_arm(name, "skipped"), kind="structured", schema_enforced=state)
    return build_arm(name, 0.6, kind="structured", schema_enforced=state, probe=probe)


@pytest.mark.parametrize(
    ("states", "covered"),
    [
        ({}, False),
        ({"schema": "enforced"}, True),
        ({"schema": "unverified"}, False),
        ({"schema": None}, False),
        ({"schema": "unsupported"}, True),
        ({"schema": "unverified", "tool": "enforced"}, True),
        ({"schema": "unverified", "tool": "unsupported"}, False),
        ({"schema": "unsupported", "tool": "unsupported"}, True),
        ({"json": "enforced"}, False),
        ({"json": "unsupported"}, False),
        ({"json": "enforced", "schema": "unsupported"}, True),
    ],
)
def test_an_enforced_schema_or_none_that_applies(states: dict[str, str | None], covered: bool) -> None:
    arms = [arm(name, state) for name, state in states.items()]
    assert covers_schema(arms, EVALSET) is covered


def test_what_does_not_count_is_explained_in_plain_characters() -> None:
    arms = [
        arm("schema", "unverified", "a probe got another answer: '\x1b[31m\u202e'"),
        arm("json", "enforced"),
    ]
    text = explain_unproven(arms, EVALSET)
    assert "of schema it is unverified (a probe got another answer: '\\x1b[31m" in text
    assert "json is JSON mode, without a schema" in text
    assert text.isascii()
    assert text.isprintable()
    assert explain_unproven([arm("tool", "enforced")], EVALSET) == ""

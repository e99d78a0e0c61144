"""Graders read one field of a JSON answer where the arm says so (arm `structured` on a label task)."""

from __future__ import annotations

import pytest

from pytest_ftgate.cli.check import builtin_registries
from pytest_ftgate.grading.apply import judge_trial
from pytest_ftgate.model.evalset import Case, GraderSpec
from pytest_ftgate.model.response import Response
from pytest_ftgate.model.trial import Request, Trial, TrialKey

GRADERS = (GraderSpec(name="label", options={"labels": ["refund", "charge"]}),)
CASE = Case(id="c", input="x", expected="refund", has_expected=True)


@pytest.mark.parametrize(
    ("text", "outcome", "signature"),
    [
        ('{"label": "refund"}', "passed", None),
        ('{"label": "charge"}', "failed", "label:confusion:refund→charge"),
        ('{"other": "refund"}', "failed", None),
        ("[" * 100_000, "failed", None),
    ],
)
def test_reads_the_field(text: str, outcome: str, signature: str | None) -> None:
    trial = Trial(
        key=TrialKey(evalset="e", case="c", arm="structured", role="candidate", repeat=1),
        request=Request(model="m/m", messages=()),
        request_hash="h",
        draw="1",
        extract="/label",
    )
    record = judge_trial(trial, Response(text=text), CASE, GRADERS, builtin_registries())
    assert record.outcome == outcome
    assert record.output == text
    if signature:
        assert record.signature == signature

"""Short ways to judge one answer."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from pytest_ftgate.grading.apply import judge_trial
from pytest_ftgate.grading.builtin import register
from pytest_ftgate.model.evalset import Case, Evalset, GraderSpec
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.response import Response, ToolCall
from pytest_ftgate.model.trial import Request, Trial, TrialKey
from pytest_ftgate.registry import Registries

DATA = Path(__file__).parent.parent / "data"
NOTHING = object()
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@cache
def parts() -> Registries:
    registries = Registries()
    register(registries.graders)
    return registries


def trial(*, tolerant: bool = False, **params: Any) -> Trial:
    key = TrialKey(evalset="e", case="c", arm="repair" if tolerant else "as_is", role="candidate", repeat=1)
    request = Request(model="m", messages=(), params=params)
    return Trial(key=key, request=request, request_hash="hash", draw="1", tolerant=tolerant)


def spec(name: str, value: Any = NOTHING, **options: Any) -> GraderSpec:
    negated = name.startswith("not-")
    return GraderSpec(
        name=name.removeprefix("not-"),
        negated=negated,
        has_value=value is not NOTHING,
        value=None if value is NOTHING else value,
        options=options,
    )


def case(expected: Any = NOTHING, tools: Any = None, **fields: Any) -> Case:
    has_expected = expected is not NOTHING
    return Case(
        id=fields.pop("id", "c"),
        expected=expected if has_expected else None,
        has_expected=has_expected,
        tools=tuple(tools) if tools is not None else None,
        **fields,
    )


def judge(
    text: str | None,
    *graders: GraderSpec,
    expected: Any = NOTHING,
    tools: Any = None,
    calls: tuple[ToolCall, ...] = (),
    tolerant: bool = False,
    params: dict[str, Any] | None = None,
    registries: Registries | None = None,
    evalset: Evalset | None = None,
    **response: Any,
) -> Record:
    answer = Response(text=text, tool_calls=calls, **response)
    asked = trial(tolerant=tolerant, **(params or {}))
    return judge_trial(asked, answer, case(expected, tools), graders, registries or parts(), evalset)


def verdict(record: Record) -> str:
    """The signature of a failure, else the outcome."""
    return record.signature or record.outcome


def read_rows(name: str) -> list[dict[str, Any]]:
    with (DATA / name).open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]

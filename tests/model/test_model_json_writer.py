"""The writer of JSON says what json.dumps says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ftgate.model.codec import dump_json
from pytest_ftgate.model.json_writer import write_dense

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(SCALARS, inner),
    max_leaves=20,
)


@given(VALUES)
def test_the_text_is_that_of_json_dumps(value: Any) -> None:
    assert write_dense(value) == json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), {"a": [float("nan")]}])
def test_numbers_that_json_lacks_are_refused_and_leave_nothing_behind(bad: Any) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_dense(bad)
    assert write_dense({"a": [1]}) == '{"a":[1]}'


def test_a_circle_is_refused_and_leaves_nothing_behind() -> None:
    circle: list[Any] = []
    circle.append({"again": circle})
    for _ in range(2):
        with pytest.raises(ValueError, match=r"deep|Circular"):
            dump_json(circle)
    circle.clear()
    assert dump_json(circle) == "[]"


def test_what_is_no_json_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="set"):
        dump_json({"a": {1}})

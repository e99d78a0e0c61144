"""The hash of a request: stable over time, blind to transport, sensitive to all else."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ftgate.model.trial import Request
from pytest_ftgate.planning.fingerprint import TRANSPORT_PARAMS, canonical_json, draw_name, request_hash

REQUEST = Request(
    model="openai/gpt-4o-mini",
    messages=({"role": "system", "content": "Be brief."}, {"role": "user", "content": "Grüße \ud800 ☕"}),
    params={"temperature": 0.7, "max_tokens": 400, "seed": 1},
    response_format={"type": "json_object"},
    tools=({"type": "function", "function": {"name": "f"}},),
)


def test_the_hash_of_a_request_never_changes() -> None:
    # Every cassette and every stored response in the world depends on this value.
    assert request_hash(REQUEST) == "274398e03196dc0508cfbe8c8931a8200d73061e400f23e317014c417a289914"


@pytest.mark.parametrize("name", sorted(TRANSPORT_PARAMS))
def test_where_a_request_goes_does_not_matter(name: str) -> None:
    assert request_hash(replace(REQUEST, params={**REQUEST.params, name: "http://x"})) == request_hash(
        REQUEST
    )


@pytest.mark.parametrize(
    "change",
    [
        {"model": "openai/gpt-4o"},
        {"messages": REQUEST.messages[1:]},
        {"messages": (REQUEST.messages[0], {"role": "user", "content": "other"})},
        {"messages": ({"role": "developer", "content": "Be brief."}, REQUEST.messages[1])},
        {"params": {**REQUEST.params, "temperature": 0.8}},
        {"params": {**REQUEST.params, "extra_body": {"cache_prompt": False}}},
        {"params": {}},
        {"response_format": None},
        {"tools": None},
        {"tools": ()},
    ],
)
def test_what_is_sent_matters(change: dict[str, Any]) -> None:
    assert request_hash(replace(REQUEST, **change)) != request_hash(REQUEST)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_the_order_and_type_of_mappings_do_not_matter(params: dict[str, Any]) -> None:
    first = replace(REQUEST, params=params)
    second = replace(REQUEST, params=MappingProxyType(dict(reversed(list(params.items())))))
    assert request_hash(first) == request_hash(second)
    assert len(request_hash(first)) == 64


@given(JSON, JSON)
def test_canonical_json_is_equal_only_for_equal_values(first: Any, second: Any) -> None:
    # repr tells 1 from True and from 1.0, and NaN from all else, as JSON does.
    def frozen(value: Any) -> str:
        if isinstance(value, dict):
            return repr({key: frozen(value[key]) for key in sorted(value)})
        return repr([frozen(part) for part in value]) if isinstance(value, list) else repr(value)

    assert (canonical_json(first) == canonical_json(second)) == (frozen(first) == frozen(second))


def test_what_is_no_json_is_refused() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="too deep"):
        request_hash(replace(REQUEST, params={"a": deep}))
    with pytest.raises(ValueError, match="not JSON: object"):
        request_hash(replace(REQUEST, params={"a": object()}))


def test_draws_are_unique_for_every_repeat_and_rank() -> None:
    names = {draw_name(repeat, rank) for repeat in range(1, 40) for rank in range(40)}
    assert len(names) == 39 * 40
    assert draw_name(3, 0) == "3"

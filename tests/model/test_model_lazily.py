"""A mapping whose values are made when they are looked at is like one whose values are there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ftgate.model.lazily import Lazily


@given(st.dictionaries(st.text(max_size=3), st.integers()), st.text(max_size=3))
def test_it_is_like_the_whole_mapping(whole: dict[str, int], name: str) -> None:
    lazily = Lazily(whole, whole.__getitem__)
    assert lazily == whole
    assert whole == lazily
    assert list(lazily.items()) == list(whole.items())
    assert (name in lazily, lazily.get(name), len(lazily)) == (name in whole, whole.get(name), len(whole))
    if name not in whole:
        with pytest.raises(KeyError):
            lazily[name]


def test_nothing_is_made_before_it_is_looked_at_and_nothing_is_kept() -> None:
    made: list[str] = []
    lazily = Lazily(("a", "b"), made.append)
    assert len(lazily) == 2
    assert "a" in lazily
    assert made == []
    assert lazily["a"] is lazily["a"] is None
    assert made == ["a", "a"]

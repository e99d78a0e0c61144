"""The garbage collector is paused while much is made that stays, and as it was before afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from pytest_ftgate.collector import paused_collector


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    was_enabled = gc.isenabled()
    yield
    (gc.enable if was_enabled else gc.disable)()


@pytest.mark.parametrize("is_on", [True, False], ids=["on", "turned off by the user"])
def test_it_is_paused_and_then_as_before(is_on: bool) -> None:
    (gc.enable if is_on else gc.disable)()
    with paused_collector():
        assert not gc.isenabled()
    assert gc.isenabled() is is_on


def test_it_runs_again_after_an_error() -> None:
    gc.enable()
    with pytest.raises(KeyError), paused_collector():
        raise KeyError
    assert gc.isenabled()

"""How often Python looks for reference cycles while items run."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from pytest_ftgate.glue.run_plugin import GARBAGE_AFTER, RunPlugin


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


@pytest.mark.parametrize(
    ("before", "during"),
    [(700, GARBAGE_AFTER), (2 * GARBAGE_AFTER, 2 * GARBAGE_AFTER), (0, 0)],
    ids=["python's", "the user's own, higher", "turned off"],
)
@pytest.mark.parametrize("how", ["whole", "interrupted"])
def test_less_often_while_items_run_and_as_before_after_them(before: int, during: int, how: str) -> None:
    gc.set_threshold(before, 7, 5)
    plugin: Any = None
    loop = RunPlugin.pytest_runtestloop(plugin)
    next(loop)
    assert gc.get_threshold() == (during, 7, 5)
    if how == "whole":
        with pytest.raises(StopIteration):
            loop.send(True)
    else:
        with pytest.raises(KeyboardInterrupt):
            loop.throw(KeyboardInterrupt())
    assert gc.get_threshold() == (before, 7, 5)

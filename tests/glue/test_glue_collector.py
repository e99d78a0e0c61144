"""The garbage collector is paused while much is made that stays, and as it was before afterwards."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator
from textwrap import dedent

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


def test_at_exit_nothing_is_looked_through() -> None:
    """What was registered before runs after it, and sees all objects set aside."""
    source = """
        import atexit, gc
        from pytest_ftgate.collector import spare_exit
        atexit.register(lambda: print(gc.get_freeze_count() > 0))
        spare_exit()
        spare_exit()
        print(gc.get_freeze_count() > 0)
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(source)], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["False", "True"]

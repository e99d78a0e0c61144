"""Python's garbage collector, where there is no garbage to be found."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused_collector() -> Iterator[None]:
    """While much is made that stays: looking through all of it again and again takes up to a third of the
    time. Cycles are collected afterwards.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def spare_exit() -> None:
    """Let all that a process holds go with it: at exit Python looks for cycles among it once more, which
    takes 0.03 ms of CPU a case and finds nothing that anybody waits for.
    """
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)

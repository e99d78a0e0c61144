"""Keeps warnings and log records of the engine's threads out of the user's session.

With `filterwarnings = error` a DeprecationWarning inside litellm or pydantic would become an
exception in the middle of a paid call, and a DEBUG log of an HTTP client may hold headers. Warning
filters are state of the whole process, and pytest replaces them around every test, so a filter added
from another thread does not last. Here the module `warnings` answers by thread instead.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_LOGGERS = (
    "LiteLLM",
    "LiteLLM Router",
    "openai",
    "openai._base_client",
    "httpx",
    "httpcore.http11",
    "asyncio",
)


class _Thread(threading.local):
    is_quiet = False


_thread = _Thread()
_lock = threading.Lock()
_engines = 0


def mark_quiet() -> None:
    """From now on the current thread issues no warnings and no log records of HTTP clients."""
    _thread.is_quiet = True


def _do_nothing(*_args: object, **_more: object) -> None:
    """In place of functions that would change the filters of the whole process."""


_FOR_QUIET_THREADS: dict[str, Any] = {
    "filters": [("ignore", None, Warning, None, 0)],
    "simplefilter": _do_nothing,
    "filterwarnings": _do_nothing,
    "resetwarnings": _do_nothing,
}
_STATE = frozenset(("filters", "showwarning", "_showwarnmsg_impl"))


def _by_thread(name: str) -> property:
    def read(module: ModuleType) -> Any:
        if name in _FOR_QUIET_THREADS and _thread.is_quiet:
            return _FOR_QUIET_THREADS[name]
        try:
            return module.__dict__[name]
        except KeyError:
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}") from None

    def write(module: ModuleType, value: Any) -> None:
        if name not in _STATE or not _thread.is_quiet:
            module.__dict__[name] = value

    return property(read, write)


_WarningsByThread = type(
    "_WarningsByThread", (ModuleType,), {name: _by_thread(name) for name in (*_FOR_QUIET_THREADS, *_STATE)}
)
"""The module `warnings`; quiet threads see one filter that ignores everything, and change nothing.

Both the C and the Python implementation look the filters up as an attribute of the module. Other attributes
are found as fast as ever: pytest alone asks for dozens for each test.
"""


class _SkipQuietThreads(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        del record
        return not _thread.is_quiet


_LOG_FILTER = _SkipQuietThreads()


@contextmanager
def quiet_threads() -> Iterator[None]:
    """While it lasts, the current thread and all that call `mark_quiet` are quiet."""
    global _engines
    with _lock:
        _engines += 1
        if _engines == 1:
            warnings.__class__ = _WarningsByThread
            for name in _LOGGERS:
                logging.getLogger(name).addFilter(_LOG_FILTER)
    mark_quiet()
    try:
        yield
    finally:
        _thread.is_quiet = False
        with _lock:
            _engines -= 1
            if _engines == 0:
                warnings.__class__ = ModuleType
                for name in _LOGGERS:
                    logging.getLogger(name).removeFilter(_LOG_FILTER)

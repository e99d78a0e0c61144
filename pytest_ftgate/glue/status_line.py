"""One line of status beneath what pytest writes: it comes and goes without touching pytest's own lines."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_BELOW = "\x1bD\x1b[A\x1b7\x1b[B\r\x1b[2K"
"""Make sure there is a line below (at the bottom the screen scrolls), keep the place, go there, clear it."""

_BACK = "\x1b8"
_REDRAW_EVERY_S = 0.25


class StatusLine:
    """Draws from a thread of its own, on a file descriptor that pytest's capturing does not redirect.

    pytest's terminal file is replaced by one that takes the line away before pytest's text reaches it.
    `describe` gives the text for so many columns.
    """

    def __init__(self, terminal: Any, describe: Callable[[int], str]) -> None:
        self._writer, self._describe = terminal._tw, describe
        self._file = self._writer._file
        self._fd = os.dup(self._file.fileno())
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._shown = ""
        self._thread = threading.Thread(target=self._run, name="ftgate-status", daemon=True)

    def start(self) -> None:
        """Begin to draw."""
        self._writer._file = _Guarded(self._file, self.give_way)
        self._thread.start()

    def stop(self) -> None:
        """Take the line away for good; may be called again."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._thread.join(2.0)
        with self._lock:
            self._erase()
        self._writer._file = self._file
        os.close(self._fd)

    def give_way(self, text: str) -> None:
        """Take the line away if this text, or the edge of the terminal, would lead onto it."""
        with self._lock:
            if self._shown and (
                not text.isprintable() or self._writer.width_of_current_line + len(text) >= self._width()
            ):
                self._erase()

    def draw(self) -> None:
        """Show the text of now, if it is another than is shown."""
        text = self._describe(max(1, self._width() - 1))
        with self._lock:
            if text != self._shown and not self._ended.is_set():
                self._send(f"{_BELOW}{text}{_BACK}")
                self._shown = text

    def _width(self) -> int:
        try:
            return os.get_terminal_size(self._fd).columns
        except OSError:
            return 80

    def _erase(self) -> None:
        if self._shown:
            self._send(f"{_BELOW}{_BACK}")
            self._shown = ""

    def _run(self) -> None:
        while not self._ended.wait(_REDRAW_EVERY_S):
            self.draw()

    def _send(self, codes: str) -> None:
        # A terminal that has gone is no reason to end the run.
        with suppress(OSError):
            os.write(self._fd, codes.encode("ascii", "replace"))


class _Guarded:
    """A file that says what it is about to write."""

    def __init__(self, file: Any, tell: Callable[[str], None]) -> None:
        self._file, self._tell = file, tell

    def write(self, text: str) -> Any:
        self._tell(text)
        return self._file.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

"""A terminal of fixed size that understands what pytest and the live line send: what a user sees."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-9;?]*[A-Za-z]|\x1b[78DM]|[\s\S]")


class Screen:
    """Rows scroll off into `history`; `lines()` is all that was ever written, top first."""

    def __init__(self, rows: int = 24, columns: int = 80) -> None:
        self.rows, self.columns = rows, columns
        self.history: list[str] = []
        self.grid = [[" "] * columns for _ in range(rows)]
        self.row = self.column = 0
        self.saved = (0, 0)
        self.seen: list[str] = []

    def feed(self, text: str) -> None:
        for token in _TOKEN.findall(text):
            self._take(token)

    def lines(self) -> list[str]:
        return [*self.history, *("".join(row).rstrip() for row in self.grid)]

    def _take(self, token: str) -> None:
        if token == "\n" or token == "\x1bD":
            self._down()
        elif token == "\r":
            self.column = 0
        elif token == "\x1b7":
            self.saved = self.row, self.column
        elif token == "\x1b8":
            self.row, self.column = self.saved
            self._note()
        elif token == "\x1b[A":
            self.row = max(0, self.row - 1)
        elif token == "\x1b[B":
            self.row = min(self.rows - 1, self.row + 1)
        elif token == "\x1b[2K":
            self.grid[self.row] = [" "] * self.columns
        elif not token.startswith("\x1b"):
            self._put(token)

    def _put(self, char: str) -> None:
        if self.column >= self.columns:
            self.column = 0
            self._down()
        self.grid[self.row][self.column] = char
        self.column += 1

    def _down(self) -> None:
        if self.row < self.rows - 1:
            self.row += 1
            return
        self.history.append("".join(self.grid.pop(0)).rstrip())
        self.grid.append([" "] * self.columns)

    def _note(self) -> None:
        below = "".join(self.grid[min(self.row + 1, self.rows - 1)]).rstrip()
        if below.startswith("ftgate: ") and (not self.seen or self.seen[-1] != below):
            self.seen.append(below)

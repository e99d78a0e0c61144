"""Node ids on the command line that pytest cannot follow by itself.

A gate's stands for its whole evalset, since a gate cannot run alone. `FILE::few_shot[2]::CASE` has its
brackets in the middle, where pytest takes all that follows for the parameters of a test.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_ftgate.glue.collect import SUFFIXES

_DRAWN_CASE = re.compile(r"(?P<draw>(?P<path>[^\[]+)::(?P<arm>[^:\[]+)\[\d+\])::(?P<item>.+)", re.DOTALL)

Narrowed = Mapping[str, frozenset[str]]
"""`FILE::ARM[DRAW]`, as given → the items of it that are wanted."""


def rewrite_arguments(arguments: Sequence[str], folder: Path) -> tuple[list[str], Narrowed]:
    """The arguments as pytest can follow them, and what they were narrowed to.

    `folder` is where relative paths start. An argument that already covers a whole draw narrows nothing.
    """
    arguments = [_take_whole_evalset(argument) for argument in arguments]
    narrowed: dict[str, set[str]] = {}
    rewritten: list[str] = []
    for argument in arguments:
        match = _DRAWN_CASE.fullmatch(argument)
        if match is None or not match["path"].endswith(SUFFIXES):
            rewritten.append(argument)
            continue
        rewritten.append(match["draw"])
        if not any(_covers(other, match, folder) for other in arguments):
            narrowed.setdefault(match["draw"], set()).add(match["item"])
    return list(dict.fromkeys(rewritten)), {draw: frozenset(items) for draw, items in narrowed.items()}


def _take_whole_evalset(argument: str) -> str:
    path, *names = argument.split("::")
    return path if names[:1] == ["gate"] and path.endswith(SUFFIXES) else argument


def _covers(argument: str, match: re.Match[str], folder: Path) -> bool:
    """Whether the argument selects the whole draw of the match: itself, its arm, its file or a folder."""
    path, *names = argument.split("::")
    if names and "::".join(names) not in (match["arm"], match["draw"].removeprefix(f"{match['path']}::")):
        return False
    own, other = (folder / match["path"]).resolve(), (folder / path).resolve()
    return own == other if names else own.is_relative_to(other)

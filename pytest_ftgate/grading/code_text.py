"""The Python code in an answer."""

from __future__ import annotations

import re

MAX_CODE_CHARS = 200_000
"""Longer answers are not run: `format:too_large`."""

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*([\w+.#-]*)")
_PYTHON = re.compile(r"py(?:thon)?[\d.]*|py3", re.IGNORECASE)
_STARTS = (
    "def ", "async def ", "class ", "import ", "from ", "return ", "for ", "while ", "if ", "try:", "with ",
    "@", "lambda ", "print(",
)  # fmt: skip
_MAX_BLOCKS = 4


def find_code(text: str) -> tuple[str, ...]:
    """Ways to read the answer's code, best first; empty where there is none.

    Fenced blocks marked as Python, else unmarked ones: all together, then (where they are several) each
    of the first four. A block that never closes reaches to the end. Without a block: the whole text.
    Indentation is kept, since an answer may go on where the prompt stopped.
    """
    blocks = _find_blocks(text)
    marked = [code for language, code in blocks if _PYTHON.fullmatch(language)]
    chosen = marked or [code for language, code in blocks if not language]
    if chosen:
        several = chosen[:_MAX_BLOCKS] if len(chosen) > 1 else []
        return tuple(code for code in ("\n".join(chosen), *several) if code.strip())
    if blocks or not text.strip():
        return ()
    return (text,)


def looks_like_code(text: str) -> bool:
    """Whether some line starts as a statement of Python does."""
    return any(line.lstrip().startswith(_STARTS) for line in text.splitlines())


def _find_blocks(text: str) -> list[tuple[str, str]]:
    """(language, content) of each fenced block, in order."""
    blocks: list[tuple[str, str]] = []
    opened: tuple[str, str] | None = None
    lines: list[str] = []
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if opened is None:
            if mark is not None:
                opened, lines = (mark.group(1), mark.group(2)), []
        elif mark is not None and mark.group(1).startswith(opened[0]) and not line[mark.end() :].strip():
            blocks.append((opened[1], "\n".join(lines) + "\n"))
            opened = None
        else:
            lines.append(line)
    if opened is not None:
        blocks.append((opened[1], "\n".join(lines) + "\n"))
    return blocks

"""Text, code spans, fences and tables of GitHub-flavoured Markdown that raw texts cannot break out of."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pytest_ftgate.reports.hostile_text import show_text

MAX_RAW = 600
"""Characters of a raw text that a block shows."""

_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~$&])")
_BREAK = "\u200b"


def escape_text(text: str) -> str:
    """Text that Markdown shows as it is: nothing in it is markup, a link, a mention or a command."""
    text = _SPECIAL.sub(r"\\\1", show_text(text, unicode=True))
    # An escaped bracket is safe in Markdown; the entity is safe in what treats Markdown as HTML, too.
    text = (
        text.replace("\\<", "&lt;")
        .replace("@", f"@{_BREAK}")
        .replace("://", f":{_BREAK}//")
        .replace("www.", f"www{_BREAK}.")
    )
    return text.replace("::", f":{_BREAK}:")


def escape_code(text: str, *, in_table: bool = False) -> str:
    """A code span that its text cannot close."""
    text = _break_commands(show_text(text, unicode=True))
    fence = "`" * (_longest_run(text) + 1)
    if in_table:
        text = text.replace("|", "\\|")
    pad = " " if text.startswith("`") or text.endswith("`") or not text.strip() else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def fence_text(text: str, language: str = "text", *, chars: int = MAX_RAW) -> str:
    """A fenced block of one raw text, each of its lines made visible and kept from being a command."""
    shown = text[:chars]
    rest = len(text) - len(shown)
    lines = [_break_commands(show_text(line, unicode=True)) for line in shown.split("\n")]
    if rest > 0:
        lines.append(f"... ({rest:,} more characters)")
    body = "\n".join(lines)
    fence = "`" * max(3, _longest_run(body) + 1)
    return f"{fence}{language}\n{body}\n{fence}"


def _break_commands(text: str) -> str:
    """Text in which a CI runner that prints the file finds no workflow command."""
    return text.replace("::", f":{_BREAK}:").replace("##[", f"##{_BREAK}[")


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def build_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; its cells must be escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

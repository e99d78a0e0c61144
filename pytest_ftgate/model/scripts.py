"""Scripts written without spaces between words: nothing in them shows where a word begins or ends."""

from __future__ import annotations

import re
import unicodedata

UNSPACED = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u0f00-\u109f"  # Tibetan, Myanmar
    "\u1780-\u17ff"  # Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # Japanese
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese characters
    "\uac00-\ud7af"  # Korean: its words have spaces between them, but endings are written to them
)
"""What stands between the brackets of a character class."""

_PIECE = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+")
_UNSPACED = re.compile(f"[{UNSPACED}]")


def split_words(text: str) -> list[str]:
    """The words of a text, letter case and compatibility forms folded; of such a script, its characters."""
    return _PIECE.findall(unicodedata.normalize("NFKC", text).casefold())


def is_unspaced(char: str) -> bool:
    """Whether the character is of such a script: next to it no word boundary can be wanted."""
    return _UNSPACED.match(char) is not None

"""Reasoning that a model prints before its answer (`<think>…</think>`) is no part of the answer."""

from __future__ import annotations

import re

_OPEN = re.compile(r"\s*<(think|thinking|reasoning)>", re.IGNORECASE)
_CLOSE = re.compile(r"</(?:think|thinking|reasoning)>", re.IGNORECASE)


def split_reasoning(text: str) -> tuple[str, str]:
    """(reasoning, answer). An opened block that never closes leaves an empty answer.

    Chat templates often open the block themselves: a text with only the closing tag is cut there,
    unless it starts like JSON (the tag is then inside a string).
    """
    if "<" not in text or ("<think" not in text and "</" not in text and "<reasoning" not in text.lower()):
        return "", text
    opened = _OPEN.match(text)
    if opened is None:
        closed = _CLOSE.search(text)
        if closed is None or text.lstrip()[:1] in ("{", "[", '"'):
            return "", text
        return text[: closed.start()], text[closed.end() :].lstrip("\r\n ")
    tag = re.compile(f"</{opened.group(1)}>", re.IGNORECASE)
    closed = tag.search(text, opened.end())
    if closed is None:
        return text[opened.end() :], ""
    return text[opened.end() : closed.start()], text[closed.end() :].lstrip("\r\n ")

"""How the prompts of arms differ from the evalset's: what report.json says of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from difflib import unified_diff

from pytest_ftgate.model.evalset import AS_IS, Evalset, Json, Message
from pytest_ftgate.model.trial import Plan

MAX_LINES = 2_000
"""Lines of a prompt that are compared: the time that it takes grows with their square."""
MAX_DIFF_LINES = 200
MAX_LINE = 300
_LONG_LINE = 100
_SENTENCE_END = re.compile(r"(?<=[.!?:;]) +")


def describe_prompts(plan: Plan) -> list[dict[str, Json]]:
    """One entry for each arm that was planned with a prompt of its own; its draws are one.

    `diff` is a unified diff of the templates as they are written; a long line is compared sentence by
    sentence. It is empty where both say the same.
    """
    running = {arm.name for arm in plan.arms if arm.status == "run"}
    evalset = plan.evalset
    own = {
        spec.base: spec.prompt for spec in evalset.arms if spec.prompt is not None and spec.name in running
    }
    return [_describe(name, prompt, evalset) for name, prompt in own.items()]


def _describe(name: str, prompt: Sequence[Message], evalset: Evalset) -> dict[str, Json]:
    before, after = _write_prompt(evalset.prompt), _write_prompt(prompt)
    lines = list(unified_diff(before, after, fromfile=AS_IS, tofile=name, n=2, lineterm=""))
    body = lines[2:]
    return {
        "arm": name,
        "against": AS_IS,
        "added": sum(line.startswith("+") for line in body),
        "removed": sum(line.startswith("-") for line in body),
        "diff": "\n".join(map(_cut, lines[:MAX_DIFF_LINES])),
        "lines_left_out": max(0, len(lines) - MAX_DIFF_LINES),
    }


def _write_prompt(messages: Sequence[Message]) -> list[str]:
    lines = [line for message in messages for line in _write_message(message)]
    return lines[:MAX_LINES]


def _write_message(message: Message) -> Iterator[str]:
    yield f"[{message.get('role')}]"
    content = message.get("content")
    parts = [content] if isinstance(content, str) else content or ()
    for part in parts:
        text = part if isinstance(part, str) else part.get("text")
        yield from _split(text if isinstance(text, str) else json.dumps(part, default=str))
    if message.get("tool_calls"):
        yield json.dumps(message["tool_calls"], default=str)


def _split(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        yield from _SENTENCE_END.split(line) if len(line) > _LONG_LINE else (line,)


def _cut(line: str) -> str:
    return (
        line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}... ({len(line) - MAX_LINE:,} more characters)"
    )

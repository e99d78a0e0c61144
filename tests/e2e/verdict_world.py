"""A ticket classifier that answers by script: over HTTP behind litellm, or as recorded rows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

from servers import Call, ChatServer, Reply

LABELS = ("refund", "charge", "login", "delivery", "damage", "invoice", "password", "address")
PROMPT = f"Which label fits? One of: {', '.join(LABELS)}. Answer with the label alone.\n\n{{{{ input }}}}"
SHOTS = [{"input": f"solved {number}", "expected": label} for number, label in enumerate(LABELS)]
KEY = re.compile(r"key=c(\d{3})")
NO_KNOWLEDGE = {"knowledge": "none"}

Answer = Callable[[str, int, int], "str | Reply"]
"""(arm, case number, repeat or attempt from 1) → what the model says."""


def truth(number: int) -> str:
    return LABELS[number % len(LABELS)]


def wrong(number: int, draw: float) -> str:
    """One of the seven labels that are not expected."""
    return LABELS[(number + 1 + int(draw * (len(LABELS) - 1))) % len(LABELS)]


def chance(*parts: object) -> float:
    """A number in 0..1 that depends on the parts alone."""
    return int.from_bytes(sha256(repr(parts).encode()).digest()[:6]) / 2**48


def cases(count: int, **more: Any) -> list[dict[str, Any]]:
    return [
        {"id": f"c{number:03d}", "input": f"key=c{number:03d}", "expected": truth(number), **more}
        for number in range(count)
    ]


def evalset(count: int, *, arms: Sequence[str] = (), repeats: int = 3, **more: Any) -> dict[str, Any]:
    """Tickets with a `label` grader; `arms` of the usual kinds."""
    options: dict[str, Any] = {"few_shot": {"examples": SHOTS, "k": len(SHOTS)}}
    return {
        "prompt": PROMPT,
        "graders": [{"label": {"labels": list(LABELS)}}],
        "repeats": repeats,
        "arms": {name: options.get(name, {}) for name in arms},
        "decision": NO_KNOWLEDGE,
        "cases": cases(count),
        **more,
    }


def read_arm(call: Call) -> str:
    """Which arm asks, by what only that arm sends."""
    if "response_format" in call:
        return "structured"
    if any(message["role"] == "assistant" for message in call["messages"]):
        return "few_shot"
    if "<context>" in call.prompt:
        return "context"
    return "rewritten" if "Think" in call.prompt else "as_is"


def script(answer: Answer, *, schema: str = "enforced") -> Callable[[Call], Reply | str]:
    """The server's side of `answer`. `schema`: what it does with a response format."""

    def reply(call: Call) -> Reply | str:
        wanted = call.get("response_format")
        if wanted and schema == "unsupported":
            return Reply(status=400, error="response_format is not supported by this model")
        key = KEY.search(call.prompt)
        if key is None:
            return fill(wanted["json_schema"]["schema"]) if schema == "enforced" else "The sky is blue."
        text = answer(read_arm(call), int(key[1]), call.attempt)
        return json.dumps({"label": text}) if wanted and isinstance(text, str) else text

    return reply


def fill(schema: dict[str, Any]) -> str:
    """The object that a schema of enumerations allows, as constrained decoding gives it."""
    return json.dumps({name: part["enum"][0] for name, part in schema["properties"].items()})


def rows(answer: Answer, arms: Sequence[str], count: int, repeats: int, **more: Any) -> list[dict[str, Any]]:
    """Recorded rows of `answer`, without hashes."""
    found = []
    for arm in arms:
        for number in range(count):
            for repeat in range(1, repeats + 1):
                text = answer(arm, number, repeat)
                row = {"case": f"c{number:03d}", "arm": arm, "repeat": repeat, "output": text}
                if arm == "structured":
                    row |= {"output": json.dumps({"label": text}), "schema_enforced": "enforced", **more}
                found.append(row)
    return found


def served_by(server: ChatServer, **params: Any) -> dict[str, Any]:
    return {"candidate": {"model": "openai/scripted", "params": {"api_base": server.base_url, **params}}}

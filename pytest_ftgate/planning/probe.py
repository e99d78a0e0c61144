"""A probe that tells an enforced response format from one that is politely followed, or ignored."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from pytest_ftgate.model.evalset import Json
from pytest_ftgate.model.trial import Request, Trial
from pytest_ftgate.planning.fingerprint import request_hash

PROBES = 2
"""Each must be satisfied: a server that enforces does so every time."""
_CONSONANTS = "bcdfghjklmnpqrstvwxz"
_WORD_LENGTH = 10
_CAPS = ("max_tokens", "max_completion_tokens", "stop", "n", "logprobs", "top_logprobs")
_QUESTION = (
    "In one plain English sentence, tell me what colour the sky is on a clear day. "
    "Write prose only: no JSON, no braces, no quotation marks."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A trial beside the plan, and whether an answer to it shows that the format is enforced."""

    trial: Trial
    is_satisfied: Callable[[str], bool]


def build_probe(trial: Trial, *, case: str, seed: int = 0) -> tuple[Probe, ...]:
    """Probes of the way in which `trial` asks for its format; all must be satisfied.

    The question asks for prose. Under a schema the only valid answer is an object with one key and
    one value that are random letters (20^10 each: neither chance nor good will finds them, and the
    question does not name them); under JSON mode, any JSON object. Params that could cut the answer
    short are left out. Raises ValueError for a trial without a response format.
    """
    wanted = trial.request.response_format
    if not wanted:
        raise ValueError("the trial has no response format to probe")
    return tuple(_make_probe(trial, case, random.Random(f"{seed}:{k}"), k) for k in range(1, PROBES + 1))  # noqa: S311


def _make_probe(trial: Trial, case: str, letters: random.Random, repeat: int) -> Probe:
    key, value = _draw_word(letters), _draw_word(letters)
    wanted = trial.request.response_format
    is_schema = wanted.get("type") == "json_schema"
    request = Request(
        model=trial.request.model,
        messages=({"role": "user", "content": _QUESTION if is_schema else f"{_QUESTION} Not even json."},),
        params={name: param for name, param in trial.request.params.items() if name not in _CAPS},
        response_format=_write_format(wanted, key, value) if is_schema else wanted,
    )
    hashed = request_hash(request)
    probe = Trial(
        key=replace(trial.key, case=case, repeat=repeat),
        request=request,
        request_hash=hashed,
        draw=str(repeat),
    )

    def is_satisfied(text: str) -> bool:
        answer = _read_object(text)
        return answer == {key: value} if is_schema else answer is not None

    return Probe(trial=probe, is_satisfied=is_satisfied)


def _write_format(wanted: Json, key: str, value: str) -> Json:
    schema = {
        "type": "object",
        "properties": {key: {"type": "string", "enum": [value]}},
        "required": [key],
        "additionalProperties": False,
    }
    inner = {**wanted["json_schema"], "name": "probe", "schema": schema}
    return {**wanted, "json_schema": inner}


def _draw_word(letters: random.Random) -> str:
    return "".join(letters.choice(_CONSONANTS) for _ in range(_WORD_LENGTH))


def _read_object(text: str) -> Json:
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None

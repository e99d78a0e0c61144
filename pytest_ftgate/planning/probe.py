"""A probe that tells an enforced form of answers from one that is politely followed, or ignored."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pytest_ftgate.model.evalset import Json
from pytest_ftgate.model.response import Answer, Failure, Response, SchemaEnforced
from pytest_ftgate.model.trial import Request, Trial
from pytest_ftgate.planning.fingerprint import request_hash

_CONSONANTS = "bcdfghjklmnpqrstvwxz"
_WORD_LENGTH = 10
_CAPS = ("max_tokens", "max_completion_tokens", "stop", "n", "logprobs", "top_logprobs")
_PROSE = (
    "In one plain English sentence, tell me what colour the sky is on a clear day. "
    "Write prose only: no JSON, no braces, no quotation marks."
)
_QUESTIONS = (_PROSE, 'Copy this line exactly, and write nothing else: {"colour": "blue"}')
"""Under a schema. Who follows the schema because it was shown it follows the second question rather."""
_JSON_QUESTIONS = (f"{_PROSE} Not even json.",) * 2
PROBES = len(_QUESTIONS)
"""All must be satisfied: a server that enforces does so every time."""

_REFUSALS = ("infra:bad_request", "call:param_dropped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A trial beside the plan, and whether an answer to it shows that the form is enforced."""

    trial: Trial
    is_satisfied: Callable[[Response], bool]


def has_form(trial: Trial) -> bool:
    """Whether the trial asks for a form that can be probed."""
    return trial.request.response_format is not None or trial.answer_tool is not None


def build_probe(trial: Trial, *, case: str, seed: int = 0) -> tuple[Probe, ...]:
    """Probes of the way in which `trial` asks for its form; all must be satisfied.

    The questions ask for prose, and for another object. Under a schema, also that of a forced call's
    arguments, the only valid answer is an object with one key and one value that are random letters
    (20^10 each: chance does not find them, and the questions do not name them); under JSON mode, any JSON
    object. Params that could cut the answer short are left out. Raises ValueError for a trial without a
    form.
    """
    if not has_form(trial):
        raise ValueError("the trial has no response format to probe")
    questions = _QUESTIONS if _has_schema(trial) else _JSON_QUESTIONS
    return tuple(_make_probe(trial, question, case, seed, k) for k, question in enumerate(questions, 1))


def read_probes(answered: Sequence[tuple[Probe, Answer]]) -> tuple[SchemaEnforced, str]:
    """What the answers show, and a sentence that says why."""
    if all(isinstance(answer, Response) and probe.is_satisfied(answer) for probe, answer in answered):
        return "enforced", f"all {len(answered)} probes got what nothing but the form explains"
    failures = [answer for _, answer in answered if isinstance(answer, Failure)]
    if len(failures) == len(answered) and all(each.signature in _REFUSALS for each in failures):
        return "unsupported", f"the vendor refuses it: {_show(failures[0].message)}"
    if failures:
        return "unverified", f"a probe got no answer: {failures[0].signature}: {_show(failures[0].message)}"
    other = next(
        answer
        for probe, answer in answered
        if isinstance(answer, Response) and not probe.is_satisfied(answer)
    )
    return "unverified", f"a probe got another answer: {_show(_write_answer(other), 120)}"


def _has_schema(trial: Trial) -> bool:
    wanted = trial.request.response_format
    return trial.answer_tool is not None or (
        isinstance(wanted, Mapping) and wanted.get("type") == "json_schema"
    )


def _make_probe(trial: Trial, question: str, case: str, seed: int, repeat: int) -> Probe:
    letters = random.Random(f"{seed}:{repeat}")  # noqa: S311 - equal on every machine, no secret
    key, value = _draw_word(letters), _draw_word(letters)
    schema = {
        "type": "object",
        "properties": {key: {"type": "string", "enum": [value]}},
        "required": [key],
        "additionalProperties": False,
    }
    asked, tool = trial.request, trial.answer_tool
    request = Request(
        model=asked.model,
        messages=({"role": "user", "content": question},),
        params={name: param for name, param in asked.params.items() if name not in _CAPS},
        response_format=_write_format(asked.response_format, schema),
        tools=None if tool is None else tuple(_write_tool(each, schema) for each in asked.tools or ()),
    )
    probe = Trial(
        key=trial.key._replace(case=case, repeat=repeat),
        request=request,
        request_hash=request_hash(request),
        draw=str(repeat),
        answer_tool=tool,
    )
    has_schema = _has_schema(trial)

    def is_satisfied(answer: Response) -> bool:
        found = _read_object(_read_answer(answer, tool))
        return found == {key: value} if has_schema else found is not None

    return Probe(trial=probe, is_satisfied=is_satisfied)


def _write_format(wanted: Json, schema: Json) -> Json:
    if not wanted or wanted.get("type") != "json_schema":
        return wanted
    return {**wanted, "json_schema": {**wanted["json_schema"], "name": "probe", "schema": schema}}


def _write_tool(tool: Json, schema: Json) -> Json:
    return {**tool, "function": {**tool["function"], "parameters": schema}}


def _draw_word(letters: random.Random) -> str:
    return "".join(letters.choice(_CONSONANTS) for _ in range(_WORD_LENGTH))


def _read_answer(answer: Response, tool: str | None) -> str:
    if tool is None:
        return answer.text or ""
    return next((call.arguments for call in answer.tool_calls if call.name == tool), "")


def _read_object(text: str) -> Json:
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _write_answer(answer: Response) -> str:
    calls = "; ".join(f"{call.name}({call.arguments})" for call in answer.tool_calls)
    return calls or repr(answer.text or "")


def _show(text: str, chars: int = 300) -> str:
    return text if len(text) <= chars else f"{text[:chars]}..."

"""How a schema, JSON mode and a forced call travel to each vendor: what the probe of arm `structured` is for.

The table of docs/structured.md is this one.
"""

from __future__ import annotations

import asyncio
import json
import warnings
from typing import Any

import pytest

from pytest_ftgate.execution.lean_shapes import _ANSWERS, OPENAI_ANSWER
from pytest_ftgate.execution.litellm_provider import _arguments, load_litellm
from pytest_ftgate.execution.litellm_replay import capture
from pytest_ftgate.execution.vendor_errors import translate_error
from pytest_ftgate.model.trial import Request

pytestmark = pytest.mark.usefixtures("litellm_is_loaded")

SCHEMA = {
    "type": "object",
    "properties": {"zqkey": {"type": "string", "enum": ["zqval"]}},
    "required": ["zqkey"],
    "additionalProperties": False,
}
FUNCTION = {"name": "answer", "description": "Gives the answer.", "parameters": SCHEMA, "strict": True}
MODES: dict[str, dict[str, Any]] = {
    "schema": {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
        }
    },
    "json": {"response_format": {"type": "json_object"}},
    "tool": {
        "tools": ({"type": "function", "function": FUNCTION},),
        "params": {"tool_choice": {"type": "function", "function": {"name": "answer"}}},
    },
}
TABLE = {
    "openai/gpt-4o-mini": ("native", "native", "forced call"),
    "azure/my-deployment": ("native", "native", "forced call"),
    "anthropic/claude-sonnet-4-5": ("native", "nothing", "forced call"),
    "anthropic/claude-3-5-sonnet-20241022": ("forced call", "nothing", "forced call"),
    "gemini/gemini-2.5-flash": ("native", "native", "forced call"),
    "gemini/gemini-1.5-flash": ("prompt", "native", "forced call"),
    "mistral/mistral-small-latest": ("native", "native", "forced call"),
    "groq/openai/gpt-oss-20b": ("native", "native", "forced call"),
    "groq/llama-3.3-70b-versatile": ("forced call", "native", "forced call"),
    "deepseek/deepseek-chat": ("native", "native", "forced call"),
    "xai/grok-4": ("native", "native", "forced call"),
    "openrouter/openai/gpt-4o-mini": ("native", "native", "forced call"),
    "together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo": ("native", "native", "forced call"),
    "hosted_vllm/some-model": ("native", "native", "forced call"),
    "fireworks_ai/accounts/fireworks/models/llama-v3p1-8b-instruct": ("native", "native", "refused"),
    "cohere/command-r": ("refused", "refused", None),
}
"""Model → how each mode travels; None: litellm asks otherwise than by HTTP that can be caught here."""


def send(model: str, mode: str) -> str:
    params = {"api_key": "sk-x", **MODES[mode].get("params", {})}
    if not model.startswith("gemini/"):
        params["api_base"] = "http://127.0.0.1:9/v1"
    if model.startswith("azure/"):
        params["api_version"] = "2024-10-21"
    fields = {name: value for name, value in MODES[mode].items() if name != "params"}
    question = ({"role": "user", "content": "as json please"},)
    request = Request(model=model, messages=question, params=params, **fields)
    answer = _ANSWERS.get(model.partition("/")[0], OPENAI_ANSWER)
    try:
        # What litellm imports for a vendor warns of its own accord.
        with warnings.catch_warnings(action="ignore"):
            sent, _ = asyncio.run(capture(load_litellm(), request, _arguments(request, 5.0), answer))
    except Exception as error:
        fault = translate_error(error, request)
        return "refused" if fault.signature == "infra:bad_request" else str(fault)
    return classify(json.loads(sent.body))


def classify(body: dict[str, Any]) -> str:
    """Where in a request the form stands."""
    talk = json.dumps([body.pop(name, None) for name in ("messages", "contents", "system")])
    rest = json.dumps(body)
    if "tool_choice" in body or "toolConfig" in body:
        assert "zqval" in rest
        return "forced call"
    if any(sign in rest for sign in ('"json_object"', '"json_schema"', "response_json_schema")):
        return "native"
    if "zqval" in talk:
        return "prompt"
    return "native" if "application/json" in rest else "nothing"


@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize("model", list(TABLE))
def test_how_a_form_travels(model: str, mode: str) -> None:
    expected = dict(zip(MODES, TABLE[model], strict=True))[mode]
    if expected is not None:
        assert send(model, mode) == expected

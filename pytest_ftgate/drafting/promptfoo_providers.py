"""Providers of promptfoo as models: `openai:chat:gpt-4o` is `openai/gpt-4o`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_ftgate.drafting.promptfoo_source import PromptfooSource, as_mapping, is_code
from pytest_ftgate.loading.secret_names import find_secrets
from pytest_ftgate.model.evalset import Json

_VENDORS: Mapping[str, str] = {
    "openai": "openai", "openai:chat": "openai", "openai:responses": "openai", "openai:embedding": "openai",
    "openai:embeddings": "openai", "openai:completion": "text-completion-openai",
    "anthropic": "anthropic", "anthropic:messages": "anthropic", "anthropic:completion": "anthropic",
    "azure": "azure", "azure:chat": "azure", "azure:responses": "azure", "azure:embedding": "azure",
    "azureopenai": "azure", "azureopenai:chat": "azure",
    "bedrock": "bedrock", "bedrock:converse": "bedrock/converse", "vertex": "vertex_ai", "google": "gemini",
    "palm": "gemini", "ollama": "ollama", "ollama:chat": "ollama_chat", "ollama:completion": "ollama",
    "ollama:embeddings": "ollama", "mistral": "mistral", "mistral:embedding": "mistral", "groq": "groq",
    "openrouter": "openrouter", "deepseek": "deepseek", "xai": "xai", "cohere": "cohere_chat",
    "perplexity": "perplexity", "togetherai": "together_ai", "fireworks": "fireworks_ai",
    "cerebras": "cerebras", "databricks": "databricks", "github": "github", "huggingface": "huggingface",
    "huggingface:chat": "huggingface", "huggingface:text-generation": "huggingface",
    "replicate": "replicate", "voyage": "voyage", "watsonx": "watsonx", "ai21": "ai21",
}  # fmt: skip
_NO_MODELS = (
    "openai:assistant", "openai:image", "openai:moderation", "openai:realtime", "openai:transcription",
    "azure:assistant", "azure:moderation", "bedrock:agents", "bedrock:kb", "google:live", "google:image",
    "anthropic:claude-agent-sdk", "mistral:agent",
)  # fmt: skip
_SAME = (
    "temperature", "max_tokens", "max_completion_tokens", "top_p", "top_k", "seed", "stop",
    "presence_penalty", "frequency_penalty", "reasoning_effort", "tool_choice", "num_ctx",
    "parallel_tool_calls", "verbosity",
)  # fmt: skip
_RENAMED: Mapping[str, str] = {
    "apiBaseUrl": "api_base", "apiHost": "api_base", "apiVersion": "api_version", "passthrough": "extra_body",
    "num_predict": "max_tokens", "maxOutputTokens": "max_tokens", "maxTokens": "max_tokens", "topP": "top_p",
    "topK": "top_k", "stopSequences": "stop", "toolChoice": "tool_choice", "max_output_tokens": "max_tokens",
}  # fmt: skip
_PRICES: Mapping[str, str] = {"inputCost": "input_usd_per_m", "outputCost": "output_usd_per_m"}
_KEYS = ("apiKey", "apiKeyEnvar", "apiKeyRequired", "organization")
_APPLICATION = (
    "an application of yours: register a function (hook pytest_ftgate_register_providers) and write "
    "`target: NAME`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A model as written in an evalset (None without an equal), and what promptfoo keeps beside it."""

    name: str
    model: Json = None
    tools: tuple[Json, ...] = ()
    response_format: Json = None
    others: Mapping[str, Json] = field(default_factory=dict)


def read_provider(written: Json, where: str, source: PromptfooSource) -> Provider:
    """One item of `providers`."""
    written = source.load(written, where) if isinstance(written, str) and not is_code(written) else written
    name, config = _split(written)
    model = _name_model(name)
    if model is None:
        what = f"provider {name!r} is no model: it is {_APPLICATION}"
        source.remark("no_equal", where, what)
        return Provider(name=name)
    params, price, rest = _read_config(config, where, source)
    tools = _read_tools(config, where, source)
    spec: dict[str, Json] = {"model": model}
    if params:
        spec["params"] = params
    if len(price) == len(_PRICES):
        spec["price"] = price
    return Provider(
        name=name,
        model=spec,
        tools=tools,
        response_format=source.load(config.get("response_format"), where),
        others=rest,
    )


def _split(written: Json) -> tuple[str, dict[str, Json]]:
    """Name and config of the three forms: a name, {id, config}, {NAME: {config}}."""
    if isinstance(written, str):
        return written, {}
    if not isinstance(written, dict) or not written:
        return repr(written)[:60], {}
    if "id" in written:
        config = written.get("config")
        return str(written["id"]), config if isinstance(config, dict) else {}
    name, inner = next(iter(written.items()))
    config = inner.get("config", {}) if isinstance(inner, dict) else {}
    return str(name), config if isinstance(config, dict) else {}


def _name_model(name: str) -> str | None:
    """litellm's id of a promptfoo provider, None for what is no model."""
    if name.startswith("litellm:"):
        return name.removeprefix("litellm:").removeprefix("embedding:") or None
    if name.startswith(_NO_MODELS):
        return None
    parts = name.split(":")
    for count in (2, 1):
        vendor = _VENDORS.get(":".join(parts[:count]))
        rest = ":".join(parts[count:])
        if vendor is not None and rest:
            return f"{vendor}/{rest}"
    return None


def _read_config(
    config: Mapping[str, Json], where: str, source: PromptfooSource
) -> tuple[dict[str, Json], dict[str, Json], dict[str, Json]]:
    """Params, price, and what is left."""
    params: dict[str, Json] = {}
    price: dict[str, Json] = {}
    rest: dict[str, Json] = {}
    flat = {**config, **as_mapping(config.get("generationConfig"))}
    for key, value in flat.items():
        if key in _KEYS:
            source.remark(
                "note", f"{where}.config.{key}", "keys come from the environment only (e.g. OPENAI_API_KEY)"
            )
        elif isinstance(value, str) and "{{" in value:
            source.remark("no_equal", f"{where}.config.{key}", "params are not templates: write the value")
        elif key in _SAME or key in _RENAMED:
            params[_RENAMED.get(key, key)] = value
        elif key == "reasoning" and isinstance(value, dict) and "effort" in value:
            params["reasoning_effort"] = value["effort"]
        elif key in _PRICES and isinstance(value, int | float):
            price[_PRICES[key]] = round(value * 1e6, 9)
        elif key not in ("tools", "functions", "response_format", "generationConfig"):
            rest[key] = value
            source.remark(
                "no_equal", f"{where}.config.{key}", "no such param is known; params go to litellm as written"
            )
    for path, what in list(find_secrets(params)):
        params.pop(str(path[0]), None)
        source.remark("no_equal", f"{where}.config", what)
    return params, price, rest


def _read_tools(config: Mapping[str, Json], where: str, source: PromptfooSource) -> tuple[Json, ...]:
    """Tools in OpenAI's form; functions and Anthropic's form are put into it."""
    tools: list[Json] = []
    for key in ("tools", "functions"):
        written = source.load(config.get(key), f"{where}.config.{key}")
        for tool in written if isinstance(written, list) else ():
            shaped = _shape_tool(source.load(tool, f"{where}.config.{key}"))
            if shaped is None:
                source.remark(
                    "no_equal", f"{where}.config.{key}", "a tool that is no function in OpenAI form"
                )
            else:
                tools.append(shaped)
    return tuple(tools)


def _shape_tool(tool: Json) -> Json:
    if not isinstance(tool, dict):
        return None
    if isinstance(tool.get("function"), dict):
        return {"type": "function", "function": tool["function"]} if "name" in tool["function"] else None
    if not isinstance(tool.get("name"), str):
        return None
    parameters = tool.get("parameters", tool.get("input_schema", {"type": "object", "properties": {}}))
    about = {"description": tool["description"]} if "description" in tool else {}
    return {"type": "function", "function": {"name": tool["name"], **about, "parameters": parameters}}

"""Shapes of requests: how litellm builds a request and reads its answer, proven without a network.

litellm's own code maps the params, builds the body and reads the answer. A shape is proven for the litellm
that is installed, by running `acompletion` on an answer made here: bytes, address, headers and what is read
must be equal.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from pytest_ftgate.execution.completions import read_completion
from pytest_ftgate.execution.endpoints import vendor_of
from pytest_ftgate.execution.litellm_replay import Sent, capture
from pytest_ftgate.model.trial import Request

_OWN_ARGUMENTS = frozenset((
    "model", "messages", "api_base", "base_url", "api_key", "timeout", "num_retries", "max_retries",
    "shared_session", "extra_headers", "headers", "organization",
))  # fmt: skip
_FOR_LITELLM = frozenset(("stream", "fake_stream", "max_retries"))
"""Params that litellm keeps among a vendor's and does not send, since answers are read whole."""
_HOP_HEADERS = frozenset(("host", "connection", "content-length", "accept-encoding", "transfer-encoding"))

OPENAI_ANSWER: Mapping[str, Any] = {
    "id": "c-1",
    "object": "chat.completion",
    "created": 1,
    "model": "proof",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": '{"a": 1}'}, "finish_reason": "stop"}
    ],
    "usage": {
        "prompt_tokens": 70,
        "completion_tokens": 30,
        "total_tokens": 100,
        "prompt_tokens_details": {"cached_tokens": 40},
        "completion_tokens_details": {"reasoning_tokens": 10},
    },
    "system_fingerprint": "fp-1",
    "service_tier": "default",
}
_ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "anthropic": {
        "id": "m-1",
        "type": "message",
        "role": "assistant",
        "model": "proof",
        "content": [{"type": "text", "text": '{"a": 1}'}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 30, "output_tokens": 30, "cache_read_input_tokens": 40},
    },
    "gemini": {
        "candidates": [
            {
                "content": {"parts": [{"text": '{"a": 1}'}], "role": "model"},
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 70,
            "candidatesTokenCount": 20,
            "thoughtsTokenCount": 10,
            "cachedContentTokenCount": 40,
            "totalTokenCount": 100,
        },
        "modelVersion": "proof",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What requests that differ in their texts alone have in common.

    `params`: the vendor's own params, as litellm maps them; `config`: litellm's code for the vendor.
    `order`: of the body's keys. `dump` writes a body as litellm's client does.
    """

    vendor: str
    model: str
    config: Any
    params: Mapping[str, Any]
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    dump: Callable[[Any], bytes] = lambda body: json.dumps(body).encode()


async def prove_shape(litellm: Any, request: Request, arguments: Mapping[str, Any]) -> Shape:
    """The request's shape. Raises whatever shows that it is not proven; sends nothing."""
    _refuse_other_ways(request, arguments)
    answer = _ANSWERS.get(vendor_of(request.model), OPENAI_ANSWER)
    sent, completion = await capture(litellm, request, arguments, answer)
    shape = await _adopt(_map_params(litellm, request, arguments), request, sent)
    mine = read_answer(litellm, shape, request, json.loads(sent.body), json.dumps(answer).encode())
    if read_completion(mine, request, 0.0) != read_completion(completion, request, 0.0):
        raise ValueError("an answer is read differently")
    return shape


def _refuse_other_ways(request: Request, arguments: Mapping[str, Any]) -> None:
    """Raise ValueError for what litellm would send otherwise than as a chat request: to a client of its own,
    over the network, whatever client it is given.
    """
    from litellm.main import responses_api_bridge_check

    vendor, _, model = request.model.partition("/")
    known = ("web_search_options", "tools", "reasoning_effort", "reasoning_summary", "api_base")
    given = {name: arguments[name] for name in known if name in arguments}
    info, _ = responses_api_bridge_check(model=model, custom_llm_provider=vendor, **given)
    if info.get("mode") == "responses" or "reasoningSummary" in arguments:
        raise ValueError("litellm asks this model by the Responses API")


def _map_params(litellm: Any, request: Request, arguments: Mapping[str, Any]) -> Shape:
    from litellm.types.utils import LlmProviders
    from litellm.utils import ProviderConfigManager

    base, key = arguments.get("api_base") or arguments.get("base_url"), arguments.get("api_key")
    model, vendor, _, _ = litellm.get_llm_provider(model=request.model, api_base=base, api_key=key)
    config = ProviderConfigManager.get_provider_chat_config(model, LlmProviders(vendor))
    if config is None:
        raise ValueError(f"litellm has no request code of its own for {vendor}")
    given = {name: value for name, value in arguments.items() if name not in _OWN_ARGUMENTS}
    params = litellm.get_optional_params(
        model=model, custom_llm_provider=vendor, messages=copy_messages(request), **given
    )
    return Shape(vendor=vendor, model=model, config=config, params=params)


async def _adopt(shape: Shape, request: Request, sent: Sent) -> Shape:
    """The shape with the address, headers and order of keys that litellm sent.

    Raises ValueError where the bytes differ. Whether a vendor's defaults are sent along is tried.
    """
    order = tuple(json.loads(sent.body))
    headers = {name: value for name, value in sent.headers.items() if name.lower() not in _HOP_HEADERS}
    defaults = {name: value for name, value in shape.config.get_config().items() if name not in shape.params}
    for params in (shape.params, {**shape.params, **defaults}):
        for dump in (_dump_dense, _dump_spaced):
            known = replace(shape, params=params, url=sent.url, headers=headers, order=order, dump=dump)
            with suppress(TypeError):
                if dump(await build_body(known, request)) == sent.body:
                    return known
    raise ValueError("the request is built differently")


async def build_body(shape: Shape, request: Request) -> dict[str, Any]:
    """The body that litellm would send, for `shape.dump` to write."""
    params = copy.deepcopy(dict(shape.params)) if shape.params else {}
    params.pop("json_mode", None)
    build = _build_gemini if shape.vendor == "gemini" else _build_chat
    body = await build(shape, copy_messages(request), params)
    extra = body.pop("extra_body", None) or {}
    body = {name: value for name, value in {**body, **extra}.items() if name not in _FOR_LITELLM}
    ordered = {name: body.pop(name) for name in shape.order if name in body}
    return {**ordered, **body}


async def _build_chat(shape: Shape, messages: list[Any], params: dict[str, Any]) -> dict[str, Any]:
    body = await shape.config.async_transform_request(
        model=shape.model, messages=messages, optional_params=params, litellm_params={}, headers={}
    )
    return dict(body)


async def _build_gemini(shape: Shape, messages: list[Any], params: dict[str, Any]) -> dict[str, Any]:
    from litellm.llms.vertex_ai.gemini.transformation import async_transform_request_body

    body = await async_transform_request_body(
        gemini_api_key="",
        messages=messages,
        api_base=None,
        model=shape.model,
        client=None,
        timeout=None,
        extra_headers=None,
        optional_params=params,
        logging_obj=_SilentLog(),
        custom_llm_provider="gemini",
        litellm_params={},
        vertex_project=None,
        vertex_location=None,
        vertex_auth_header=None,
    )
    return dict(body)


def read_answer(litellm: Any, shape: Shape, request: Request, body: dict[str, Any], content: bytes) -> Any:
    """litellm's completion for the content of an answer with status 200 to `body`, its cost in it.

    Raises anything for what is no completion.
    """
    # Azure's config leaves answers to the openai package; they are OpenAI's own form.
    config = litellm.OpenAIGPTConfig() if shape.vendor == "azure" else shape.config
    params = dict(shape.params)
    json_mode = params.pop("json_mode", False)
    completion = config.transform_response(
        model=shape.model,
        raw_response=_Reply(shape.url, content),
        model_response=litellm.ModelResponse(id="lean"),  # else one is drawn, and then overwritten
        logging_obj=_SilentLog(),
        api_key="",
        request_data=body,
        messages=copy_messages(request),
        optional_params=params,
        litellm_params={},
        encoding=None,
        json_mode=json_mode,
    )
    completion._hidden_params["response_cost"] = _measure_cost(litellm, shape, completion)
    return completion


class _Reply:
    """What litellm reads of a response; the rest of it from httpx's own, which costs more than reading it."""

    status_code = 200

    def __init__(self, url: str, content: bytes) -> None:
        self._url, self.content = url, content
        self.headers: dict[str, str] = {}
        self.text = content.decode("utf-8", "replace")

    def json(self, **options: Any) -> Any:
        return json.loads(self.content, **options)

    def __getattr__(self, name: str) -> Any:
        import httpx

        whole = httpx.Response(200, content=self.content, request=httpx.Request("POST", self._url))
        return getattr(whole, name)


def _measure_cost(litellm: Any, shape: Shape, completion: Any) -> float | None:
    """USD by litellm's price map; None for a model that it does not know."""
    if not _is_priced(litellm, shape.vendor, shape.model):
        return None
    try:
        if getattr(completion, "service_tier", None) not in (None, "default"):
            # Dearer, but it knows what other tiers cost.
            cost = litellm.completion_cost(
                completion_response=completion, model=shape.model, custom_llm_provider=shape.vendor
            )
        else:
            cost = sum(
                litellm.cost_per_token(
                    model=shape.model, custom_llm_provider=shape.vendor, usage_object=completion.usage
                )
            )
        return float(cost)
    except Exception:  # noqa: BLE001 - litellm raises for every model that its price map does not know
        return None


@cache
def _is_priced(litellm: Any, vendor: str, model: str) -> bool:
    """Whether litellm's price map has the model: to look for it in vain costs a third of a request."""
    try:
        litellm.get_model_info(model=model, custom_llm_provider=vendor)
    except Exception:  # noqa: BLE001 - litellm raises a bare one for a model that is not in its map
        return False
    return True


class _SilentLog:
    """Stands where litellm wants a logger: takes everything, keeps nothing."""

    model_call_details: Mapping[str, Any] = {}
    optional_params: Mapping[str, Any] = {}
    litellm_params: Mapping[str, Any] = {}

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None


def _dump_dense(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _dump_spaced(body: Any) -> bytes:
    return json.dumps(body).encode()


def copy_messages(request: Request) -> list[Any]:
    """The messages, for litellm to rewrite as it likes."""
    return [
        {name: value if isinstance(value, str) else copy.deepcopy(value) for name, value in message.items()}
        for message in request.messages
    ]

"""litellm's whole code on an HTTP answer that is already there: nothing goes over a network.

So the lean transport can be held against it, and what it cannot read becomes the very error that litellm
makes of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_ftgate.execution.endpoints import base_url_of, environment_base_url, vendor_of
from pytest_ftgate.execution.vendor_errors import key_name
from pytest_ftgate.model.trial import Request

if TYPE_CHECKING:
    import httpx

SDK_VENDORS = frozenset(("openai", "azure"))
"""Vendors that litellm asks through the openai package; the others through its own HTTP client."""

Answer = Callable[["httpx.Request"], "httpx.Response"]


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as litellm would send it."""

    url: str
    headers: Mapping[str, str]
    body: bytes


async def run_litellm(litellm: Any, request: Request, arguments: Mapping[str, Any], answer: Answer) -> Any:
    """What `litellm.acompletion` makes of `answer`; raises what it raises."""
    import httpx

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        client = await _make_client(request, arguments, http)
        known = {name: value for name, value in arguments.items() if name != "shared_session"}
        return await litellm.acompletion(**known, client=client)


async def capture(
    litellm: Any, request: Request, arguments: Mapping[str, Any], canned: Mapping[str, Any]
) -> tuple[Sent, Any]:
    """The HTTP request that litellm makes of `request`, and what it reads from the answer `canned`."""
    import httpx

    seen: list[httpx.Request] = []

    def answer(sent: httpx.Request) -> httpx.Response:
        seen.append(sent)
        return httpx.Response(200, json=canned)

    completion = await run_litellm(litellm, request, arguments, answer)
    first = seen[0]
    return Sent(str(first.url), dict(first.headers), first.content), completion


async def _make_client(request: Request, arguments: Mapping[str, Any], http: httpx.AsyncClient) -> Any:
    vendor = vendor_of(request.model)
    if vendor not in SDK_VENDORS:
        from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

        handler = AsyncHTTPHandler()
        unused, handler.client = handler.client, http
        http.headers = unused.headers
        await unused.aclose()
        return handler
    import openai

    key = arguments.get("api_key") or os.environ.get(key_name(vendor))
    base = base_url_of(request) or environment_base_url(vendor)
    if vendor == "openai":
        organization = os.environ.get("OPENAI_ORGANIZATION")
        return openai.AsyncOpenAI(
            api_key=key, base_url=base, organization=organization, http_client=http, max_retries=0
        )
    version = request.params.get("api_version") or os.environ.get("AZURE_API_VERSION")
    return openai.AsyncAzureOpenAI(
        api_key=key,
        azure_endpoint=base or "",
        azure_deployment=request.model.partition("/")[2],
        api_version=version,
        http_client=http,
        max_retries=0,
    )

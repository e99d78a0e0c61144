"""Chat requests with litellm's own request and response code over one aiohttp session, nothing around it.

`litellm.acompletion` costs 6-7 ms of CPU a call, nearly all for logging, wrappers and clients. Here litellm
still says what is sent and reads what comes back (lean_shapes.py); only the way between is ours. Whatever is
no plain success is read by litellm's whole code (litellm_replay.py), so errors are its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

from pytest_ftgate.execution.endpoints import vendor_of
from pytest_ftgate.execution.lean_shapes import Shape, build_body, prove_shape, read_answer
from pytest_ftgate.execution.litellm_replay import SDK_VENDORS, run_litellm
from pytest_ftgate.execution.rate_headers import note_headers
from pytest_ftgate.model.trial import Request

if TYPE_CHECKING:
    import aiohttp
    import httpx

VENDORS = SDK_VENDORS | frozenset(
    ("anthropic", "gemini", "hosted_vllm", "groq", "mistral", "deepseek", "openrouter", "together_ai")
)
"""Vendors whose shapes are tried; for each a test holds both ways against the same server."""

MAX_SHAPES = 64
"""Of one model. A proof costs as much as a call: where every case has tools of its own it would not pay."""

MAX_RECALLED = 256
"""Requests kept to recognise others by."""

_ELSEWHERE = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "SSL_VERIFY", "SSL_CERTIFICATE", "SSL_SECURITY_LEVEL",
              "SSL_ECDH_CURVE")  # fmt: skip
"""Environment that litellm's clients obey and a session of ours would not."""

_NO_LIMIT = nullcontext()


class LeanTransport:
    """Sends requests of proven shapes. `litellm` is the module."""

    def __init__(self, litellm: Any) -> None:
        self._litellm = litellm
        self._shapes: dict[str, asyncio.Future[Shape | None]] = {}
        self._recalled: dict[tuple[Any, ...], tuple[Shape, Request]] = {}
        self._tried: Counter[str] = Counter()
        self._proven: set[str] = set()
        self._refused: dict[str, str] = {}

    def describe(self) -> tuple[str, ...]:
        """A line for each vendor asked: proven, or why `acompletion` sends its requests."""
        proven = [f"{vendor}: lean" for vendor in sorted(self._proven)]
        refused = [f"{vendor}: acompletion ({why})" for vendor, why in sorted(self._refused.items())]
        return (*proven, *refused)

    def recall(self, request: Request) -> Shape | None:
        """The shape of a request that shares all but its texts, as objects, with one that has one."""
        known = self._recalled.get(_parts_of(request))
        return known[0] if known is not None and _is_plain(request) else None

    async def find_shape(self, request: Request, arguments: Mapping[str, Any]) -> Shape | None:
        """The proven shape of a request, or None where `acompletion` has to send it."""
        if vendor_of(request.model) not in VENDORS or not _is_plain(request):
            return None
        key = _shape_key(request)
        known = self._shapes.get(key)
        if known is None:
            if any(map(_is_set, _ELSEWHERE)) or self._tried[request.model] >= MAX_SHAPES:
                return None
            self._tried[request.model] += 1
            known = self._shapes[key] = asyncio.get_running_loop().create_future()
            shape = None
            try:
                shape = await self._prove(request, arguments)
            finally:
                known.set_result(shape)
        found = known.result() if known.done() else await asyncio.shield(known)
        if found is not None and len(self._recalled) < MAX_RECALLED:
            # The request is kept, so that no other object can come to have the id of one of its parts.
            self._recalled[_parts_of(request)] = found, request
        return found

    async def _prove(self, request: Request, arguments: Mapping[str, Any]) -> Shape | None:
        vendor = vendor_of(request.model)
        try:
            shape = await prove_shape(self._litellm, request, arguments)
        except Exception as error:  # noqa: BLE001 - not proven, for whatever reason: the slow way is there
            self._refused[vendor] = f"{type(error).__name__}: {error}"[:200]
            return None
        self._proven.add(vendor)
        return shape

    async def send(
        self,
        session: aiohttp.ClientSession,
        shape: Shape,
        request: Request,
        give_arguments: Callable[[], Mapping[str, Any]],
        timeout_s: float | None,
        sent_at: list[float],
    ) -> Any:
        """litellm's completion for the vendor's answer; raises what `acompletion` would raise.

        `timeout_s` None: who waits for it sees to the time. When the request went out is added to `sent_at`,
        `time.perf_counter` seconds.
        """
        import httpx

        body = await build_body(shape, request)
        data = shape.dump(body)
        sent_at.append(time.perf_counter())
        try:
            async with _NO_LIMIT if timeout_s is None else asyncio.timeout(timeout_s):
                status, headers, content = await _post(session, shape, data)
        except Exception as error:  # noqa: BLE001 - whatever the client raises, litellm says what it means
            return await run_litellm(self._litellm, request, give_arguments(), _raising(error))
        note_headers(headers)
        if status == 200:
            with suppress(Exception):
                return read_answer(self._litellm, shape, request, body, content)
        return await run_litellm(
            self._litellm,
            request,
            give_arguments(),
            lambda _: httpx.Response(status, headers=_drop_encoding(headers), content=content),
        )


async def _post(
    session: aiohttp.ClientSession, shape: Shape, data: bytes
) -> tuple[int, Mapping[str, str], bytes]:
    # A redirect would carry the key to another host: it is an answer like any other, and no success.
    async with session.post(shape.url, data=data, headers=shape.headers, allow_redirects=False) as reply:
        return reply.status, reply.headers, await reply.read()


def _drop_encoding(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """What is told of a content that is decoded already."""
    return [(name, value) for name, value in headers.items() if name.lower() != "content-encoding"]


def _raising(error: Exception) -> Callable[[httpx.Request], httpx.Response]:
    """An answer that never came, as the HTTP client of litellm would say it."""
    import aiohttp
    import httpx

    def answer(request: httpx.Request) -> httpx.Response:
        if isinstance(error, TimeoutError):
            raise httpx.ReadTimeout("no answer in time", request=request)
        if isinstance(error, aiohttp.ClientConnectorError):
            raise httpx.ConnectError(str(error), request=request)
        raise httpx.RemoteProtocolError(str(error) or type(error).__name__, request=request)

    return answer


def _is_plain(request: Request) -> bool:
    """Whether all messages are texts: building the body of others may need a further request."""
    return request.operation == "chat" and all(
        isinstance(message.get("content"), str) and not message.get("tool_calls")
        for message in request.messages
    )


def _is_set(name: str) -> bool:
    return bool(os.environ.get(name) or os.environ.get(name.lower()))


def _parts_of(request: Request) -> tuple[Any, ...]:
    parts = id(request.params), id(request.response_format), id(request.tools)
    return request.model, *parts, *((message.get("role"), *message) for message in request.messages)


def _shape_key(request: Request) -> str:
    roles = [(message.get("role"), sorted(message)) for message in request.messages]
    return json.dumps(
        [request.model, dict(request.params), request.response_format, request.tools, roles],
        sort_keys=True,
        default=str,
    )

"""Answers requests through litellm. The only module that imports it, and not before the first request."""

from __future__ import annotations

import asyncio
import gc
import os
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from typing import Any

from pytest_ftgate.execution.completions import read_completion
from pytest_ftgate.execution.embeddings import read_embedding
from pytest_ftgate.execution.endpoints import (
    base_url_of,
    environment_base_url,
    is_loopback,
    refuse_unsafe_params,
    vendor_of,
)
from pytest_ftgate.execution.http_session import note_requests, open_session
from pytest_ftgate.execution.lean_shapes import OPENAI_ANSWER
from pytest_ftgate.execution.lean_transport import LeanTransport
from pytest_ftgate.execution.litellm_replay import capture
from pytest_ftgate.execution.rate_headers import note_headers
from pytest_ftgate.execution.store import now_iso
from pytest_ftgate.execution.vendor_errors import key_name, translate_error
from pytest_ftgate.model.response import Response
from pytest_ftgate.model.trial import Request, Trial

_NO_KEY = "not-needed"
MAX_SAFE = 64
"""Params whose addresses are known to be safe."""

_FIRST_CALL_MODULES = (
    "openai.resources",
    "litellm._service_logger",
    "litellm.integrations.prometheus_services",
    "litellm.proxy.guardrails.exception_utils",
)
"""Imported by litellm in the middle of its first request (half a second). A version may lack some."""

_WARM_UP = Request(
    model="openai/warm-up",
    messages=({"role": "user", "content": "warm-up"},),
    params={"api_base": "http://127.0.0.1"},
)


@cache
def load_litellm() -> Any:
    """The module litellm, silenced; its price map is the packaged one, so the import needs no network."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS", "True")
    with _without_collecting():
        import litellm

    litellm.suppress_debug_info = True
    litellm.set_verbose = False
    litellm.telemetry = False
    # LITELLM_DROP_PARAMS may have set it; an arm whose schema is dropped in silence proves nothing.
    litellm.drop_params = False
    # For embeddings litellm takes `max_retries=0` for "not given". Retries are the engine's, and counted.
    litellm.DEFAULT_MAX_RETRIES = 0
    return litellm


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Hundreds of thousands of objects that stay for good: the garbage collector need not look at them,
    neither while they are made nor, at every full collection, later. Nor at what is there before, which is an
    evalset and its items: a look for garbage takes more than there is."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.freeze()
            gc.enable()


class LitellmProvider:
    """Answers every model id that litellm knows (`vendor/name`). Needs an event loop that runs.

    `api_hosts`: further hosts that may be sent a key (ini `ftgate_api_hosts`). `is_lean`: requests whose
    shape is proven go by the lean transport, the others by `acompletion`.
    """

    def __init__(self, api_hosts: Iterable[str] = (), *, is_lean: bool = True) -> None:
        self._api_hosts = tuple(api_hosts)
        self._is_lean = is_lean
        self._lean: LeanTransport | None = None
        self._session: Any = None
        self._lean_session: Any = None
        self._warm_up: asyncio.Task[None] | None = None
        self._safe: dict[int, tuple[Mapping[str, Any], str]] = {}

    async def complete(self, trial: Trial, request: Request, timeout_s: float) -> Response:
        """The model's answer; raises ProviderError. `trial` is not looked at.

        Who waits ends it after `timeout_s`, as the engine does.
        """
        del trial
        self._refuse_unsafe(request)
        return await self._send(request, timeout_s, is_timed=True)

    async def prepare(self, request: Request) -> None:
        """Import litellm and warm it up, for a request that may be sent."""
        self._refuse_unsafe(request)
        await self.warm_up(request)

    def _refuse_unsafe(self, request: Request) -> None:
        """Look at a model's params once: all trials of an arm share them."""
        known = self._safe.get(id(request.params))
        if known is not None and known[0] is request.params and known[1] == request.model:
            return
        refuse_unsafe_params(request, self._api_hosts)
        if len(self._safe) >= MAX_SAFE:
            self._safe.clear()
        # Kept alive here, so that no other params can come to have the same id.
        self._safe[id(request.params)] = request.params, request.model

    async def warm_up(self, request: Request) -> None:
        """Do what litellm leaves to its first request, so that no latency holds it. Sends nothing."""
        litellm = _load(request)
        if self._warm_up is None:
            self._warm_up = asyncio.create_task(_warm_up(litellm))
        # One for all: whoever gives up waiting does not end it for the others.
        await asyncio.shield(self._warm_up)
        _load_vendor(vendor_of(request.model))

    async def send(self, request: Request, timeout_s: float) -> Response:
        """Like `complete`, for a request whose address is known to be safe; ends after `timeout_s`."""
        return await self._send(request, timeout_s, is_timed=False)

    async def _send(self, request: Request, timeout_s: float, *, is_timed: bool) -> Response:
        """`is_timed`: who waits (the engine) sees to the time."""
        litellm = _load(request)
        sent_at: list[float] = []
        started = time.perf_counter()
        try:
            completion = await self._send_lean(litellm, request, timeout_s, sent_at, is_timed=is_timed)
            if completion is None:
                completion = await self._send_slow(litellm, request, timeout_s, sent_at)
        except Exception as error:  # noqa: BLE001 - the library raises anything, bare ImportErrors included
            raise translate_error(error, request) from None
        # Preparing takes milliseconds, times all requests that are prepared at once: not the model's time.
        latency_s = time.perf_counter() - min(sent_at, default=started)
        if request.operation == "embedding":
            return read_embedding(completion, request, latency_s)
        return read_completion(completion, request, latency_s, now_iso())

    async def _send_lean(
        self, litellm: Any, request: Request, timeout_s: float, sent_at: list[float], *, is_timed: bool
    ) -> Any:
        """litellm's completion; None where `acompletion` has to ask. In `sent_at`: when requests went out."""
        if not self._is_lean or request.operation != "chat":
            return None
        if self._lean is None:
            self._lean = LeanTransport(litellm)

        def give_arguments() -> dict[str, Any]:
            return _arguments(request, timeout_s)

        shape = self._lean.recall(request) or await self._lean.find_shape(request, give_arguments())
        if shape is None:
            return None
        if self._lean_session is None:
            self._lean_session = open_session(_certificates())
        limit_s = None if is_timed else timeout_s
        return await self._lean.send(self._lean_session, shape, request, give_arguments, limit_s, sent_at)

    async def _send_slow(self, litellm: Any, request: Request, timeout_s: float, sent_at: list[float]) -> Any:
        if self._session is None:
            self._session = open_session(_certificates(), notes=True)
        note_requests(sent_at)
        arguments = {**_arguments(request, timeout_s), "shared_session": self._session}
        if request.operation == "embedding":
            return await litellm.aembedding(**arguments)
        completion = await litellm.acompletion(**arguments)
        note_headers((getattr(completion, "_hidden_params", None) or {}).get("additional_headers") or {})
        return completion

    @property
    def transports(self) -> tuple[str, ...]:
        """How requests went so far: `lean`, `acompletion` or both; for the vendors that are named."""
        return () if self._lean is None else self._lean.describe()

    async def close(self) -> None:
        """Close litellm's connections and let its log worker end, so that nothing warns afterwards."""
        sessions = [one for one in (self._session, self._lean_session) if one is not None]
        self._session = self._lean_session = None
        warm_up, self._warm_up = self._warm_up, None
        if not sessions and warm_up is None:
            return
        # Connections first: whatever goes wrong with the log worker, none of them may stay open.
        for session in sessions:
            await session.close()
        if warm_up is not None:
            await warm_up
        litellm = load_litellm()
        await litellm.close_litellm_async_clients()
        litellm.in_memory_llm_clients_cache.flush_cache()
        await _end_log_worker()


def _certificates() -> Any:
    """Whom to trust, as litellm's own clients do: its bundle, or what the environment names."""
    with suppress(Exception):
        from litellm.llms.custom_httpx.http_handler import get_ssl_configuration

        found = get_ssl_configuration()
        if isinstance(found, ssl.SSLContext):
            return found
    return True


async def _warm_up(litellm: Any) -> None:
    with _without_collecting():
        for name in _FIRST_CALL_MODULES:
            with suppress(Exception):
                import_module(name)
        # A made-up answer: no network, no key. Not the evalset's model: for some vendors litellm would ask
        # a server about it. Whatever is wrong here the first real request will say.
        with suppress(Exception):
            await capture(litellm, _WARM_UP, _arguments(_WARM_UP, 5.0), OPENAI_ANSWER)


@cache
def _load_vendor(vendor: str) -> None:
    """Import how litellm speaks to a vendor."""
    litellm = load_litellm()
    with suppress(Exception):
        from litellm.utils import ProviderConfigManager

        ProviderConfigManager.get_provider_chat_config(model="warm-up", provider=litellm.LlmProviders(vendor))


def _load(request: Request) -> Any:
    try:
        return load_litellm()
    except ImportError as error:
        raise translate_error(error, request) from None


async def _end_log_worker() -> None:
    try:
        from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER
    except ImportError:
        return
    await GLOBAL_LOGGING_WORKER.clear_queue()
    await GLOBAL_LOGGING_WORKER.stop()


def _arguments(request: Request, timeout_s: float) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        **request.params,
        "model": request.model,
        "timeout": timeout_s,
        "num_retries": 0,
        "max_retries": 0,
    }
    if request.operation == "embedding":
        arguments["input"] = [message["content"] for message in request.messages]
    else:
        arguments["messages"] = [dict(message) for message in request.messages]
    if request.response_format is not None:
        arguments["response_format"] = request.response_format
    if request.tools is not None:
        arguments["tools"] = list(request.tools)
    if _needs_no_key(request):
        arguments["api_key"] = _NO_KEY
    return arguments


def _needs_no_key(request: Request) -> bool:
    """Local servers want no key, but clients refuse to start without one."""
    vendor = vendor_of(request.model)
    base = base_url_of(request) or environment_base_url(vendor)
    return base is not None and is_loopback(base) and not os.environ.get(key_name(vendor))

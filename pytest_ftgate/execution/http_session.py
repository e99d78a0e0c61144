"""The aiohttp sessions that requests to vendors go by."""

from __future__ import annotations

import os
import time
from contextvars import ContextVar
from typing import Any

_sent_at: ContextVar[list[float] | None] = ContextVar("ftgate_sent_at", default=None)


def note_requests(sent_at: list[float]) -> None:
    """In this task add to `sent_at` when requests go out, `time.perf_counter` seconds."""
    _sent_at.set(sent_at)


async def _note(*_: object) -> None:
    sent_at = _sent_at.get()
    if sent_at is not None:
        sent_at.append(time.perf_counter())


def open_session(certificates: Any, *, notes: bool = False) -> Any:
    """A session for all requests of a transport; `notes` makes `note_requests` work, which takes its time.

    Left to itself litellm opens one per client; of two first requests at the same time one client is
    forgotten, and nothing can close its connections any more.
    """
    import aiohttp

    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60.0, ttl_dns_cache=300, ssl=certificates)
    is_proxied = os.environ.get("AIOHTTP_TRUST_ENV", "").strip().lower() == "true"
    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(_note)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=is_proxied,
        trace_configs=[trace] if notes else [],
        # Each request has the time that the options give it; aiohttp's own five minutes would cut some short.
        timeout=aiohttp.ClientTimeout(total=None),
    )

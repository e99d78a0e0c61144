"""Can an endpoint be reached? A connection is made and closed; nothing is sent over it, no key above all."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from pytest_ftgate.execution.endpoints import find_own_host, vendor_of

Reached = Literal["reached", "unreachable", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """`address`: scheme, host and port that were tried, '' where none is known. `what`: why."""

    address: str = ""
    outcome: Reached
    what: str = ""


def find_address(model: str, base_url: str) -> str:
    """Where a model's requests go: the address given, else its vendor's own host; '' where none is known."""
    if base_url:
        return base_url
    host = find_own_host(vendor_of(model) or "openai")
    return f"https://{host}" if host else ""


def reach(address: str, timeout_s: float) -> Reach:
    """Connect to an address (`https://host[:port]/…`), through the environment's proxy where there is one."""
    if not address:
        return Reach(outcome="unknown", what="litellm knows where this vendor is; it is not tried here")
    try:
        parts = urlsplit(address if "://" in address else f"https://{address}")
        host, port = parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)
    except ValueError as error:
        return Reach(outcome="unreachable", what=f"no address: {error}")
    shown = f"{parts.scheme}://{host}:{port}"
    proxy = getproxies().get(parts.scheme)
    if proxy and not proxy_bypass(host):
        through = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        found = _connect(through.hostname or "", through.port or 80, timeout_s, host=None)
        note = f"by the proxy {through.hostname}, behind which nothing was tried"
        return Reach(address=shown, outcome=found[0], what=found[1] or note)
    outcome, what = _connect(host, port, timeout_s, host=host if parts.scheme == "https" else None)
    return Reach(address=shown, outcome=outcome, what=what)


def _connect(name: str, port: int, timeout_s: float, *, host: str | None) -> tuple[Reached, str]:
    """`host`: the name that the server's certificate must hold; None for no TLS."""
    try:
        with socket.create_connection((name, port), timeout=timeout_s) as connection:
            if host is not None:
                with ssl.create_default_context().wrap_socket(connection, server_hostname=host):
                    pass
    except TimeoutError:
        return "unreachable", f"no answer within {timeout_s:g} s"
    except (OSError, ValueError) as error:
        return "unreachable", f"{type(error).__name__}: {getattr(error, 'strerror', None) or error}"[:200]
    return "reached", ""

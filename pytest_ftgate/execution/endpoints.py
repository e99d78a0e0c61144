"""Where a request goes, and whether a vendor's key may go there."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

from pytest_ftgate.errors import ProviderError
from pytest_ftgate.model.trial import Request

_BASE_PARAMS = ("api_base", "base_url")
_PLACE_NAME = re.compile(r"base$|url$|uri$|endpoint|host|proxy|proxies", re.IGNORECASE)

_VENDOR_HOSTS: Mapping[str, tuple[str, ...]] = {
    "openai": ("api.openai.com", "eu.api.openai.com", "us.api.openai.com"),
    "anthropic": ("api.anthropic.com",),
    "gemini": ("generativelanguage.googleapis.com",),
    "mistral": ("api.mistral.ai",),
    "groq": ("api.groq.com",),
    "deepseek": ("api.deepseek.com",),
    "openrouter": ("openrouter.ai",),
    "together_ai": ("api.together.xyz",),
    "fireworks_ai": ("api.fireworks.ai",),
    "xai": ("api.x.ai",),
}
# Hosts on which everyone can rent a name (Azure, cloud run times) are no vendor's own.

_SET_ELSEWHERE = frozenset(
    (
        "additional_drop_params",
        "api_key",
        "azure_ad_token",
        "callbacks",
        "client",
        "context_window_fallback_dict",
        "custom_llm_provider",
        "drop_params",
        "failure_callback",
        "fallbacks",
        "litellm_credential_name",
        "max_retries",
        "mock_response",
        "mock_tool_calls",
        "model_list",
        "num_retries",
        "request_timeout",
        "success_callback",
        "timeout",
    )
)

_REMEDIES: Mapping[str, str] = {
    "model": "The model is named by `model` beside `params`.",
    "messages": "Messages come from the cases and the prompt; shots from the arm `few_shot`.",
    "n": "One answer is read of each request, and all would be paid; for more answers set `repeats`.",
    "best_of": "One answer is read of each request, and all would be paid; for more answers set `repeats`.",
    "tools": "Tools stand in the cases, as `tools`.",
    "functions": "Tools stand in the cases, as `tools`.",
    "function_call": "Tools stand in the cases, as `tools`; to force one set `tool_choice`.",
    "response_format": "A schema that the vendor enforces is what the arm `structured` tries.",
    "stream": "Answers are read whole.",
    "stream_options": "Answers are read whole.",
}
"""Params that would change what is asked or paid behind the plan's back, and what to do instead."""


def vendor_of(model: str) -> str:
    """The company behind a model id: what stands before the first slash ('' where there is none)."""
    return model.partition("/")[0] if "/" in model else ""


def find_own_host(vendor: str) -> str | None:
    """The host that a vendor answers at; None where it is not known here."""
    return next(iter(_VENDOR_HOSTS.get(vendor, ())), None)


def base_url_of(request: Request) -> str | None:
    """The address that the evalset asks for, or None."""
    for name in _BASE_PARAMS:
        value = request.params.get(name)
        if isinstance(value, str) and value:
            return value
    return None


def environment_base_url(vendor: str, environ: Mapping[str, str] | None = None) -> str | None:
    """The address that the user's own environment gives for a vendor, or None."""
    environ = os.environ if environ is None else environ
    prefix = vendor.upper()
    for name in (f"{prefix}_BASE_URL", f"{prefix}_API_BASE"):
        if environ.get(name):
            return environ[name]
    return None


def endpoint_of(request: Request, environ: Mapping[str, str] | None = None) -> str:
    """Where the answer comes from, as part of a stored response's identity; '' is the vendor's own host."""
    given = base_url_of(request) or environment_base_url(vendor_of(request.model), environ) or ""
    return given.rstrip("/")


def host_of(address: str) -> str:
    """The host name of an address for messages, '' where it has none."""
    try:
        return _split(address).hostname or ""
    except ValueError:
        return ""


def host_and_port(address: str) -> str:
    """The host of an address for messages, with the port where one is written; '' where it has none."""
    try:
        port = _split(address).port
    except ValueError:
        return ""
    return f"{host_of(address)}:{port}" if port else host_of(address)


@lru_cache(maxsize=256)
def is_loopback(address: str) -> bool:
    """Whether the address is on this machine."""
    host = host_of(address)
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refuse_unsafe_params(
    request: Request, api_hosts: Iterable[str] = (), environ: Mapping[str, str] | None = None
) -> None:
    """Raise a fatal `infra:config` ProviderError where params would redirect a key or change the request.

    Allowed places: the vendor's own hosts (by https), loopback, hosts of the project's settings
    (`api_hosts`: `host`, `host:port` or `*.domain`), and what the user's own environment names.
    """
    refused = sorted(_SET_ELSEWHERE.intersection(request.params))
    if refused:
        raise _config_error(
            f"params of {request.model!r} may not set {', '.join(refused)}: keys come from the environment, "
            "retries and timeouts from the options. Remove it from the evalset."
        )
    _refuse_request_params(request)
    own = environment_base_url(vendor_of(request.model), environ)
    for name, address in _addresses(request):
        if address != own and not _is_allowed(address, vendor_of(request.model), tuple(api_hosts)):
            host = host_of(address) or address[:80]
            raise _config_error(
                f"{name} of {request.model!r} points to {host!r}: a key is sent only to its vendor's own "
                "host, to loopback, or to hosts listed in the ini. "
                f"If this host is yours, add `ftgate_api_hosts = {host}`."
            )


def _refuse_request_params(request: Request) -> None:
    extra = request.params.get("extra_body")
    for params in (request.params, extra if isinstance(extra, Mapping) else {}):
        for name, value in params.items():
            is_harmless = (name in ("n", "best_of") and value == 1) or (name == "stream" and value is False)
            if name in _REMEDIES and value is not None and not is_harmless:
                raise _config_error(
                    f"params of {request.model!r} may not set {name} (to {str(value)[:80]!r}). "
                    f"{_REMEDIES[name]} Remove it from the evalset."
                )


def _addresses(request: Request) -> Iterable[tuple[str, str]]:
    in_model = re.search(r"[a-z][\w+.-]*://.*", request.model, re.IGNORECASE)
    if in_model:
        yield "the model id", in_model.group()
    for name, value in request.params.items():
        if not _PLACE_NAME.search(name) or value is None:
            continue
        for entry in value.values() if isinstance(value, Mapping) else [value]:
            yield name, str(entry)


@lru_cache(maxsize=256)
def _is_allowed(address: str, vendor: str, api_hosts: tuple[str, ...]) -> bool:
    # Parsers disagree on these characters: what we take for the host may not be where the client goes.
    if re.search(r"[\s\\@\x00-\x1f]", address):
        return False
    try:
        parts = _split(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or not host:
        return False
    if is_loopback(address):
        return True
    if parts.scheme == "https" and host in _VENDOR_HOSTS.get(vendor, ()):
        return True
    return any(_matches(host, port, pattern.strip().lower()) for pattern in api_hosts)


def _matches(host: str, port: int | None, pattern: str) -> bool:
    name, _, wanted_port = pattern.partition(":")
    if wanted_port and wanted_port != str(port):
        return False
    return host.endswith(name[1:]) if name.startswith("*.") else host == name


def _split(address: str) -> SplitResult:
    return urlsplit(address if "://" in address else f"https://{address}")


def _config_error(message: str) -> ProviderError:
    return ProviderError("infra:config", message, retryable=False, fatal=True)

"""What went wrong with a request: any exception of the client library → a ProviderError with a signature."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_ftgate.errors import ProviderError
from pytest_ftgate.execution.endpoints import base_url_of, environment_base_url, host_and_port, vendor_of
from pytest_ftgate.execution.rate_headers import note_headers
from pytest_ftgate.execution.retry import parse_retry_after
from pytest_ftgate.model.trial import Request

MESSAGE_CHARS = 600
"""Of a vendor's text. Redaction comes later and needs whole keys, so the engine cuts it once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An exception reduced to what decides. `answered`: the vendor's server sent an HTTP error itself.

    `status` without `answered` is a guess of the client library.
    """

    text: str
    status: int | None
    code: str
    answered: bool
    retry_after_s: float | None
    names: frozenset[str]

    def says(self, pattern: str) -> bool:
        """Whether the text or the error code contains the pattern, upper or lower case."""
        return re.search(pattern, f"{self.text} {self.code}", re.IGNORECASE) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When a fault is what, and what the user can do. `{key}` and `{vendor}` are filled in."""

    applies: Callable[[Fault], bool]
    signature: str
    what: str
    remedy: str = ""
    retryable: bool = False
    fatal: bool = False


_KEY_REMEDY = "Set {key} in the environment."

# First match wins. The client library reports a missing key and a refused connection alike, as status
# 500: only the wording and the absence of an HTTP answer tell them apart.
_RULES: tuple[Rule, ...] = (
    Rule(
        applies=lambda f: "ModuleNotFoundError" in f.names and f.says(r"\bmcp\b"),
        signature="infra:config",
        what="this version of litellm needs the package `mcp` for tools",
        remedy='Run: pip install "pytest-ftgate[tools]".',
    ),
    Rule(
        applies=lambda f: "ImportError" in f.names,
        signature="infra:config",
        what="litellm misses a package for this vendor",
        remedy="Install the package that is named.",
        fatal=True,
    ),
    Rule(
        applies=lambda f: not f.answered and f.says(r"LLM Provider NOT provided|Unmapped LLM provider"),
        signature="infra:config",
        what="the vendor of the model id is unknown",
        remedy="Write VENDOR/NAME, for example openai/gpt-4o-mini.",
        fatal=True,
    ),
    Rule(
        applies=lambda f: (
            not f.answered
            and f.says(
                r"Missing credentials|Missing .{0,40}API[ _-]?key|api_key client option must be set|_API_KEY"
            )
        ),
        signature="infra:auth",
        what="no API key",
        remedy=_KEY_REMEDY,
        fatal=True,
    ),
    Rule(
        applies=lambda f: (
            f.status == 429 and f.says(r"insufficient_quota|exceeded your current quota|credit balance")
        ),
        signature="infra:rate_limit",
        what="the account has no quota left (429)",
        remedy="Check the plan and billing of the account.",
        fatal=True,
    ),
    Rule(
        applies=lambda f: f.status in (429, 529) or "RateLimitError" in f.names,
        signature="infra:rate_limit",
        what="too many requests",
        remedy="Lower --ftgate-concurrency.",
        retryable=True,
    ),
    Rule(
        applies=lambda f: (
            "ContentPolicyViolationError" in f.names
            or (
                f.status in (400, 403, 422)
                and f.says(r"content_filter|content_policy|content management policy|safety system")
            )
        ),
        signature="refusal:content_filter",
        what="the vendor's content filter refused the prompt",
    ),
    Rule(
        applies=lambda f: (
            "ContextWindowExceededError" in f.names
            or (
                f.status in (400, 413, 422)
                and f.says(
                    r"context_length_exceeded|maximum context length|context (size|window)|prompt is too long"
                )
            )
        ),
        signature="call:context_overflow",
        what="the request is longer than the model's context",
        remedy="Shorten the prompt, the context or the examples.",
    ),
    Rule(
        applies=lambda f: (
            "AuthenticationError" in f.names
            or "PermissionDeniedError" in f.names
            or f.status in (401, 402, 403)
        ),
        signature="infra:auth",
        what="the vendor refused the key",
        remedy="Check {key} in the environment.",
        fatal=True,
    ),
    Rule(
        applies=lambda f: f.status == 404 or "NotFoundError" in f.names,
        signature="infra:not_found",
        what="the model or the address does not exist",
        remedy="Check the model id and api_base.",
        fatal=True,
    ),
    Rule(
        applies=lambda f: f.status == 408 or "Timeout" in f.names or "TimeoutError" in f.names,
        signature="infra:timeout",
        what="no answer in time",
        remedy="Raise --ftgate-timeout, or lower --ftgate-concurrency.",
        retryable=True,
    ),
    Rule(
        applies=lambda f: (
            not f.answered
            and f.says(
                r"Connection error|Cannot connect|Connection refused|connection reset"
                r"|Server disconnected|Name or service"
            )
        ),
        signature="infra:connection",
        what="no connection",
        remedy="Check that the server runs and the address is right.",
        retryable=True,
    ),
    Rule(
        applies=lambda f: f.status in (409, 425),
        signature="infra:bad_gateway",
        what="the server was not ready",
        retryable=True,
    ),
    Rule(
        applies=lambda f: (f.status is not None and 400 <= f.status < 500) or "BadRequestError" in f.names,
        signature="infra:bad_request",
        what="the vendor refused the request",
        remedy="Check params, response_format and messages.",
    ),
    Rule(
        applies=lambda f: not f.answered and "APIConnectionError" in f.names and f.status is None,
        signature="infra:connection",
        what="no connection",
        remedy="Check that the server runs and the address is right.",
        retryable=True,
    ),
)
_OTHERWISE = Rule(
    applies=lambda _: True,
    signature="infra:bad_gateway",
    what="the server failed or sent something that is no chat completion",
    remedy="If it lasts, check the address and the vendor's status page.",
    retryable=True,
)


def translate_error(error: BaseException, request: Request) -> ProviderError:
    """The ProviderError for any exception of the client library (see the signatures in DESIGN section 6)."""
    if isinstance(error, ProviderError):
        return error
    fault = _read_fault(error)
    rule = next((rule for rule in _RULES if rule.applies(fault)), _OTHERWISE)
    return ProviderError(
        rule.signature,
        _describe(rule, fault, request),
        retryable=rule.retryable,
        retry_after_s=fault.retry_after_s if rule.retryable else None,
        fatal=rule.fatal,
    )


def empty_answer(request: Request) -> ProviderError:
    """A completion without a choice: a proxy's or server's fault, worth another attempt."""
    fault = Fault(text="", status=200, code="", answered=True, retry_after_s=None, names=frozenset())
    rule = Rule(applies=lambda _: True, signature="infra:bad_gateway", what="the answer holds no choice")
    return ProviderError(rule.signature, _describe(rule, fault, request), retryable=True)


def key_name(vendor: str) -> str:
    """The environment variable that holds a vendor's key."""
    return f"{vendor.upper()}_API_KEY" if vendor else "the vendor's key"


def _read_fault(error: BaseException) -> Fault:
    headers = _headers(error)
    if headers:
        note_headers(headers)
    status = getattr(error, "status_code", None)
    return Fault(
        text=str(error)[: 20 * MESSAGE_CHARS],
        status=status if isinstance(status, int) else None,
        code=_error_code(error),
        answered=headers is not None,
        retry_after_s=parse_retry_after(headers.get("retry-after")) if headers else None,
        names=frozenset(kind.__name__ for kind in type(error).__mro__),
    )


def _headers(error: BaseException) -> Mapping[str, str] | None:
    """The headers of the HTTP error that the server itself sent; None where none came."""
    found: Any = getattr(error, "litellm_response_headers", None)
    if found is None:
        found = getattr(getattr(error, "response", None), "headers", None) or None
    return {str(k).lower(): str(v) for k, v in found.items()} if found is not None else None


def _error_code(error: BaseException) -> str:
    seen: BaseException | None = error
    codes = []
    for _ in range(4):
        if seen is None:
            break
        for source in (seen, getattr(seen, "body", None)):
            code = source.get("code") if isinstance(source, Mapping) else getattr(source, "code", None)
            codes += [code] if isinstance(code, str) else []
        seen = seen.__cause__ or seen.__context__
    return " ".join(codes)


def _describe(rule: Rule, fault: Fault, request: Request) -> str:
    vendor = vendor_of(request.model)
    base = base_url_of(request) or environment_base_url(vendor)
    place = f"{request.model} at {host_and_port(base)}" if base else request.model
    status = f" ({fault.status})" if fault.answered and fault.status and "(" not in rule.what else ""
    remedy = f" {rule.remedy.format(key=key_name(vendor), vendor=vendor)}" if rule.remedy else ""
    said = _vendor_text(fault.text)
    return f"{place}: {rule.what}{status}.{remedy}" + (f" It says: {said}" if said else "")


def _vendor_text(text: str) -> str:
    """The vendor's own words: without the client library's class names, tracebacks and line breaks."""
    text = text.partition("Traceback (most recent call last)")[0]
    text = re.sub(r"\blitellm\.\w+: |\b\w+(Error|Exception): (?=\w+(Error|Exception)\b)", "", text)
    text = re.sub(r"^(\w+(Error|Exception)(: | - ))+", "", text.strip())
    return " ".join(text.split())[:MESSAGE_CHARS]

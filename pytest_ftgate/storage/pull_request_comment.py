"""One comment of a pull request, made once and then changed in place, over GitHub's REST API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from pytest_ftgate.errors import StorageError

Written = Literal["created", "updated", "unchanged"]
TIMEOUT_S = 20.0
PER_PAGE = 100
MAX_PAGES = 50
MAX_REPLY_BYTES = 64 * 1024 * 1024
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class _NoRedirects(HTTPRedirectHandler):
    """A redirect would take the token along to another host."""

    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """Which pull request, and how to get at it. `token` is sent to `api_url` alone, and never shown."""

    api_url: str
    repository: str
    number: int
    token: str

    def __repr__(self) -> str:
        return f"PullRequest({self.repository}#{self.number} at {self.api_url})"


def write_comment(pull_request: PullRequest, mark: str, body: str) -> Written:
    """Make the comment that begins with `mark`, or change it where it is there. Raises StorageError.

    Only a comment of the token's own account counts: whoever copies the mark is not overwritten.
    """
    _check(pull_request)
    path = f"/repos/{pull_request.repository}/issues/{pull_request.number}/comments"
    login = _find_login(pull_request)
    for comment in _list_comments(pull_request, path):
        if not str(comment.get("body") or "").startswith(mark) or not _is_ours(comment, login):
            continue
        if str(comment["body"]).replace("\r\n", "\n").strip() == body.strip():
            return "unchanged"
        number = int(comment["id"])
        _call(
            pull_request,
            "PATCH",
            f"/repos/{pull_request.repository}/issues/comments/{number}",
            {"body": body},
        )
        return "updated"
    _call(pull_request, "POST", path, {"body": body})
    return "created"


def _check(pull_request: PullRequest) -> None:
    parts = urlsplit(pull_request.api_url)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise StorageError(f"the token is not sent to {pull_request.api_url!r}: GITHUB_API_URL must be https")
    if not _REPOSITORY.fullmatch(pull_request.repository):
        raise StorageError(f"GITHUB_REPOSITORY is {pull_request.repository!r}; wanted owner/name")


def _find_login(pull_request: PullRequest) -> str | None:
    """The account of the token; None for the token of a workflow, which may not ask who it is."""
    try:
        user = _call(pull_request, "GET", "/user")
    except _RefusedError:
        return None
    return str(user.get("login") or "") if isinstance(user, Mapping) else None


def _is_ours(comment: Mapping[str, Any], login: str | None) -> bool:
    user = comment.get("user")
    if not isinstance(user, Mapping):
        return False
    return user.get("type") == "Bot" if login is None else user.get("login") == login


def _list_comments(pull_request: PullRequest, path: str) -> Iterator[Mapping[str, Any]]:
    for page in range(1, MAX_PAGES + 1):
        found = _call(pull_request, "GET", f"{path}?per_page={PER_PAGE}&page={page}")
        if not isinstance(found, list):
            raise StorageError("GitHub's list of comments is no list")
        yield from (comment for comment in found if isinstance(comment, Mapping))
        if len(found) < PER_PAGE:
            return


class _RefusedError(StorageError):
    """401, 403 or 404: the token may not do this."""


def _call(pull_request: PullRequest, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """The JSON of a reply. Raises StorageError, which never holds the token."""
    request = Request(  # noqa: S310 - https or loopback, checked before
        pull_request.api_url.rstrip("/") + path,
        method=method,
        data=None if body is None else json.dumps(body).encode("ascii"),
        headers={
            "Authorization": f"Bearer {pull_request.token}",
            "Accept": "application/vnd.github+json",
            "Content-Type": "application/json",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": "pytest-ftgate",
        },
    )
    where = f"{method} {path.partition('?')[0]}"
    try:
        with build_opener(_NoRedirects).open(request, timeout=TIMEOUT_S) as reply:
            text = reply.read(MAX_REPLY_BYTES + 1)
    except HTTPError as error:
        with error:
            said = _read_message(error.read(4_096))
        kind = _RefusedError if error.code in (401, 403, 404) else StorageError
        raise kind(f"{where}: GitHub answers {error.code}{said}") from None
    except (URLError, OSError) as error:
        raise StorageError(f"{where}: {getattr(error, 'reason', None) or error}") from None
    if len(text) > MAX_REPLY_BYTES:
        raise StorageError(f"{where}: GitHub's answer is larger than {MAX_REPLY_BYTES // 2**20} MiB")
    try:
        return json.loads(text)
    except ValueError:
        raise StorageError(f"{where}: GitHub's answer is no JSON") from None


def _read_message(text: bytes) -> str:
    try:
        message = json.loads(text).get("message")
    except (ValueError, AttributeError):
        return ""
    return f": {str(message)[:200]}" if message else ""

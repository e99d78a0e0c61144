"""One comment on a pull request: made once, then changed in place, and no other is touched."""

from __future__ import annotations

from typing import Any

import pytest
from github_api import GitHubApi

from pytest_ftgate.errors import StorageError
from pytest_ftgate.storage.pull_request_comment import PullRequest, write_comment

TOKEN = "ghs_planted0123456789abcdefABCDEF"
MARK = "<!-- pytest-ftgate comment: x -->"


def target(api: GitHubApi | str, **more: Any) -> PullRequest:
    url = api if isinstance(api, str) else api.url
    return PullRequest(**{"api_url": url, "repository": "o/r", "number": 7, "token": TOKEN, **more})


def comment(number: int, body: str, login: str = "ann", kind: str = "User") -> dict[str, Any]:
    return {"id": number, "body": body, "user": {"login": login, "type": kind}}


@pytest.mark.parametrize("login", [None, "our-bot"])
def test_it_is_made_once_and_then_changed(login: str | None) -> None:
    others = [comment(n, "looks good") for n in range(250)]
    with GitHubApi(others, login=login) as api:
        told = [
            write_comment(target(api), MARK, f"{MARK}\n{text}") for text in ("one", "two", "two", "three")
        ]
        assert told == ["created", "updated", "unchanged", "updated"]
        assert api.writes() == ["POST", "PATCH", "PATCH"]
        assert len(api.comments) == 251
        assert api.comments[-1]["body"] == f"{MARK}\nthree"
        assert [c["body"] for c in api.comments[:-1]] == ["looks good"] * 250
        assert api.tokens == {f"Bearer {TOKEN}"}


def test_keys_have_comments_of_their_own() -> None:
    with GitHubApi() as api:
        write_comment(target(api), MARK, f"{MARK}\na")
        write_comment(target(api), MARK.replace("x", "y"), "<!-- pytest-ftgate comment: y -->\nb")
        assert len(api.comments) == 2


def test_who_copies_the_mark_is_not_overwritten() -> None:
    with GitHubApi([comment(1, f"{MARK}\nfake"), comment(2, f"a\n{MARK}", kind="Bot")]) as api:
        assert write_comment(target(api), MARK, f"{MARK}\nreal") == "created"
        assert [c["body"] for c in api.comments] == [f"{MARK}\nfake", f"a\n{MARK}", f"{MARK}\nreal"]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"api_url": "http://evil.example"}, "must be https"),
        ({"repository": "o/r/../../user"}, "wanted owner/name"),
        ({"api_url": "http://127.0.0.1:1"}, "GET /user"),
        ({"number": 8}, "GitHub answers 404: Not Found"),
    ],
)
def test_what_is_wrong_is_said_without_the_token(more: dict[str, Any], says: str) -> None:
    with GitHubApi() as api, pytest.raises(StorageError, match=says.replace("/", "/")) as found:
        write_comment(target(api, **more), MARK, MARK)
    assert TOKEN not in f"{found.value!r} {target(api, **more)!r}"


def test_a_read_only_token_is_told() -> None:
    with GitHubApi() as api:
        api.refuses = (403, "Resource not accessible by integration")
        with pytest.raises(StorageError, match=r"POST .* GitHub answers 403: Resource not accessible"):
            write_comment(target(api), MARK, MARK)

"""A stand-in for GitHub's comment API: real HTTP on loopback, in a thread, with comments that stay."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class GitHubApi:
    """`comments`: id, body, user. `requests`: (method, path). `login` None: a token of a workflow."""

    def __init__(self, comments: list[dict[str, Any]] | None = None, *, login: str | None = None) -> None:
        self.comments = list(comments or [])
        self.requests: list[tuple[str, str]] = []
        self.tokens: set[str] = set()
        self.login = login
        self.refuses: tuple[int, str] | None = None
        """Status and message of every answer to a POST or PATCH, where they are refused."""
        api = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                return

            def do_GET(self) -> None:
                api.answer(self, "GET", None)

            def do_POST(self) -> None:
                api.answer(self, "POST", self._read())

            def do_PATCH(self) -> None:
                api.answer(self, "PATCH", self._read())

            def _read(self) -> dict[str, Any]:
                return json.loads(self.rfile.read(int(self.headers["content-length"])))

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    def __enter__(self) -> GitHubApi:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def writes(self) -> list[str]:
        return [method for method, _ in self.requests if method != "GET"]

    def answer(self, handler: BaseHTTPRequestHandler, method: str, body: dict[str, Any] | None) -> None:
        self.requests.append((method, handler.path))
        self.tokens.add(handler.headers["authorization"])
        status, found = self._find(method, handler.path, body)
        text = json.dumps(found).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    def _find(self, method: str, path: str, body: dict[str, Any] | None) -> tuple[int, Any]:
        if path == "/user":
            return (
                (403, {"message": "not accessible"}) if self.login is None else (200, {"login": self.login})
            )
        if method == "GET":
            page = re.fullmatch(r"/repos/o/r/issues/7/comments\?per_page=100&page=(\d+)", path)
            if page is None:
                return 404, {"message": "Not Found"}
            start = 100 * (int(page[1]) - 1)
            return 200, self.comments[start : start + 100]
        if self.refuses is not None:
            return self.refuses[0], {"message": self.refuses[1]}
        assert body is not None
        if len(body["body"]) > 65_536:
            return 422, {"message": "Validation Failed: body is too long (maximum is 65536 characters)"}
        if method == "POST" and path == "/repos/o/r/issues/7/comments":
            user = {"login": self.login or "github-actions[bot]", "type": "User" if self.login else "Bot"}
            self.comments.append({"id": 1000 + len(self.comments), "body": body["body"], "user": user})
            return 201, self.comments[-1]
        number = re.fullmatch(r"/repos/o/r/issues/comments/(\d+)", path)
        for comment in self.comments:
            if number is not None and comment["id"] == int(number[1]):
                comment["body"] = body["body"]
                return 200, comment
        return 404, {"message": "Not Found"}

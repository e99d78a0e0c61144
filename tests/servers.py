"""A scripted OpenAI-compatible chat-completions server for tests: real HTTP on loopback, in a thread.

    def script(call):                       # call is the request's JSON object (a dict) and knows more
        return "yes" if "key=1" in call.prompt else Reply("no", delay_s=0.1)

    with ChatServer(script) as server:
        litellm.completion(model="openai/m", api_base=server.base_url, api_key="sk-x", ...)
        assert server.peak_in_flight <= 2 and server.count == 1 and server.calls[0].prompt == "…"

A script returns a `Reply` (see there for faults) or a str, which is the answer's text. As a process:

    python tests/servers.py --text '{"a": 1}' --latency-ms 100      # prints READY http://127.0.0.1:PORT/v1
    python tests/servers.py --script path/to/file.py:function       # stops at the end of its standard input
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import importlib.util
import json
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What the server answers. Times in seconds.

    `text`, `tool_calls` ((name, arguments text) pairs), `finish_reason` and token counts make a completion;
    `vector` makes an embedding (for requests to /embeddings, whose text is `call.prompt`).
    Faults: `status` with `error` (an OpenAI error object's message, code and type) and `headers`; `body` =
    raw bytes in place of everything (HTML, broken JSON, …); `drop` closes the connection without an answer;
    `cut` promises the whole body and closes after half of it; `hang` never answers.
    """

    text: str | None = None
    tool_calls: tuple[tuple[str, str], ...] = ()
    finish_reason: str | None = None
    prompt_tokens: int = 11
    completion_tokens: int = 7
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    model: str | None = None
    system_fingerprint: str | None = None
    delay_s: float = 0.0
    status: int = 200
    error: str = ""
    error_code: str | None = None
    error_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    vector: tuple[float, ...] = ()
    body: bytes | None = None
    content_type: str = "application/json"
    drop: bool = False
    cut: bool = False
    hang: bool = False


def error(status: int, message: str = "scripted fault", **more: Any) -> Reply:
    """An OpenAI-style error reply."""
    return Reply(status=status, error=message, **more)


def rate_limited(retry_after: str | None = None) -> Reply:
    """429, with a Retry-After header (seconds or an HTTP date) where given."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return error(429, "Rate limit reached", error_code="rate_limit_exceeded", headers=headers)


class Call(dict[str, Any]):
    """A request's JSON body. `number` counts all requests from 1; `attempt` those with this same body."""

    number: int
    attempt: int
    headers: dict[str, str]
    path: str
    at_s: float

    @property
    def prompt(self) -> str:
        """Text of the last message, or the text to be embedded."""
        if self.path.endswith("/embeddings"):
            return str(self["input"][-1] if isinstance(self["input"], list) else self["input"])
        messages = self.get("messages") or [{}]
        content = messages[-1].get("content") or ""
        if isinstance(content, list):
            return "".join(part.get("text", "") for part in content)
        return str(content)


Script = Callable[[Call], "Reply | str"]


class ChatServer:
    """The server. Context manager; `base_url` ends in /v1. Safe to read its counters from any thread.

    `calls`: every request in order of arrival (None kept where `keep_calls=False`); `count`: how many;
    `completed`: answered whole; `peak_in_flight`; `connections`. `script` may be replaced while it runs.
    """

    def __init__(self, script: Script | str = "ok", *, port: int = 0, keep_calls: bool = True) -> None:
        self.script: Script = script if callable(script) else (lambda _call, text=script: text)
        self.calls: list[Call] = []
        self.count = self.completed = self.in_flight = self.peak_in_flight = self.connections = 0
        self._port, self._keep = port, keep_calls
        self._seen: Counter[bytes] = Counter()
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="chat-server", daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def __enter__(self) -> ChatServer:
        self._thread.start()
        assert self._ready.wait(10), "the chat server did not start"
        return self

    def __exit__(self, *_: object) -> None:
        loop = self._loop
        if loop is not None and self._thread.is_alive():
            loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def reset(self) -> None:
        """Forget all calls and counters."""
        self.calls = []
        self._seen.clear()
        self.count = self.completed = self.peak_in_flight = 0

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connection, "127.0.0.1", self._port, backlog=1024)
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        # A connection takes the loop some rounds to become a task, and one to let go of its socket. One that
        # finds its server closed meanwhile is never let go (CPython 3.11), so no more are taken before that.
        for listening in server.sockets:
            self._loop.remove_reader(listening.fileno())
        for _ in range(5):
            await asyncio.sleep(0)
        server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; False ends the connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:]) if k}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        method, path, _ = head[0].split(" ", 2)
        if method == "GET":
            await self._send(writer, Reply(body=b'{"object": "list", "data": []}'), Call())
            return True
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        try:
            call = self._note(body, headers, path)
            reply = self.script(call)
            reply = Reply(reply) if isinstance(reply, str) else reply
            if reply.delay_s:
                await asyncio.sleep(reply.delay_s)
            if reply.hang:
                await reader.read()
                return False
            if reply.drop:
                return False
        finally:
            self.in_flight -= 1
        self.completed += 1
        await self._send(writer, reply, call)
        return not reply.cut

    def _note(self, body: bytes, headers: dict[str, str], path: str) -> Call:
        call = Call(json.loads(body))
        digest = hashlib.sha256(body).digest()
        self._seen[digest] += 1
        self.count += 1
        call.number, call.attempt = self.count, self._seen[digest]
        call.headers, call.path, call.at_s = headers, path, time.monotonic()
        if self._keep:
            self.calls.append(call)
        return call

    async def _send(self, writer: asyncio.StreamWriter, reply: Reply, call: Call) -> None:
        body = reply.body if reply.body is not None else json.dumps(_payload(reply, call)).encode()
        head = [f"HTTP/1.1 {reply.status} scripted", f"Content-Type: {reply.content_type}"]
        head += [f"Content-Length: {len(body)}", *(f"{k}: {v}" for k, v in reply.headers.items())]
        if reply.cut:
            body = body[: len(body) // 2]
        writer.write("\r\n".join([*head, "", ""]).encode("latin-1") + body)
        await writer.drain()


def _payload(reply: Reply, call: Call) -> dict[str, Any]:
    if reply.status != 200:
        return {
            "error": {
                "message": reply.error,
                "type": reply.error_type,
                "param": None,
                "code": reply.error_code,
            }
        }
    if call.path.endswith("/embeddings"):
        return _embedding_payload(reply, call)
    message: dict[str, Any] = {"role": "assistant", "content": reply.text}
    if reply.tool_calls:
        message["tool_calls"] = [
            {"id": f"call_{i}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for i, (name, arguments) in enumerate(reply.tool_calls)
        ]
    finish = reply.finish_reason or ("tool_calls" if reply.tool_calls else "stop")
    return {
        "id": f"chatcmpl-{getattr(call, 'number', 0)}",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": reply.model or call.get("model", "scripted"),
        "system_fingerprint": reply.system_fingerprint,
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {
            "prompt_tokens": reply.prompt_tokens,
            "completion_tokens": reply.completion_tokens,
            "total_tokens": reply.prompt_tokens + reply.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": reply.cached_tokens},
            "completion_tokens_details": {"reasoning_tokens": reply.reasoning_tokens},
        },
    }


def _embedding_payload(reply: Reply, call: Call) -> dict[str, Any]:
    vector: Any = list(reply.vector)
    if call.get("encoding_format") == "base64":
        vector = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    return {
        "object": "list",
        "model": reply.model or call.get("model", "scripted"),
        "data": [{"object": "embedding", "index": 0, "embedding": vector}],
        "usage": {"prompt_tokens": reply.prompt_tokens, "total_tokens": reply.prompt_tokens},
    }


def closed_port() -> int:
    """A loopback port on which nothing listens (it was free a moment ago)."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def load_script(spec: str) -> Script:
    """The function named by `path/to/file.py:function`."""
    path, _, name = spec.rpartition(":")
    module_spec = importlib.util.spec_from_file_location("server_script", path)
    assert module_spec is not None, path
    assert module_spec.loader is not None, path
    module = importlib.util.module_from_spec(module_spec)
    sys.modules.setdefault("servers", sys.modules[__name__])
    module_spec.loader.exec_module(module)
    return getattr(module, name)  # type: ignore[no-any-return]


def main() -> None:
    """Run the server as a process of its own, until its standard input ends."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--text", default="ok")
    parser.add_argument("--script")
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    script: Script = lambda _call: Reply(options.text, delay_s=options.latency_ms / 1000)  # noqa: E731
    with ChatServer(load_script(options.script) if options.script else script, port=options.port) as server:
        print("READY", server.base_url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()

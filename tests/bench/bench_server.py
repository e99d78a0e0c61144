"""The mock server of the benchmarks: a process of its own, quick enough to be no part of what is measured.

Some 40 microseconds of CPU a request, so 500 requests a second take 2 % of a core.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from typing import Any, NamedTuple


def answer_to(key: str) -> dict[str, Any]:
    """The right answer to the case of a key (`c` and five digits)."""
    return {"key": key, "answer": int(key[1:]) * 31 % 1000}


class Numbers(NamedTuple):
    """Since the last question: requests, the most in flight, first request in to last answer out in
    seconds, and the server's own CPU seconds."""

    requests: int
    peak: int
    phase: float
    cpu: float


class Desk:
    """What all connections share."""

    def __init__(self, latency_s: float) -> None:
        self.latency_s = latency_s
        self.reset()

    def reset(self) -> None:
        self.requests = self.in_flight = self.peak = 0
        self.first = self.last = self.cpu = 0.0

    def begin(self) -> None:
        now = time.monotonic()
        if not self.requests:
            self.first, self.cpu = now, time.process_time()
        self.requests += 1
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)

    def end(self) -> None:
        self.in_flight -= 1
        self.last = time.monotonic()

    def numbers(self) -> Numbers:
        cpu = time.process_time() - self.cpu if self.requests else 0.0
        return Numbers(self.requests, self.peak, self.last - self.first, cpu)


class Connection(asyncio.Protocol):
    """Reads requests of an HTTP/1.1 client that waits for each answer."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._data = desk, b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, body = self._data.partition(b"\r\n\r\n")
        if not found:
            return
        size = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        if len(body) >= size:
            self._data = b""
            self._desk.begin()
            asyncio.get_running_loop().call_later(self._desk.latency_s, self._reply, body)

    def _reply(self, body: bytes) -> None:
        self._desk.end()
        payload = make_reply(body)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(
            payload
        )
        self._transport.write(head + payload)


def make_reply(body: bytes) -> bytes:
    """A chat completion; every 17th key has a wrong answer."""
    key = body.partition(b"key=")[2][:6].decode()
    answer = {**answer_to(key), **({"answer": -1} if int(key[1:]) % 17 == 0 else {})}
    message = {"role": "assistant", "content": json.dumps(answer)}
    return json.dumps(
        {
            "id": key,
            "object": "chat.completion",
            "created": 1,
            "model": "mock",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 60, "completion_tokens": 12, "total_tokens": 72},
        }
    ).encode()


async def serve(latency_s: float) -> None:
    """Print the address; then print the numbers for each line of standard input, and end with it."""
    desk, ended, loop = Desk(latency_s), asyncio.Event(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(desk), "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)

    def tell() -> None:
        print(json.dumps(desk.numbers()), flush=True)
        desk.reset()

    def listen() -> None:
        for _ in sys.stdin:
            loop.call_soon_threadsafe(tell)
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=listen, daemon=True).start()
    await ended.wait()


class Server:
    """The server's process. `base_url` ends in /v1."""

    def __init__(self, latency_s: float) -> None:
        command = [sys.executable, __file__, str(latency_s)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.base_url = self._read().strip()

    def numbers(self) -> Numbers:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return Numbers(*json.loads(self._read()))

    def close(self) -> None:
        self._process.communicate(timeout=10)

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))

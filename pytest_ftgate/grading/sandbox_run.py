"""Runs one answer in a sandbox, and brings back the one result."""

from __future__ import annotations

import contextlib
import marshal
import os
import secrets
import selectors
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any, Literal

from pytest_ftgate.grading.grades import GraderError
from pytest_ftgate.grading.sandbox import Sandbox, environment
from pytest_ftgate.grading.sandbox_processes import end_processes, is_over

MAX_OUTPUT_BYTES = 64 << 10
"""How much of what the code prints is kept; the rest is read and dropped."""
MAX_PROCESSES = 16
_MAX_FILE_BYTES = 8 << 20
_MAX_FILES = 64
_END = b"\x1e"
_FIELD = "\x1f"
_SETUP_SECONDS = 5.0
"""How long the sandbox itself may take to start, on a busy machine."""
_LOOK_SECONDS = 0.05
"""How often the memory of all processes is looked at: the kernel's limit holds for each alone."""
_LINGER_SECONDS = 5.0
"""How long a supervisor waits to be ended; it is no first process of its own where nothing confines it."""
_SUPERVISOR_BYTES = 64 << 20

KINDS = frozenset(
    (
        "passed",
        "assertion",
        "exception",
        "syntax",
        "no_entry_point",
        "timeout",
        "memory",
        "processes",
        "forbidden_write",
        "network",
        "crash",
        "exit",
        "killed",
        "broken",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeJob:
    """What is run: `texts` are ways to read the answer's code, tried in order.

    `prefix` is code that the answer may complete or build on. `entry_point` may be empty.
    """

    texts: Sequence[str]
    tests: str
    entry_point: str = ""
    prefix: str = ""
    timeout_s: float = 10.0
    memory_mb: int = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeResult:
    """`kind` is one of KINDS. `name`: of an exception. `output`: the first 64 KiB that were printed."""

    kind: str
    name: str = ""
    text: str = ""
    output: str = ""


def run_code(sandbox: Sandbox, job: CodeJob) -> CodeResult:
    """Run the job; nothing of it is left behind. Raises GraderError where the sandbox does not start."""
    nonce = secrets.token_hex(16).encode()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, tempfile.TemporaryFile() as file:
        file.write(_pack(job, nonce, is_confined=sandbox.is_confined))
        file.seek(0)
        process = _start(sandbox, file, "/" if sandbox.is_confined else folder)
        try:
            heard = _read(process, nonce, job)
        finally:
            _end(process)
    return _decode(heard, nonce)


def _pack(job: CodeJob, nonce: bytes, *, is_confined: bool) -> bytes:
    memory = job.memory_mb << 20
    limits = {
        "RLIMIT_CPU": int(job.timeout_s) + 1,
        "RLIMIT_AS": memory,
        "RLIMIT_FSIZE": _MAX_FILE_BYTES,
        "RLIMIT_NOFILE": _MAX_FILES,
        "RLIMIT_CORE": 0,
    }
    if is_confined:
        # Outside a namespace the kernel counts all processes of the user.
        limits["RLIMIT_NPROC"] = MAX_PROCESSES
    told = {
        "texts": list(job.texts),
        "prefix": job.prefix,
        "entry_point": job.entry_point,
        "limits": limits,
        "linger_s": _LINGER_SECONDS if is_confined else 0.0,
    }
    # Version 2 is the same for every Python 3.
    return marshal.dumps((nonce, told, job.tests), 2)


def _start(sandbox: Sandbox, file: IO[bytes], folder: str) -> subprocess.Popen[bytes]:
    more: dict[str, Any] = {}
    if sandbox.user is not None:
        more = {"user": sandbox.user, "group": sandbox.user, "extra_groups": []}
    try:
        process = subprocess.Popen(  # noqa: S603 - the command is ours
            sandbox.command(),
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=environment(),
            start_new_session=True,
            **more,
        )
    except OSError as error:
        raise GraderError(f"the sandbox ({sandbox.kind}) does not start: {error}") from None
    with contextlib.suppress(OSError), open(f"/proc/{process.pid}/oom_score_adj", "w") as score:  # noqa: PTH123
        score.write("1000")  # where memory ends all the same, this ends first
    return process


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """What came on the channel of results, what was printed, and why it was not waited for the end."""

    results: bytes
    printed: bytes
    stop: Literal["", "timeout", "memory"] = ""


def _read(process: subprocess.Popen[bytes], nonce: bytes, job: CodeJob) -> _Heard:
    streams = {process.stdout: bytearray(), process.stderr: bytearray()}
    started = time.monotonic()
    deadline, looked = started + job.timeout_s + _SETUP_SECONDS, started
    is_started = False
    stop: Literal["", "timeout", "memory"] = ""
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            assert stream is not None  # noqa: S101 - both are pipes
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            now = time.monotonic()
            if now >= deadline:
                stop = "timeout"
                break
            if now - looked >= _LOOK_SECONDS:
                if is_over(process.pid, (job.memory_mb << 20) + _SUPERVISOR_BYTES):
                    stop = "memory"
                    break
                # However long a look takes, most of the time goes to reading.
                looked = time.monotonic()
            for key, _ in selector.select(min(deadline - now, _LOOK_SECONDS)):
                data = os.read(key.fd, 1 << 16)
                if not data:
                    selector.unregister(key.fileobj)
                kept = streams[key.fileobj]  # type: ignore[index]
                kept += data[: max(0, MAX_OUTPUT_BYTES - len(kept))]
            results = streams[process.stdout]
            if not is_started and nonce in results:
                is_started, deadline = True, time.monotonic() + job.timeout_s
            if results.count(nonce) > 1 and results.endswith(_END):
                break
    return _Heard(results=bytes(streams[process.stdout]), printed=bytes(streams[process.stderr]), stop=stop)


def _end(process: subprocess.Popen[bytes]) -> None:
    end_processes(process)
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _decode(heard: _Heard, nonce: bytes) -> CodeResult:
    printed = heard.printed.decode("utf-8", "replace")
    _, *parts = heard.results.split(nonce)
    if heard.stop == "memory":
        return CodeResult(kind="memory", text="all its processes together", output=printed)
    if not parts:
        raise GraderError(f"the sandbox did not start: {printed.strip()[:300] or 'it said nothing'}")
    if len(parts) < 2:
        return CodeResult(kind=heard.stop or "killed", output=printed)
    fields = parts[1].rstrip(_END).decode("utf-8", "replace").split(_FIELD)
    if len(fields) != 3 or fields[0] not in KINDS:
        return CodeResult(kind="killed", output=printed)
    return CodeResult(kind=fields[0], name=fields[1], text=fields[2], output=printed)

"""Runs the candidate's code against tests, inside the sandbox. Never imported: its text is the program.

Two processes. The supervisor reads the job (marshal, version 2) from standard input, empties it, and is the
only one that can write to the channel of results and that knows the job's nonce. Its child runs the
candidate's code, gets the tests only once that code has been loaded, and a token once they have run; a pass
needs the token back, and an exit that the child's own last line made. So os._exit(0), SystemExit, printing,
replaced builtins and trace functions earn nothing, nor does what a forked child or the parent's death can do.

What cannot be prevented: tests and candidate share an interpreter, so code made to cheat can speak for the
tests on the channel, change modules that the tests import, or return objects that equal everything. A pass
says that the tests passed in good faith, as with every harness that runs asserts in the candidate's process.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import select
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing would cost a third of the start
    from typing import Any, NoReturn, TypeAlias

    Result: TypeAlias = tuple[str, str, str]  # kind, name of an exception, sentence

PR_SET_DUMPABLE = 4
CANDIDATE: Any
ENDED: list[int] = []
"""The status of the child, once it has ended."""
LINGER: list[float] = []
"""Seconds to stay after the result: whoever started the sandbox ends it from its first process on. A wrapper
that is told of an ordinary end may be gone before it has waited for that process (bubblewrap), a zombie then.
"""


def load_candidate() -> Any:
    """The child's functions, from the text that was given as the last argument."""
    module = type(sys)("candidate")
    exec(compile(sys.argv[-1], "<candidate>", "exec"), vars(module))  # noqa: S102 - our own text
    return module


def read_all(descriptor: int) -> bytes:
    """All bytes until the other end closes."""
    pieces = []
    while piece := os.read(descriptor, 1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


def write_all(descriptor: int, data: bytes) -> None:
    """All of `data`."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def supervise() -> NoReturn:
    """Read the job, have the child run it, and write the one result."""
    down, up = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        CANDIDATE.be_candidate(down, up)
    os.close(down[0])
    os.close(up[1])
    forbid_tracing()
    nonce, job, tests = read_job()
    write_all(1, nonce + b"started" + CANDIDATE.END.encode())
    check = prepare(job, tests)
    if isinstance(check, tuple):
        report(nonce, *check)
    token = os.urandom(CANDIDATE.TOKEN_BYTES)
    result, said = None, b""
    with contextlib.suppress(BrokenPipeError):
        write_all(down[1], pack(job))
        said = listen(up[0], child, 1)
        if said == b"L":
            write_all(down[1], pack((tests, check)))
            said = listen(up[0], child, 1)
        if said == b"T":
            write_all(down[1], pack(token))
            said = listen(up[0], child, 1)
        if said == b"R":
            result = read_result(listen(up[0], child, 1 << 13), token)
        elif said:
            report(nonce, "exit", "", "it wrote to the channel of results")
    status = ENDED[0] if ENDED else os.waitpid(child, 0)[1]
    report(nonce, *judge(result, os.waitstatus_to_exitcode(status)))


def listen(descriptor: int, child: int, size: int) -> bytes:
    """What the child says next, nothing where it has ended: what it left behind must not be waited for."""
    while not select.select([descriptor], [], [], 0 if ENDED else 0.05)[0]:
        if ENDED:
            return b""
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            ENDED.append(status)
    return os.read(descriptor, size)


def pack(value: Any) -> bytes:
    """Length and marshalled value."""
    data = marshal.dumps(value, 2)
    return len(data).to_bytes(8, "big") + data


def read_job() -> tuple[bytes, dict[str, Any], str]:
    """The nonce, what the candidate may see, and the tests; nothing of it is left in the file."""
    nonce, job, tests = marshal.loads(read_all(0))  # noqa: S302 - our own parent wrote it
    os.ftruncate(0, 0)
    LINGER.append(job["linger_s"])
    return nonce, job, tests


def forbid_tracing() -> None:
    """Keep the candidate from reading this process with ptrace."""
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def prepare(job: dict[str, Any], tests: str) -> str | Result | None:
    """The name that `check` is called with, None for plain tests; a result where they cannot run."""
    tree, problem = CANDIDATE.parse(tests, CANDIDATE.TESTS)
    if tree is None:
        return "broken", "", f"the tests are no Python: {problem}"
    prefix, _ = CANDIDATE.parse(job["prefix"] + "\n", CANDIDATE.PREFIX)
    functions = [node for node in prefix.body if type(node).__name__ == "FunctionDef"] if prefix else []
    if not job["entry_point"] and functions and "check" in CANDIDATE.defined_names(tree):
        job["entry_point"] = functions[-1].name
    if "check" not in CANDIDATE.defined_names(tree):
        return None
    if not job["entry_point"]:
        return "broken", "", "the tests define check(candidate): name the function in `entry_point`"
    return str(job["entry_point"])


def read_result(data: bytes, token: bytes) -> Result | None:
    """(kind, name, text) of the child's last line; None where it is none, or a pass without the token."""
    parts = data[CANDIDATE.TOKEN_BYTES :].decode("utf-8", "replace").split(CANDIDATE.FIELD)
    if len(parts) != 3:
        return None
    if parts[0] == "passed" and data[: CANDIDATE.TOKEN_BYTES] != token:
        return None
    return parts[0], parts[1], parts[2]


def judge(result: Result | None, status: int) -> Result:
    """The result, in the light of how the child ended."""
    if status in (-24, -14):
        return "timeout", "", "the time of its processor was used up"
    if status < 0:
        return ("memory", "", "killed") if status == -9 else ("crash", "", f"ended by signal {-status}")
    if result is None or (result[0] == "passed" and status != 0):
        return "exit", "", f"ended itself with status {status} before the tests were done"
    return result


def report(nonce: bytes, kind: str, name: str, text: str) -> NoReturn:
    """Write the result and end; with the supervisor, everything in the pid namespace ends."""
    write_all(1, nonce + CANDIDATE.join(kind, name, text) + CANDIDATE.END.encode())
    for seconds in LINGER:
        select.select([], [], [], seconds)
    os._exit(0)


if __name__ == "__main__":
    CANDIDATE = load_candidate()
    supervise()

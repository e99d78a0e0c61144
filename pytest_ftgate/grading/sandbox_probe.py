"""Does a sandbox hold? It is tried with code that attempts what must not succeed."""

from __future__ import annotations

from pytest_ftgate.grading.grades import GraderError
from pytest_ftgate.grading.sandbox import Sandbox
from pytest_ftgate.grading.sandbox_run import MAX_PROCESSES, CodeJob, run_code

_ATTEMPTS = f"""
import os, socket, time

def count_processes():
    for count in range({MAX_PROCESSES} + 4):
        try:
            if os.fork() == 0:
                time.sleep(60)
        except OSError:
            return count
    return count + 1

def can_write(path):
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        return True
    except OSError:
        return False

def has_network():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return True
        except OSError:
            return False
"""
_TESTS = f"""
import os
assert can_write("/tmp/x"), "its own folder cannot be written to"
assert not any(map(can_write, ("/x", "/usr/x", "/etc/x"))), "the file system can be written to"
assert not os.path.exists("/proc/1"), "processes can be seen"
assert not has_network(), "there is a network"
assert os.getuid() != 0, "it runs as root"
assert count_processes() < {MAX_PROCESSES}, "the limit on processes does not hold"
"""


def find_weakness(sandbox: Sandbox) -> str | None:
    """Why the sandbox cannot be used; None where it holds."""
    job = CodeJob(texts=(_ATTEMPTS,), tests=_TESTS, timeout_s=5.0, memory_mb=256)
    try:
        result = run_code(sandbox, job)
    except GraderError as error:
        return str(error)
    return None if result.kind == "passed" else result.text or result.kind

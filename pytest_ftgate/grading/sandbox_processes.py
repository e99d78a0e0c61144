"""The processes of a sandbox, as the system sees them from outside: what they use, and how they end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

_END_SECONDS = 2.0
_MAX_SEEN = 256
"""Of a fork bomb so many are looked at; the limit on processes is far lower."""


def list_descendants(pid: int) -> list[int]:
    """Children of a process, their children and so on, nearest first; [] where the system does not tell."""
    found = _list_children(pid)
    for child in found:  # grows while it is read
        found += _list_children(child)
        if len(found) > _MAX_SEEN:
            break
    return found


def _list_children(pid: int) -> list[int]:
    children: list[int] = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - half the time of pathlib
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{pid}/task/{task}/children").read_text()
                children += [int(child) for child in text.split()]
    return children


def is_over(pid: int, limit_bytes: int) -> bool:
    """Whether a process and its descendants together hold more memory than that.

    Pages that forked processes share count once, where the system tells (smaps_rollup, Linux 4.14).
    """
    group = [pid, *list_descendants(pid)]
    if sum(map(_read_resident, group)) <= limit_bytes:
        return False
    return sum(map(_read_share, group)) > limit_bytes


def _read_resident(pid: int) -> int:
    """Bytes that a process has in memory, shared ones included."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _read_share(pid: int) -> int:
    """The same, each page divided among the processes that share it."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) << 10
    return _read_resident(pid)


def end_processes(process: subprocess.Popen[bytes]) -> None:
    """End a sandbox, and leave no zombie where the system's first process reaps none.

    The processes inside are killed first, so that the outer one can still wait for them; with the first of
    a pid namespace the kernel ends all the others.
    """
    for child in _list_children(process.pid):
        with contextlib.suppress(OSError):
            os.kill(child, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_END_SECONDS)
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()

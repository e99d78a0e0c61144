"""Sandboxes of this machine, and what hostile answers come to in them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from pytest_ftgate.grading.sandbox import Sandbox, list_sandboxes
from pytest_ftgate.grading.sandbox_probe import find_weakness
from pytest_ftgate.grading.sandbox_processes import list_descendants

GOOD = "def f(x):\n    return x + 1\n"
TESTS = "assert f(1) == 2"

HOSTILE = {
    "endless loop": ("while True: pass", "value:code:timeout"),
    "endless loop that prints": ("while True: print('x' * 10000)", "value:code:timeout"),
    "endless loop in the function": ("def f(x):\n    while True: pass", "value:code:timeout"),
    "fork bomb": ("import os\nwhile True: os.fork()", "value:code:processes"),
    "stubborn fork bomb": (
        "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass",
        "value:code:timeout",
    ),
    "thread bomb": (
        "import threading, time\nfor _ in range(99): threading.Thread(target=time.sleep, args=(60,)).start()",
        "value:code:processes",
    ),
    "4 GB at once": ("x = bytearray(4 << 30)", "value:code:memory"),
    "4 GB by and by": (
        "x = []\nfor _ in range(4000): x.append(b'x' * (1 << 20))",
        "value:code:memory",
    ),
    "4 GB by forks": (
        "import os, time\nfor _ in range(10):\n    if os.fork() == 0:\n"
        "        x = b'x' * (400 << 20)\n        time.sleep(60)\ntime.sleep(60)",
        "value:code:memory",
    ),
    "write to the root": ("open('/x', 'w')", "value:code:forbidden_write"),
    "write to the system": ("open('/usr/lib/x', 'w')", "value:code:forbidden_write"),
    "write to a home": ("open('/home/someone/.profile', 'a')", "value:code:forbidden_write"),
    "make a folder": ("import os\nos.mkdir('/etc/x')", "value:code:forbidden_write"),
    "remove a file": ("import os\nos.remove(os.__file__)", "value:code:forbidden_write"),
    "fill its folder": (
        "for i in range(9): open(f'x{i}', 'wb').write(bytes(4 << 20))",
        "value:code:OSError",
    ),
    "a file too large": ("open('x', 'wb').write(bytes(9 << 20))", "value:code:OSError"),
    "socket": ("import socket\nsocket.create_connection(('192.0.2.1', 80))", "value:code:network"),
    "socket to this machine": (
        "import socket\nsocket.create_connection(('127.0.0.1', 22))",
        "value:code:network",
    ),
    "name lookup": ("import socket\nsocket.gethostbyname('example.com')", "value:code:network"),
    "environment key": ("import os\nos.environ['OPENAI_API_KEY']", "value:code:KeyError"),
    "os._exit(0)": ("import os\nos._exit(0)", "value:code:exit"),
    "os._exit(0) in the function": ("import os\ndef f(x): os._exit(0)", "value:code:exit"),
    "SystemExit": ("raise SystemExit(0)", "value:code:SystemExit"),
    "an exit with a daemon left": (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)\nos._exit(0)",
        "value:code:exit",
    ),
    "a crash": ("import ctypes\nctypes.string_at(0)", "value:code:crash"),
    "endless recursion": ("def f(x): return f(x)", "value:code:RecursionError"),
    "closed channels": ("import os\nos.closerange(0, 100)", "value:code:exit"),
    "words on all channels": (
        "import os\nfor i in range(64):\n    try:\n        os.write(i, b'passed\\x1f\\x1f')\n"
        "    except OSError:\n        pass",
        "value:code:exit",
    ),
    "input": ("input()", "value:code:EOFError"),
    "an exception that cannot be shown": (
        "class E(Exception):\n    def __str__(self): raise self\nraise E",
        "value:code:E",
    ),
    "a name that is no name": ("raise type('a:b\\n' * 999, (Exception,), {})", "value:code:Exception"),
    "a trace function that jumps over the asserts": (
        "import sys\n"
        "def skip(frame, event, arg):\n"
        "    if event == 'line' and frame.f_code.co_filename == '<tests>': frame.f_lineno = 2\n"
        "    return skip\n"
        "sys.settrace(skip)\n"
        "def f(x): return 0",
        "value:code:assertion",
    ),
    "a thread that looks for the token": (
        "import os, sys, threading, time\n"
        "def watch():\n"
        "    while True:\n"
        "        for frame in sys._current_frames().values():\n"
        "            while frame:\n"
        "                found = frame.f_locals if frame.f_code.co_name == 'be_candidate' else {}\n"
        "                if any(found.get('token', b'').strip(b'\\0')):\n"
        "                    os.write(found['up'][1], b'R' + found['token'] + b'passed\\x1f\\x1f')\n"
        "                    os._exit(0)\n"
        "                frame = frame.f_back\n"
        "threading.Thread(target=watch, daemon=True).start()\n"
        "def f(x):\n    time.sleep(0.5)\n    return 0",
        "value:code:assertion",
    ),
    "no such function": ("def g(x): return x + 1", "value:code:NameError"),
}
"""What is tried → (what stands before the right function, the signature)."""

HARMLESS = {
    "100 MB of prints": "print('x' * (100 << 20))",
    "death of the parent": "import os\ntry:\n    os.kill(os.getppid(), 0)\nexcept OSError:\n    pass",
    "daemon left behind": "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)",
    "thread left behind": "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()",
    "broken builtins": "import builtins\nbuiltins.AssertionError = builtins.len = builtins.exec = None",
    "closed output": "import sys\nsys.stdout.close()\nsys.stdout = sys.stderr = None",
    "memory that forked processes share": (
        "import os, time\nx = b'x' * (200 << 20)\nfor _ in range(5):\n    if os.fork() == 0:\n"
        "        time.sleep(60)\ntime.sleep(0.3)"
    ),
    "a file of its own": "open('notes.txt', 'w').write('x')",
    "a data class": "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: 'int'",
}
"""What is tried, and keeps a right function right."""


def find_hostile_text(name: str) -> str:
    """The hostile part, and a right function where it has none of its own."""
    text = HOSTILE[name][0]
    return f"{text}\n" if "def f(" in text or "def g(" in text else f"{text}\n{GOOD}"


def install_bubblewrap() -> None:
    """In CI, as root, where it is missing; quietly, and not for long."""
    can_install = os.environ.get("CI") and os.geteuid() == 0 and shutil.which("apt-get")
    if shutil.which("bwrap") is None and can_install:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "bubblewrap"]
            subprocess.run(command, capture_output=True, timeout=60, check=False)


@cache
def weaknesses() -> dict[str, str | None]:
    """Kind of sandbox → why it cannot be used here; None where it holds."""
    install_bubblewrap()
    found: dict[str, str | None] = {"bubblewrap": "not installed", "namespaces": "not on this system"}
    return {**found, **{sandbox.kind: find_weakness(sandbox) for sandbox in list_sandboxes()}}


def sandbox_of(kind: str) -> Sandbox:
    return next(sandbox for sandbox in list_sandboxes() if sandbox.kind == kind)


def adopt_orphans(*, is_on: bool) -> None:
    """Whether processes whose parent has ended become ours: zombies that nobody waits for are then seen."""
    pr_set_child_subreaper = 36
    ctypes.CDLL(None).prctl(pr_set_child_subreaper, int(is_on), 0, 0, 0)


def running() -> set[int]:
    """Processes of any candidate's code on this machine, by their command line, and zombies of ours."""
    found = {child for child in list_descendants(os.getpid()) if is_zombie(child)}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if b"Runs the candidate's code against tests" in path.read_bytes():
                found.add(int(path.parent.name))
    return found


def is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False

"""The line that says how far a run is: on a terminal, in CI, and where nobody wants it."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from screen import Screen

CASES = 16
COMMAND = (
    sys.executable, "-m", "pytest", "--ftgate", "-p", "no:cacheprovider", "-p", "no:hypothesispytest",
)  # fmt: skip

fcntl = pytest.importorskip("fcntl", reason="no pseudo-terminals")
pty = pytest.importorskip("pty")
termios = pytest.importorskip("termios")


CONFTEST = """
import asyncio
from pytest_ftgate.glue import progress
from pytest_ftgate.model.response import Response

class Slow:
    async def complete(self, trial, request, timeout_s):
        await asyncio.sleep(0.25)
        return Response(text="yes-" + request.messages[-1]["content"][-4:], finish_reason="stop")

    async def close(self):
        pass

def pytest_ftgate_register_providers(config, registry):
    registry.register("slow", Slow())
"""


def write_evalset(folder: Path, conftest: str = CONFTEST) -> None:
    evalset = {
        "ftgate": 1,
        "name": "t",
        "models": {"candidate": {"model": "slow/m"}},
        "prompt": "{{ input }}",
        "graders": ["equals"],
        "repeats": 2,
        "decision": "off",
        "cases": [
            {"id": f"c{i:03d}", "input": f"key=c{i:03d}", "expected": f"yes-c{i:03d}"} for i in range(CASES)
        ],
    }
    (folder / "t.evalset.yaml").write_text(json.dumps(evalset))
    (folder / "conftest.py").write_text(conftest)


def run_on_terminal(folder: Path, *arguments: str, rows: int = 24, **environ: str) -> Screen:
    """What a user sees of `pytest --ftgate` on a terminal of `rows` x 80."""
    write_evalset(folder)
    main, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 80, 0, 0))
    hidden = ("CI", "COLUMNS", "LINES", "NO_COLOR")
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    process = subprocess.Popen(
        [*COMMAND, "--ftgate-concurrency", "5", *arguments],
        cwd=folder, stdin=inner, stdout=inner, stderr=inner, env={**env, "TERM": "xterm", **environ},
    )  # fmt: skip
    os.close(inner)
    raw = bytearray()
    while True:
        try:
            piece = os.read(main, 65536)
        except OSError:
            break
        if not piece:
            break
        raw += piece
    os.close(main)
    assert process.wait() == 0, raw.decode()
    screen = Screen(rows)
    screen.feed(raw.decode())
    return screen


def assert_clean(screen: Screen) -> None:
    """All of pytest's own lines are there, and nothing of the live line stayed."""
    lines = screen.lines()
    assert not [line for line in lines if "trials," in line]
    letters = [line for line in lines if line.startswith("t.evalset.yaml .")]
    assert len(letters) == 1
    assert f"{CASES + 2} passed" in "".join(lines)
    assert sum("test session starts" in line for line in lines) == 1


@pytest.mark.slow
@pytest.mark.parametrize("rows", [24, 9])
def test_a_live_line_comes_and_goes(tmp_path: Path, rows: int) -> None:
    # 9 rows: the terminal scrolls while the line is shown.
    screen = run_on_terminal(tmp_path, rows=rows)
    assert screen.seen, "no live line was drawn"
    assert all(line.startswith("ftgate: ") and len(line) < 80 for line in screen.seen)
    assert any(f"/{2 * CASES}" in line and "as_is 100.0 % (" in line for line in screen.seen)
    assert_clean(screen)


@pytest.mark.slow
def test_a_live_line_beneath_verbose_output_of_workers(tmp_path: Path) -> None:
    screen = run_on_terminal(tmp_path, "-v", "-n", "2")
    assert screen.seen
    lines = screen.lines()
    assert not [line for line in lines if "trials," in line]
    assert sum("PASSED" in line for line in lines) == CASES + 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "environ"), [(("-q",), {}), ((), {"CI": "true"}), (("-s",), {}), ((), {"TERM": "dumb"})]
)
def test_no_live_line_where_it_is_not_wanted(
    tmp_path: Path, arguments: tuple[str, ...], environ: dict[str, str]
) -> None:
    screen = run_on_terminal(tmp_path, *arguments, **environ)
    assert screen.seen == []


def run_plain(folder: Path, *arguments: str) -> str:
    """Output to a pipe; plain lines are due at once, so that no test has to wait for them."""
    write_evalset(folder, CONFTEST + "progress.LEAST_PAUSE_S = 0.0")
    done = subprocess.run([*COMMAND, *arguments], cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode()
    return done.stdout.decode()


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [(), ("-v",), ("-n", "2")])
def test_plain_lines_where_nobody_looks(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    said = run_plain(tmp_path, *arguments)
    lines = [line for line in said.splitlines() if "trials," in line]
    assert 2 <= len(lines) <= 11
    assert all(line.startswith("ftgate: ") for line in lines)
    assert f"{2 * CASES}/{2 * CASES} trials" in lines[-1]
    assert "\r" not in said
    assert "\x1b" not in said


@pytest.mark.slow
def test_nothing_with_q(tmp_path: Path) -> None:
    assert "trials," not in run_plain(tmp_path, "-q")

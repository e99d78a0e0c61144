"""Grader `code`: hostile answers are contained, right ones pass, and a machine without a sandbox says so."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import yaml  # noqa: F401 - its C part cannot be imported anew by each inner session
from code_world import (
    GOOD,
    HARMLESS,
    HOSTILE,
    TESTS,
    adopt_orphans,
    find_hostile_text,
    running,
    sandbox_of,
    weaknesses,
)
from grading_world import case, judge, read_rows, spec, trial, verdict

from pytest_ftgate.grading import sandbox as sandbox_module
from pytest_ftgate.grading.apply import judge_trial
from pytest_ftgate.grading.code_grader import Code
from pytest_ftgate.grading.code_text import find_code
from pytest_ftgate.grading.sandbox import NoSandboxError, Sandbox, find_sandbox, run_unconfined
from pytest_ftgate.grading.sandbox_run import KINDS, MAX_OUTPUT_BYTES, CodeJob, run_code
from pytest_ftgate.model.response import Response
from pytest_ftgate.registry import Registries

ROWS = read_rows("humaneval_cases.jsonl")


def registries(grader: Code) -> Registries:
    parts = Registries()
    parts.graders.register("code", grader)
    return parts


@pytest.fixture(autouse=True)
def _nothing_left(monkeypatch, tmp_path):
    """No process and no file of candidate code outlives its grade."""
    adopt_orphans(is_on=True)
    before = running()
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")
    yield
    left, deadline = running() - before, time.monotonic() + 5
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left &= running()
    adopt_orphans(is_on=False)
    assert not left
    assert not list(folder.iterdir())


@pytest.fixture(params=["bubblewrap", "namespaces"])
def sandbox(request) -> Sandbox:
    weakness = weaknesses()[request.param]
    if weakness is not None:
        pytest.skip(f"{request.param} cannot be used here: {weakness}")
    return sandbox_of(request.param)


@pytest.fixture
def any_sandbox() -> Sandbox:
    kind = next((kind for kind, weakness in weaknesses().items() if weakness is None), None)
    if kind is None:
        pytest.skip(f"no sandbox here: {weaknesses()}")
    return sandbox_of(kind)


def grade(text, sandbox, tests=TESTS, **options):
    return judge(text, spec("code", tests, **options), registries=registries(Code(find=lambda: sandbox)))


# -- containment ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_code_is_an_ordinary_failure(name, sandbox):
    record = grade(find_hostile_text(name), sandbox, timeout_s=1.5 if "endless" in name else 3)
    assert (verdict(record), record.error) == (HOSTILE[name][1], None)
    assert record.grades[0].reason


@pytest.mark.parametrize("name", HARMLESS)
def test_a_right_function_stays_right(name, sandbox):
    assert verdict(grade(f"{HARMLESS[name]}\n{GOOD}", sandbox)) == "passed"
    assert verdict(grade(f"{HARMLESS[name]}\ndef f(x): return 5\n", sandbox)) == "value:code:assertion"


def test_output_is_kept_up_to_its_limit(any_sandbox):
    job = CodeJob(texts=(f"import sys\nprint('y' * 200_000)\nsys.stdout.flush()\n{GOOD}",), tests=TESTS)
    result = run_code(any_sandbox, job)
    assert (result.kind, set(result.output)) == ("passed", {"y"})
    assert 1000 < len(result.output) <= MAX_OUTPUT_BYTES


def test_the_supervisor_cannot_be_killed_from_inside(sandbox):
    text = f"import os, time\nassert os.getppid() == 1\nos.kill(1, 9)\ntime.sleep(0.5)\n{GOOD}"
    assert verdict(grade(text, sandbox)) == "passed"


def test_death_of_the_supervisor_is_no_pass():
    text = f"import os, time\nos.kill(os.getppid(), 9)\ntime.sleep(0.5)\n{GOOD}"
    assert verdict(grade(text, run_unconfined())) == "value:code:killed"
    # Its child is nobody's but the system's first process's to wait for, which is this one here.
    os.waitpid(-1, 0)


def test_neither_home_nor_project_nor_processes_can_be_seen(sandbox):
    home, here = str(Path.home()), str(Path(__file__).parent)
    text = (
        "import os\n"
        "def f(path):\n    return sorted(os.listdir(path)) if os.path.isdir(path) else []\n"
        "def seen():\n"
        "    key, home = os.environ.get('OPENAI_API_KEY'), os.environ.get('HOME')\n"
        "    return [key, home, os.getuid(), os.getcwd()]"
    )
    tests = (
        f"assert not [n for n in f({home!r}) if n != '.pyenv' and n != '.local'], f({home!r})\n"
        f"assert f({here!r}) == [] and f('/tmp') == [] and f('/proc') == [] and f('/sys') == []\n"
        "assert seen() == [None, None, 65534, '/tmp'], seen()\n"
        "assert set(os.listdir('/dev')) <= {'null', 'zero', 'random', 'urandom'}"
    )
    record = grade(text, sandbox, tests.replace("os.listdir", "f"))
    assert (verdict(record), record.grades[0].reason) == ("passed", "")


def test_no_capability_and_no_new_namespace(sandbox):
    text = (
        "import ctypes, os\n"
        "libc = ctypes.CDLL(None)\n"
        "def f(): return libc.unshare(0x10000000), libc.mount(b'x', b'/tmp', b'tmpfs', 0, None),"
        " libc.chroot(b'/tmp'), libc.ptrace(16, os.getppid(), 0, 0)"
    )
    record = grade(text, sandbox, "assert f() == (-1, -1, -1, -1), f()")
    assert (verdict(record), record.grades[0].reason) == ("passed", "")


ORDINARY = """
import json, sys
sys.path[:0] = [{root!r}, {tests!r}]
try:
    import code_world
    from pytest_ftgate.grading.sandbox_run import CodeJob, run_code
except (ImportError, OSError) as error:
    sys.exit(f"unreadable: {{error}}")
found = dict(code_world.weaknesses())
for kind, weakness in list(found.items()):
    if weakness is None:
        texts = [(name, code_world.find_hostile_text(name)) for name in {names!r}]
        jobs = [(name, CodeJob(texts=(text,), tests=code_world.TESTS, timeout_s=2)) for name, text in texts]
        sandbox = code_world.sandbox_of(kind)
        found[kind] = {{name: run_code(sandbox, job).kind for name, job in jobs}}
print(json.dumps(found))
"""


QUICK = (
    "fork bomb",
    "endless loop",
    "4 GB at once",
    "4 GB by forks",
    "write to the root",
    "socket",
    "os._exit(0)",
)


@pytest.mark.parametrize("names", [QUICK, pytest.param(tuple(HOSTILE), marks=pytest.mark.slow)], ids=len)
def test_an_ordinary_user_is_as_safe_as_root(names):
    python = "/usr/bin/python3"
    root, tests = (str(Path(__file__).parents[count]) for count in (2, 0))
    if os.geteuid() != 0 or not Path(python).exists():
        pytest.skip("only root can become somebody else, with the system's Python")
    script = ORDINARY.format(root=root, tests=tests, names=names)
    who = {"user": 65534, "group": 65534, "extra_groups": []}
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    command = [python, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", env=environment, **who)
    if done.stderr.startswith("unreadable"):
        pytest.skip(f"the system's Python cannot read this package: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stderr
    kinds = json.loads(done.stdout.splitlines()[-1])
    held = {kind: results for kind, results in kinds.items() if isinstance(results, dict)}
    print("as an ordinary user:", {kind: "held" if kind in held else kinds[kind] for kind in kinds})
    if not held:
        pytest.skip(f"no sandbox for an ordinary user: {kinds}")
    wanted = {name: HOSTILE[name][1].removeprefix("value:code:") for name in names}
    wanted = {name: kind if kind in KINDS else "exception" for name, kind in wanted.items()}
    assert all(results == wanted for results in held.values())


# -- right and wrong answers ------------------------------------------------------------------------


def judge_row(row, text, sandbox, expected=None):
    asked = case(expected or {"test": row["test"], "entry_point": row["entry_point"]}, input=row["input"])
    parts = registries(Code(find=lambda: sandbox))
    return judge_trial(trial(), Response(text=text), asked, (spec("code"),), parts)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_reference_solutions_pass_and_broken_ones_fail(row, any_sandbox):
    whole = f"Here you are:\n```python\n{row['input']}{row['reference']}\n```\nIt works."
    assert verdict(judge_row(row, row["reference"], any_sandbox)) == "passed"
    assert verdict(judge_row(row, whole, any_sandbox, {"test": row["test"]})) == "passed"
    assert verdict(judge_row(row, "    return 'wrong'\n", any_sandbox)).startswith("value:code:")


def test_rows_are_enough():
    assert len(ROWS) >= 20


@pytest.mark.parametrize(
    ("text", "result"),
    [
        (GOOD, "passed"),
        (f"```python\n{GOOD}```", "passed"),
        (f"```\n{GOOD}```", "passed"),
        (f"```python\n{GOOD}", "passed"),
        (f"```bash\npip install x\n```\n```py\n{GOOD}```\n```\n2\n```", "passed"),
        (f"```python\n{GOOD}```\nUse it:\n```python\nf(\n```", "passed"),
        (f"<think>def f(x): 1/0</think>{GOOD}", "passed"),
        ("f = lambda x: x + 1", "passed"),
        ("def f(x): return x", "value:code:assertion"),
        ("def f(x): return 1 / 0", "value:code:ZeroDivisionError"),
        ("def f(x):\n    assert False\n", "value:code:AssertionError"),
        ("def f(x:\n", "format:syntax_error"),
        ("```python\ndef f(x) return\n```", "format:syntax_error"),
        ("Use the plus sign.", "format:no_code"),
        ("```bash\nls\n```", "format:no_code"),
        ("```python\n```", "format:no_code"),
        ("# nothing but a comment", "format:no_code"),
        ("def f(x): return '\0'", "format:syntax_error"),
        ("def f(x): return '\ud800'", "format:syntax_error"),
        ("def f(x): return " + "(" * 5000, "format:syntax_error"),
        ("x = 1\n" * 50_000, "format:too_large"),
    ],
)
def test_answers(text, result, any_sandbox):
    assert verdict(grade(text, any_sandbox)) == result


def test_nested_code_never_crashes_the_session(any_sandbox):
    for text in ("-" * 100_000 + "1", "x" + ".y" * 60_000, "1" + "+1" * 60_000, "[" * 90 + "]" * 90):
        assert verdict(grade(f"def f(x): return {text}", any_sandbox)).split(":")[0] in ("value", "format")


def test_an_answers_own_names_do_not_measure(any_sandbox):
    text = "abs = lambda x: 0\ndef f(x): return 99.0\n"
    tests = "def check(candidate):\n    assert abs(candidate(1) - 2.0) < 1e-6\n"
    assert verdict(grade(text, any_sandbox, tests, entry_point="f")) == "value:code:assertion"


def test_helpers_and_imports_of_the_prompt_are_there(any_sandbox):
    prefix = "from typing import List\ndef half(x): return x / 2\ndef f(x: List[int]):\n    '''Halve.'''\n"
    tests = "def check(candidate):\n    assert candidate([4]) == half(4)\n"
    full = "def f(x: List[int]):\n    return half(x[0])\n"
    assert verdict(grade(full, any_sandbox, tests, prefix=prefix)) == "passed"
    assert verdict(grade("    return half(x[0])\n", any_sandbox, tests, prefix=prefix)) == "passed"
    assert verdict(grade("    return 3\n", any_sandbox, tests, prefix=prefix)) == "value:code:assertion"
    assert verdict(grade("y = 1\n", any_sandbox, tests, entry_point="f")) == "value:code:no_entry_point"


@pytest.mark.parametrize(
    ("tests", "options", "expected"),
    [
        ("assert f(", {}, "the tests are no Python"),
        ("def check(candidate): pass", {}, "name the function in `entry_point`"),
        ("  ", {}, "the tests are empty"),
        (TESTS, {"entry_point": "f()"}, "must be the name of a function"),
    ],
)
def test_unusable_tests_are_no_failure_of_the_model(tests, options, expected, any_sandbox):
    record = grade(GOOD, any_sandbox, tests, **options)
    assert record.outcome == "error"
    assert expected in record.error


def test_a_case_without_tests_is_ungraded(any_sandbox):
    parts = registries(Code(find=lambda: any_sandbox))
    assert judge(GOOD, spec("code"), registries=parts).outcome == "ungraded"
    assert judge(GOOD, spec("code"), expected=TESTS, registries=parts).outcome == "passed"
    assert judge(GOOD, spec("code", tests=TESTS), registries=parts).outcome == "passed"
    assert judge(GOOD, spec("code"), expected={"a": 1}, registries=parts).outcome == "error"


def test_memory_and_time_are_the_options(any_sandbox):
    text = f"import time\nx = bytes(200 << 20)\ntime.sleep(1)\n{GOOD}"
    assert verdict(grade(text, any_sandbox)) == "passed"
    assert verdict(grade(text, any_sandbox, memory_mb=128)) == "value:code:memory"
    assert verdict(grade(text, any_sandbox, timeout_s=0.5)) == "value:code:timeout"


# -- where there is no sandbox ----------------------------------------------------------------------


@pytest.fixture
def no_sandbox(monkeypatch):
    monkeypatch.setattr(sandbox_module, "list_sandboxes", list)
    sandbox_module._try_sandboxes.cache_clear()
    yield
    sandbox_module._try_sandboxes.cache_clear()


def test_no_sandbox_is_said_before_anything_is_asked(no_sandbox):
    (problem,) = Code().problems(spec("code", TESTS))
    assert problem.startswith("no sandbox here")
    assert "install bubblewrap" in problem
    assert "ftgate_code_unsafe = true" in problem
    record = judge(GOOD, spec("code", TESTS), registries=registries(Code()))
    assert record.outcome == "error"
    assert "no sandbox here" in record.error


def test_the_ini_allows_code_unconfined(no_sandbox):
    grader = Code(is_unsafe_allowed=True)
    assert grader.problems(spec("code", TESTS)) == ()
    parts = registries(grader)
    texts = [GOOD, "def f(x): return 1", "import os\nos._exit(0)", "while True: pass", "x = bytes(4 << 30)"]
    found = [verdict(judge(t, spec("code", TESTS, timeout_s=1), registries=parts)) for t in texts]
    wanted = ["passed", "value:code:assertion", "value:code:exit", "value:code:timeout", "value:code:memory"]
    assert found == wanted


def test_unconfined_code_gets_no_key():
    text = "import os\ndef f(): return sorted(os.environ)\n"
    job = CodeJob(texts=(text,), tests="assert not [n for n in f() if 'KEY' in n or n == 'HOME'], f()")
    assert run_code(run_unconfined(), job).kind == "passed"


def test_a_sandbox_is_preferred_where_unconfined_code_is_allowed(any_sandbox):
    grader = Code(is_unsafe_allowed=True, find=lambda: any_sandbox)
    record = judge("open('/x', 'w')", spec("code", TESTS), registries=registries(grader))
    assert verdict(record) == "value:code:forbidden_write"


def test_a_sandbox_that_does_not_hold_is_not_used(monkeypatch):
    sandbox_module._try_sandboxes.cache_clear()
    loose = run_unconfined()
    monkeypatch.setattr(sandbox_module, "list_sandboxes", lambda: [Sandbox("bubblewrap", loose.command)])
    with pytest.raises(NoSandboxError, match=r"bubblewrap: .*(can be written to|network|seen)"):
        find_sandbox()
    sandbox_module._try_sandboxes.cache_clear()


def test_a_sandbox_that_does_not_start_is_an_error():
    broken = Sandbox("bubblewrap", lambda: [sys.executable, "-c", "raise SystemExit('no such thing')"])
    record = grade(GOOD, broken)
    assert record.outcome == "error"
    assert "did not start: no such thing" in record.error
    missing = Sandbox("bubblewrap", lambda: [shutil.which("bwrap") or "bwrap-is-not-here", "--no-such-flag"])
    assert grade(GOOD, missing).outcome == "error"


def test_broken_tests_are_said_before_anything_is_asked(any_sandbox):
    (problem,) = Code(find=lambda: any_sandbox).problems(spec("code", "assert f("))
    assert "the tests are no Python" in problem


EVALSET = """
ftgate: 1
name: code
models: {candidate: {model: openai/m}}
prompt: "{{ input }}"
graders: [{code: {entry_point: f, timeout_s: 5}}]
cases: [{id: a, input: "def f(x):\\n", expected: "assert f(1) == 2"}]
"""


def test_the_ini_key_is_for_the_ini_only_and_the_header_says_so(pytester):
    pytester.makefile(".evalset.yaml", code=EVALSET)
    quick = ("--ftgate", "--collect-only", "-p", "no:cacheprovider")
    pytester.makeini("[pytest]\nftgate_code_unsafe = true\n")
    pytester.runpytest_inprocess(*quick).stdout.fnmatch_lines(["*candidate code runs unconfined where*"])
    pytester.makeini("[pytest]\n")
    pytester.runpytest_inprocess(*quick).stdout.no_fnmatch_line("*unconfined*")
    assert pytester.runpytest_inprocess(*quick, "--ftgate-code-unsafe").ret == pytest.ExitCode.USAGE_ERROR


# -- reading the code -------------------------------------------------------------------------------


def test_reading_code_is_linear():
    for text in ("```" * 300_000, "```\n" * 200_000, " " * 1_000_000, "`" * 1_000_000, "~~~\n`" * 150_000):
        started = time.perf_counter()
        find_code(text)
        assert time.perf_counter() - started < 1


def test_indentation_is_kept():
    assert find_code("    return 1\n") == ("    return 1\n",)
    assert find_code("```python\n    return 1\n```") == ("    return 1\n",)


@pytest.mark.parametrize("name", ["code", "not-code"])
def test_a_blank_answer_fails_both_ways_and_nothing_is_run(name):
    assert verdict(judge("", spec(name, "assert f(1) == 2"))) == "empty:blank"
    assert verdict(judge(" \n", spec(name, "assert f(1) == 2"))) == "empty:whitespace"

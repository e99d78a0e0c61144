"""Peak memory and CPU of `pytest --ftgate` over many trials whose answers cost nothing.

    python tests/bench/memory.py --cases 1000 10000 --repeats 10 --chars 20 2000

A provider of the test's own answers at once with `--chars` characters; every third case fails. "kib/trial":
what a trial adds to the peak, measured against the first row. `--collect` only collects. No part of the
test run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from neighbours import WITHOUT

PLUGIN = """
from pytest_ftgate.model.response import Response, Usage


class Quick:
    sends_requests = True

    async def complete(self, trial, request, timeout_s):
        number = int(trial.key.case[1:])
        word = "no " if number % 3 == 0 else "yes "
        text = word + trial.key.case + "." * ({chars} - 11)
        usage = Usage(prompt_tokens=11, completion_tokens=7)
        return Response(text=text, usage=usage, model="quick-1", latency_s=0.1, cost_usd=0.001)

    async def close(self):
        pass


def pytest_ftgate_register_providers(registry):
    registry.register("quick", Quick())
"""
MEASURE = """
import resource, runpy, sys
sys.argv = ["pytest", *sys.argv[1:]]
try:
    runpy.run_module("pytest", run_name="__main__")
finally:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(f"@@ {usage.ru_maxrss} {usage.ru_utime + usage.ru_stime}", file=sys.__stderr__)
"""
OPTIONS = ("-q", "--ftgate", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *WITHOUT.split())


def write_files(folder: Path, cases: int, repeats: int, chars: int) -> None:
    evalset = {
        "ftgate": 1,
        "name": "big",
        "repeats": repeats,
        "models": {"candidate": {"model": "quick/one"}},
        "prompt": "Classify the ticket. Ticket {{ input }}: " + "reply with one word. " * 5,
        "graders": [{"starts-with": "yes"}],
        "cases": [{"file": "cases.jsonl"}],
    }
    rows = ({"id": f"c{i:06d}", "input": f"key=c{i:06d} " + "word " * 20} for i in range(cases))
    (folder / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "big.evalset.yaml").write_text(json.dumps(evalset))
    (folder / "conftest.py").write_text(PLUGIN.format(chars=max(chars, 11)))
    (folder / "pytest.ini").write_text("[pytest]\n")


def measure(cases: int, repeats: int, chars: int, more: list[str]) -> tuple[float, float, float]:
    """Peak MiB, CPU seconds and wall seconds of one run in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        write_files(Path(name), cases, repeats, chars)
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, *OPTIONS, *more],
            cwd=name, capture_output=True, text=True, env={**os.environ, "PYTHONHASHSEED": "0"},
        )  # fmt: skip
        wall = time.monotonic() - started
        told = [line for line in done.stderr.splitlines() if line.startswith("@@ ")]
        if not told or done.returncode not in (0, 1):
            raise SystemExit(done.stdout[-3000:] + done.stderr[-3000:])
    _, peak, cpu = told[-1].split()
    return int(peak) / 1024, float(cpu), wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cases", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--chars", type=int, nargs="+", default=[20, 2000])
    parser.add_argument("--collect", action="store_true")
    options = parser.parse_args()
    more = ["--collect-only", "-qq"] if options.collect else []
    base = None
    print("cases repeats chars   peak_mib  kib/trial  cpu_s  ms/trial  wall_s")
    for chars in options.chars:
        for cases in options.cases:
            peak, cpu, wall = measure(cases, options.repeats, chars, more)
            trials = cases * options.repeats
            base = base or (trials, peak, cpu)
            added = max(trials - base[0], 1)
            each = f"{(peak - base[1]) * 1024 / added:9.2f}  {cpu:5.1f}  {(cpu - base[2]) * 1e3 / added:8.3f}"
            print(f"{cases:5} {options.repeats:7} {chars:5} {peak:10.1f}  {each}  {wall:6.1f}", flush=True)


if __name__ == "__main__":
    main()

"""`pytest --ftgate` beside a bare aiohttp loop and a bare litellm loop, on one mock server.

    python tests/bench/throughput.py --cases 1000 5000 --concurrency 50 --rounds 5

Each round runs all on the same cases in turn (which goes first alternates); what counts is the ratio inside
a round, for other work on the machine slows all. "phase": first request in to last answer out, as the server
saw it; its ideal is ceil(cases / concurrency) x latency. "mib": peak memory. `rerun` is the same run again,
from the response store. `lean` is our client with nothing around it, and `items` is plain pytest with as many
tests as cases: what is left of `ftgate` without both is our own. With two numbers of cases, what a case adds
is told by their difference, without what our start takes. `lean / litellm` in wall time is the least that any
runner on litellm's own code can reach here. How much a loop that waits for the processor has to lose to one
that waits for the network hangs on the processor: `--litellm-at 4` chooses the latency at which bare litellm
takes 4 times the ideal, whatever the machine. `plain` and `installed` are one empty test without and with the
plugin. No part of the test run.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bare_loops import PROMPT
from bench_server import Server, answer_to
from neighbours import WITHOUT

WORDS = (
    "invoice",
    "refund",
    "login",
    "printer",
    "parcel",
    "late",
    "broken",
    "account",
    "password",
    "upgrade",
)
LOOPS = Path(__file__).with_name("bare_loops.py")
# Of the plugins only those that a user of this one has; hypothesis alone is imported for seconds.
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
PYTEST += [f"-pno:{name}" for name in ("hypothesispytest", "anyio", "pytest_cov", "timeout", "xdist")]
PYTEST += WITHOUT.split()
KINDS = ("aiohttp", "litellm", "ftgate", "rerun", "lean", "items", "plain", "installed")

Row = dict[str, float]


def make_case(number: int) -> dict[str, Any]:
    key = f"c{number:05d}"
    text = " ".join(WORDS[(number * 7919 + place * 104729) % len(WORDS)] for place in range(26))
    return {"id": key, "input": {"key": key, "text": text}, "expected": answer_to(key)}


def write_files(folder: Path, base_url: str, cases: int) -> None:
    (folder / "cases.jsonl").write_text("".join(json.dumps(make_case(i)) + "\n" for i in range(cases)))
    evalset = {
        "ftgate": 1,
        "name": "bench",
        "models": {"candidate": {"model": "openai/mock", "params": {"api_base": base_url}}},
        "prompt": PROMPT.format(key="{{ input.key }}", text="{{ input.text }}"),
        "graders": ["is-json", "json-fields"],
        "repeats": 1,
        "cases": [{"file": "cases.jsonl"}],
    }
    (folder / "bench.evalset.yaml").write_text(json.dumps(evalset))
    tests = f"import pytest\n@pytest.mark.parametrize('n', range({cases}))\ndef test_item(n): pass\n"
    (folder / "check_items.py").write_text(tests)
    (folder / "check_one.py").write_text("def test_one(): pass\n")


def command_of(kind: str, options: argparse.Namespace, base_url: str, run: str) -> list[str]:
    concurrency = str(options.concurrency)
    if kind in ("ftgate", "rerun"):
        run_options = ["--ftgate", "--ftgate-exhaustive", "--ftgate-concurrency", concurrency]
        return [*PYTEST, *run_options, "--ftgate-dir", run, "bench.evalset.yaml"]
    if kind == "items":
        return [*PYTEST, "-pno:pytest_ftgate", "check_items.py"]
    if kind in ("plain", "installed"):
        return [*PYTEST, *(["-pno:pytest_ftgate"] if kind == "plain" else []), "check_one.py"]
    return [sys.executable, str(LOOPS), kind, base_url, "cases.jsonl", concurrency]


def measure(command: list[str], folder: Path, server: Server, expected: int) -> Row:
    server.numbers()
    # As after an installation: modules are compiled once, not at every start.
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "pycache")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    seen = server.numbers()
    if os.waitstatus_to_exitcode(status) != 0 or seen.requests != expected:
        raise SystemExit(f"{said}\n{seen.requests} requests for {expected}; status {status}; {command}")
    cpu = usage.ru_utime + usage.ru_stime
    row = {"wall": wall, "cpu": cpu, "mib": usage.ru_maxrss / 1024, "phase": seen.phase}
    return {**row, "peak": float(seen.peak), "server_cpu": seen.cpu}


def run_rounds(options: argparse.Namespace) -> dict[int, dict[str, list[Row]]]:
    """Rows by number of cases and kind. A round has all numbers of cases, for a machine changes its speed."""
    server = Server(options.latency_ms / 1000)
    found: dict[int, dict[str, list[Row]]] = {
        cases: {kind: [] for kind in options.kinds} for cases in options.cases
    }
    with tempfile.TemporaryDirectory() as name:
        for cases in options.cases:
            (Path(name) / str(cases)).mkdir()
            write_files(Path(name) / str(cases), server.base_url, cases)
        for number in range(options.rounds + 1):
            for cases, rows in found.items():
                for kind, row in run_round(number, cases, Path(name), server, options):
                    if number:  # round 0 compiles
                        rows[kind].append(row)
    server.close()
    return found


def run_round(
    number: int, cases: int, folder: Path, server: Server, options: argparse.Namespace
) -> Iterator[tuple[str, Row]]:
    order = [kind for kind in options.kinds if kind != "rerun"]
    order = order if number % 2 else order[::-1]
    if "rerun" in options.kinds:
        order.insert(order.index("ftgate") + 1, "rerun")
    for kind in order:
        command = command_of(kind, options, server.base_url, f"run-{number}")
        is_asking = kind in ("aiohttp", "litellm", "ftgate", "lean")
        row = measure(command, folder / str(cases), server, cases if is_asking else 0)
        print(number, cases, kind, *(f"{key} {value:.2f}" for key, value in row.items()), flush=True)
        yield kind, row


def find_latency(times: float, concurrency: int) -> float:
    """Milliseconds at which the phase of the bare litellm loop is that many times its ideal."""
    server, cases = Server(0.001), 1000
    with tempfile.TemporaryDirectory() as name:
        write_files(Path(name), server.base_url, cases)
        command = [sys.executable, str(LOOPS), "litellm", server.base_url, "cases.jsonl", str(concurrency)]
        phases = [measure(command, Path(name), server, cases)["phase"] for _ in range(3)]
    server.close()
    return min(phases) / cases * concurrency / times * 1000


def list_own(rows: dict[str, list[Row]]) -> list[float]:
    """CPU seconds of each round beyond our client and pytest's items, our start included."""
    if not all(rows.get(kind) for kind in ("ftgate", "lean", "items", "plain")):
        return []
    columns = zip(rows["ftgate"], rows["lean"], rows["items"], rows["plain"], strict=True)
    return [f["cpu"] - c["cpu"] - (i["cpu"] - p["cpu"]) for f, c, i, p in columns]


def show(rows: dict[str, list[Row]], cases: int, options: argparse.Namespace) -> None:
    ideal = math.ceil(cases / options.concurrency) * options.latency_ms / 1000
    print(f"\n{cases} cases, {options.latency_ms:g} ms, concurrency {options.concurrency}")

    def compare(what: str, key: str, first: str, second: str, how: Callable[[float, float], float]) -> None:
        if not rows.get(first) or not rows.get(second):
            return
        pairs = zip(rows[first], rows[second], strict=True)
        found = [how(one[key], other[key]) for one, other in pairs]
        each = " ".join(f"{value:.2f}" for value in found)
        print(f"{what:44s} median {median(found):.2f}   ({each})")

    def divide(one: float, other: float) -> float:
        return one / other

    compare("phase, ftgate / aiohttp", "phase", "ftgate", "aiohttp", divide)
    compare("phase, lean loop / aiohttp", "phase", "lean", "aiohttp", divide)
    compare("wall, ftgate / litellm", "wall", "ftgate", "litellm", divide)
    compare("wall, lean loop / litellm", "wall", "lean", "litellm", divide)
    compare("CPU, ftgate / litellm", "cpu", "ftgate", "litellm", divide)
    compare("peak MiB, ftgate - litellm", "mib", "ftgate", "litellm", lambda one, other: one - other)
    compare("CPU, plugin installed / plain pytest", "cpu", "installed", "plain", divide)
    own = [seconds / cases * 1000 for seconds in list_own(rows)]
    if own:
        print(f"own CPU a case beyond client and items, our start included: median {median(own):.2f} ms")
    for kind, found in rows.items():
        middle = {key: median(row[key] for row in found) for key in found[0]}
        print(f"{kind:10s}", *(f"{key} {value:.2f}" for key, value in middle.items()), end="")
        print(f" phase/ideal {middle['phase'] / ideal:.2f}" if middle["phase"] else "")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, nargs="+", default=[1000])
    parser.add_argument("--concurrency", type=int, default=50)
    parser.add_argument("--latency-ms", type=float, default=100)
    parser.add_argument("--litellm-at", type=float, metavar="TIMES", help="latency by litellm's own phase")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="what to run (default: all)")
    options = parser.parse_args()
    if options.litellm_at is not None:
        options.latency_ms = round(find_latency(options.litellm_at, options.concurrency))
    found = run_rounds(options)
    for cases, rows in found.items():
        show(rows, cases, options)
    fewest, most = min(found), max(found)
    both = zip(list_own(found[fewest]), list_own(found[most]), strict=True)
    each = [(many - few) / (most - fewest) * 1000 for few, many in both] if most > fewest else []
    if each:
        told = " ".join(f"{value:.2f}" for value in each)
        print(f"\nown CPU that a case adds beyond client and items: median {median(each):.2f} ms   ({told})")


if __name__ == "__main__":
    main()

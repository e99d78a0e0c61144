"""`pytest --ftgate` beside a bare litellm loop, in pairs, on one mock server.

    python tests/bench/throughput.py --rounds 5

Each round runs both on the same cases in turn (which goes first alternates); what counts is the ratio inside
a round, for other work on the machine slows both. "call phase": first request in to last answer out, as the
server saw it; its ideal is ceil(cases / concurrency) x latency. No part of the test run.
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
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from servers import Call, ChatServer, Reply

PROMPT = (
    'Classify the ticket. Ticket key={key}\n{text}\nReply with JSON only: {{"key": KEY, "answer": NUMBER}}'
)
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


def make_case(number: int) -> dict[str, Any]:
    key = f"c{number:05d}"
    text = " ".join(WORDS[(number * 7919 + place * 104729) % len(WORDS)] for place in range(26))
    return {"id": key, "input": {"key": key, "text": text}, "expected": answer_to(key)}


def answer_to(key: str) -> dict[str, Any]:
    return {"key": key, "answer": int(key[1:]) * 31 % 1000}


# -- the mock server, in a process of its own -----------------------------------------------------


def serve(latency_s: float) -> None:
    """Answer after `latency_s`; every 17th key wrongly. A line on standard input asks for the numbers."""
    times: list[float] = []

    def script(call: Call) -> Reply:
        times.append(time.monotonic())
        key = call.prompt.partition("key=")[2][:6]
        wrong = int(key[1:]) % 17 == 0
        return Reply(json.dumps({**answer_to(key), **({"answer": -1} if wrong else {})}), delay_s=latency_s)

    with ChatServer(script, keep_calls=False) as server:
        print(server.base_url, flush=True)
        for _ in sys.stdin:
            phase = times[-1] - times[0] + latency_s if times else 0.0
            print(json.dumps([server.count, server.peak_in_flight, phase, time.process_time()]), flush=True)
            server.reset()
            times.clear()


class Server:
    def __init__(self, latency_s: float) -> None:
        command = [sys.executable, __file__, "--serve", str(latency_s)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.base_url = self._read().strip()

    def numbers(self) -> tuple[int, int, float]:
        """Requests, peak in flight and call phase (seconds) since the last call."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        count, peak, phase, _ = json.loads(self._read())
        return count, peak, phase

    def close(self) -> None:
        self.process.communicate(timeout=10)

    def _read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


# -- the bare loop --------------------------------------------------------------------------------


def run_bare(base_url: str, cases: Path, concurrency: int) -> None:
    """What somebody would write by hand: `concurrency` workers over litellm.acompletion, JSON equality."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import asyncio

    import litellm

    todo = [json.loads(line) for line in cases.read_text().splitlines()]
    passed = 0

    async def work() -> None:
        nonlocal passed
        while todo:
            case = todo.pop(0)
            message = {"role": "user", "content": PROMPT.format(**case["input"])}
            answer = await litellm.acompletion(
                model="openai/mock", messages=[message], api_base=base_url, api_key="not-needed", timeout=60
            )
            passed += json.loads(answer.choices[0].message.content) == case["expected"]

    async def work_all() -> None:
        await asyncio.gather(*(work() for _ in range(concurrency)))

    asyncio.run(work_all())
    print(f"{passed} passed")


# -- rounds ---------------------------------------------------------------------------------------


def write_evalset(folder: Path, base_url: str) -> None:
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


def measure(command: list[str], folder: Path, server: Server, expected: int) -> dict[str, float]:
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
    count, peak, phase = server.numbers()
    if os.waitstatus_to_exitcode(status) != 0 or count != expected:
        raise SystemExit(f"{said}\n{count} requests for {expected} trials; status {status}")
    cpu = usage.ru_utime + usage.ru_stime
    return {"wall": wall, "cpu": cpu, "phase": phase, "peak": peak, "mib": usage.ru_maxrss / 1024}


def run_rounds(options: argparse.Namespace) -> None:
    server = Server(options.latency_ms / 1000)
    rows: dict[str, list[dict[str, float]]] = {"bare": [], "ftgate": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cases = folder / "cases.jsonl"
        cases.write_text("".join(json.dumps(make_case(i)) + "\n" for i in range(options.cases)))
        write_evalset(folder, server.base_url)
        bare = [sys.executable, __file__, "--bare", server.base_url, str(cases), str(options.concurrency)]
        # Of the plugins only those that a user of this one has; hypothesis alone is imported for seconds.
        ours = [sys.executable, "-m", "pytest", "-q", "--ftgate", "-p", "no:cacheprovider"]
        ours += [f"-pno:{name}" for name in ("hypothesispytest", "anyio", "pytest_cov", "timeout", "xdist")]
        ours += ["--ftgate-concurrency", str(options.concurrency)]
        for number in range(options.rounds + 1):
            for kind in ("bare", "ftgate") if number % 2 == 0 else ("ftgate", "bare"):
                command = bare if kind == "bare" else [*ours, "--ftgate-dir", f"run-{number}"]
                row = measure(command, folder, server, options.cases)
                if number:  # round 0 compiles
                    rows[kind].append(row)
                print(number, kind, *(f"{key} {value:.2f}" for key, value in row.items()), flush=True)
    server.close()
    show(rows, math.ceil(options.cases / options.concurrency) * options.latency_ms / 1000)


def show(rows: dict[str, list[dict[str, float]]], ideal: float) -> None:
    for key in ("wall", "cpu", "phase"):
        ratios = [ours[key] / bare[key] for ours, bare in zip(rows["ftgate"], rows["bare"], strict=True)]
        each = " ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f"{key:5s} ftgate / bare litellm: median {median(ratios):.2f}   ({each})")
    phase = median(row["phase"] for row in rows["ftgate"])
    print(f"call phase: {phase:.2f} s = {phase / ideal:.2f} x ideal of {ideal:.1f} s")
    print(f"peak in flight: {max(row['peak'] for row in rows['ftgate']):.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--concurrency", type=int, default=50)
    parser.add_argument("--latency-ms", type=float, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--bare", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is not None:
        serve(options.serve)
    elif options.bare:
        run_bare(options.bare[0], Path(options.bare[1]), int(options.bare[2]))
    else:
        run_rounds(options)


if __name__ == "__main__":
    main()

"""How long each `pytest-ftgate history` takes over 100,000 records (goal: 1 s), start of Python included.

    python tests/bench/history_size.py

1,000 runs of 100 cases under one arm. No part of the test run.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pytest_ftgate.model.history import HistoryArm, HistoryEntry, HistoryRun, PatternCount, Tally
from pytest_ftgate.storage.history import FILE, enter_run

RUNS, CASES = 1_000, 100
METRICS = (
    "accuracy", "format_failures", "latency_p50_s", "cost_usd_per_1k_cases", "gates", "patterns",
    "pattern:value:text",
)  # fmt: skip
WAYS = ("run", "commit", "day", "model")


def make_entry(number: int, rng: random.Random) -> HistoryEntry:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=6 * number)
    tallies = {case: Tally(5, rng.choice((3, 4, 5, 5)), rng.choice((0, 0, 0, 1))) for case in range(CASES)}
    arm = HistoryArm(
        arm="as_is", role="candidate", setup="s", prompt="p", requested="openai/m",
        models=(f"m-{number // 200}",), answered=5 * CASES, priced=5 * CASES, metered=5 * CASES, cost_usd=0.1,
        latency_p50_s=0.5, latency_p95_s=1.0, tallies=tallies,
        patterns={"value:text": PatternCount(trials=40, cases=20)},
    )  # fmt: skip
    run = HistoryRun(
        run=f"run-{number:06d}", evalset="e", path="e.evalset.yaml", at=at.isoformat(), verdict="bar_met",
        bar=0.8, cases=CASES, revision=f"{number // 3:040x}",
    )  # fmt: skip
    return HistoryEntry(run=run, cases=dict.fromkeys(range(CASES)), arms=(arm,))


def main() -> None:
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / FILE
        for number in range(RUNS):
            problem = enter_run(file, make_entry(number, rng), str)
            assert problem is None, problem
        print(f"{RUNS * CASES:,} records, {file.stat().st_size / 2**20:.1f} MiB")
        command = [sys.executable, "-c", "from pytest_ftgate.cli.main import main; raise SystemExit(main())"]
        for metric in METRICS:
            for way in WAYS:
                arguments = ["history", "--file", str(file), "--metric", metric, "--by", way, "--last", "0"]
                started = time.perf_counter()
                done = subprocess.run([*command, *arguments], capture_output=True, text=True, cwd=folder)
                took = time.perf_counter() - started
                assert done.returncode == 0, done.stderr
                lines = done.stdout.count("\n")
                over = "  over" if took > 1 else ""
                print(f"{metric:24s} by {way:7s} {took:5.2f} s  {lines:5d} lines{over}")


if __name__ == "__main__":
    main()

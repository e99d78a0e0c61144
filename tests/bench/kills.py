"""`kill -9` at random moments of one run, begun again each time: what is paid twice, and what is left.

    python tests/bench/kills.py --kills 20 --cases 6000 --seed 1

After each kill the response store must be whole (`PRAGMA integrity_check`), and no more requests may be
without a stored answer than were in flight: with `--concurrency` at once. The last run goes to its end;
altogether each case was paid once, but for those lost in flight. Not a measure of time, but minutes long.
"""

from __future__ import annotations

import argparse
import random
import signal
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

from bench_server import Server
from throughput import command_of, write_files

LONGEST_S = 1.5
"""The longest that a run is let go on after its first request."""


class Run:
    """One run in `folder`, begun as often as it takes."""

    def __init__(self, folder: Path, server: Server, options: argparse.Namespace) -> None:
        self.folder, self.server = folder, server
        self.sent = 0
        # One folder for all: each run reads what those before it have stored.
        self.command = command_of("ftgate", options, server.base_url, ".ftgate")

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def count_sent(self) -> int:
        self.sent += self.server.numbers().requests
        return self.sent

    def kill_at(self, seconds: float) -> None:
        """Kill it so long after its first request."""
        process, before = self.start(), self.count_sent()
        while self.count_sent() == before:
            if process.poll() is not None:
                raise SystemExit(f"ended before it was killed; take more --cases\n{process.communicate()[0]}")
            time.sleep(0.01)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        time.sleep(0.3)  # requests under way at the kill reach the server

    def count_stored(self) -> int:
        """Answers in the store. Raises SystemExit where it is damaged."""
        path = self.folder / ".ftgate" / "responses.sqlite"
        with sqlite3.connect(path) as connection:
            (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
            (count,) = connection.execute("SELECT count(*) FROM responses").fetchone()
        if verdict != "ok":
            raise SystemExit(f"the store is damaged: {verdict}")
        return int(count)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--cases", type=int, default=6000)
    parser.add_argument("--concurrency", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng, server = random.Random(options.seed), Server(0.1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, server.base_url, options.cases)
        run = Run(folder, server, options)
        lost = 0
        for number in range(1, options.kills + 1):
            run.kill_at(moment := rng.uniform(0, LONGEST_S))
            sent, stored = run.count_sent(), run.count_stored()
            lost, fresh = sent - stored, sent - stored - lost
            print(f"{number:2d} killed {moment:.2f} s after the first request: {sent} sent, {stored} stored, "
                  f"{fresh} lost in flight", flush=True)  # fmt: skip
            if not 0 <= fresh <= options.concurrency:
                raise SystemExit(f"{fresh} answers lost with {options.concurrency} requests at once")
        process = run.start()
        said, _ = process.communicate()
        if process.returncode or run.count_stored() != options.cases:
            raise SystemExit(f"status {process.returncode}\n{said}")
        sent = run.count_sent()
        print(f"ended: {sent} sent for {options.cases} cases, {lost} lost in flight by {options.kills} kills")
        if sent != options.cases + lost:
            raise SystemExit(f"{sent - options.cases - lost} requests were paid twice")
    server.close()


if __name__ == "__main__":
    main()

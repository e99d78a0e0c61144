"""What `pytest --ftgate --collect-only` costs over YAML cases, beside loading their file with C-YAML.

    python tests/bench/collecting.py --cases 10000 --rounds 5

CPU seconds; the ratios are taken inside a round. "cold": the first time; "warm": again, with what the first
time left in the cache (goals: 1.3 and 0.2). pytest's own cost is taken off: that of collecting as many tests
of a Python file. An evalset of one case tells what our start costs, whatever there is to collect; the ratios
are given without it, as loading the file has none either, and with it. No part of the test run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from throughput import PYTEST, make_case

HEAD = """\
ftgate: 1
name: {name}
prompt: 'Classify. {{{{ input.text }}}}'
graders: [is-json, json-fields]
models: {{candidate: openai/mock}}
repeats: 1
cases:
"""
CASE = "  - {{id: {id}, input: {{key: {id}, text: {text}}}, expected: {{key: {id}, answer: {number}}}}}\n"
TESTS = "import pytest\n@pytest.mark.parametrize('n', range({cases}))\ndef test_item(n): pass\n"
BARE = "import time, yaml; t = time.process_time(); "
BARE += "yaml.load(open('many.evalset.yaml'), Loader=yaml.CSafeLoader); print(time.process_time() - t)"


def write_files(folder: Path, cases: int) -> None:
    for name, count in (("many", cases), ("one", 1)):
        rows = (make_case(number) for number in range(count))
        texts = [CASE.format(id=row["id"], text=row["input"]["text"], number=i) for i, row in enumerate(rows)]
        (folder / f"{name}.evalset.yaml").write_text(HEAD.format(name=name) + "".join(texts))
        (folder / f"check_{name}.py").write_text(TESTS.format(cases=count))


def spend(command: list[str], folder: Path) -> float:
    """CPU seconds of a process."""
    # As after an installation: modules are compiled once, not at every start.
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "pycache")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"status {status}: {command}")
    return usage.ru_utime + usage.ru_stime


def measure(folder: Path, run: str) -> dict[str, float]:
    collect = [*PYTEST, "--collect-only", "-q"]
    ours = [*collect, "--ftgate", "--ftgate-dir", run]
    told = subprocess.run(
        [sys.executable, "-c", BARE], cwd=folder, capture_output=True, text=True, check=True
    )
    row = {"bare": float(told.stdout)}
    for name in ("many", "one"):
        row[f"plain {name}"] = spend([*collect, "-pno:pytest_ftgate", f"check_{name}.py"], folder)
    row["cold"] = spend([*ours, "many.evalset.yaml"], folder)
    row["warm"] = spend([*ours, "many.evalset.yaml"], folder)
    row["one"] = spend([*ours, "one.evalset.yaml"], folder)
    start = row["one"] - row["plain one"]
    for name in ("cold", "warm"):
        beyond = row[name] - row["plain many"]
        row[f"{name} / bare"] = (beyond - start) / row["bare"]
        row[f"{name} / bare, start included"] = beyond / row["bare"]
    return row


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        write_files(Path(name), options.cases)
        rows = [measure(Path(name), f"run-{number}") for number in range(options.rounds + 1)]
    for key in rows[0]:
        found = [row[key] for row in rows[1:]]  # the first compiles
        print(f"{key:27s} median {median(found):.2f}   ({' '.join(f'{value:.2f}' for value in found)})")


if __name__ == "__main__":
    main()

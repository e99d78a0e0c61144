"""The arguments of `pytest-ftgate index`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_index_command(commands: Any) -> argparse.ArgumentParser:
    """Add `index` with its arguments to the subparsers."""
    index: argparse.ArgumentParser = commands.add_parser(
        "index", help="embed documents ahead of a run, and measure recall@k"
    )
    add = index.add_argument
    add("paths", nargs="+", type=Path, help="*.evalset.yaml files, or folders of them")
    add("--compare", action="store_true", help="measure recall by bm25, vectors and hybrid")
    add("--embedder", metavar="ID", help="the model of the vectors (vendor/name), before the evalset's")
    add("--dir", default=".ftgate", type=Path, help="the folder of vectors and responses (default .ftgate)")
    add("--concurrency", type=int, default=50, metavar="N", help="requests in flight at once (default 50)")
    add("--allow-outside-files", action="store_true", help="read documents outside of the rootdir")
    return index

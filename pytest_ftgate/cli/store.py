"""`pytest-ftgate store`: what the response store holds, and taking old responses out."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pytest_ftgate.errors import SettingsError
from pytest_ftgate.execution.store_pruning import Selection, StoreSize, measure_store, prune_store

STORE = "responses.sqlite"
_AGE = re.compile(r"(\d{1,4})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def add_store_arguments(store: argparse.ArgumentParser) -> None:
    """The arguments of `store` and of `store prune`."""
    add = store.add_argument
    add("action", nargs="?", choices=("show", "prune"), default="show",
        help="`prune` takes responses out; without --yes it only counts them")  # fmt: skip
    add("--dir", default=".ftgate", type=Path, help="the folder of the response store (default .ftgate)")
    add("--older-than", type=parse_age, metavar="AGE", help="prune: answered longer ago: 12h, 30d or 8w")
    add("--model", metavar="ID", help="prune: answered by this model, as `store` lists it")
    add("--once", action="store_true", help="prune: truncated and filtered, which no later run is given")
    add("--yes", action="store_true", help="prune: do it")


def parse_age(text: str) -> timedelta:
    """A time span such as 12h, 30d or 8w."""
    match = _AGE.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no age; wanted a number with h, d or w, such as 30d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def run_store(options: argparse.Namespace) -> int:
    """Show or prune the store; returns the exit status."""
    path = options.dir / STORE
    if options.action == "prune":
        return _prune(path, options)
    size = measure_store(path)
    print(_as_json(size) if options.json else "\n".join(_size_lines(size)))
    return 0


def _prune(path: Path, options: argparse.Namespace) -> int:
    before = None
    if options.older_than is not None:
        before = (datetime.now(UTC) - options.older_than).isoformat(timespec="milliseconds")
    selection = Selection(before=before, model=options.model, once=options.once)
    if selection == Selection():
        raise SettingsError("say what to take out: --older-than AGE, --model ID or --once")
    pruned = prune_store(path, selection, is_trial=not options.yes)
    if options.json:
        print(json.dumps({"rows": pruned.rows, "bytes": pruned.file_bytes, "done": options.yes}))
    elif not options.yes:
        print(f"{pruned.rows} responses would be taken out; repeat with --yes to do it")
        print("They are paid for: a run that needs them again asks the model again.")
    else:
        print(f"{pruned.rows} responses taken out; {_size(pruned.file_bytes)} on disk")
        if not pruned.is_compact:
            print("A run has the store open: the file keeps its size until it is pruned alone.")
    return 0


def _as_json(size: StoreSize) -> str:
    models = [asdict(model) for model in size.models]
    return json.dumps(
        {"path": str(size.path), "rows": size.rows, "bytes": size.file_bytes, "models": models}, indent=2
    )


def _size_lines(size: StoreSize) -> list[str]:
    lines = [f"{size.path}: {size.rows} responses, {_size(size.file_bytes)} on disk"]
    for model in size.models:
        once = f", {model.once} truncated or filtered (never served again)" if model.once else ""
        span = f"answered {model.oldest[:10]} to {model.newest[:10]}"
        lines.append(
            f"  {model.model or '(not named)'}: {model.rows}, {_size(model.text_bytes)}, {span}{once}"
        )
    return lines


def _size(count: int) -> str:
    return f"{count / 1024:.0f} KiB" if count < 1024 * 1024 else f"{count / 1024 / 1024:.1f} MiB"

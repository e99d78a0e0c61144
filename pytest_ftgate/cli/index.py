"""`pytest-ftgate index`: documents and questions embedded ahead of a run, and what a search reaches."""

from __future__ import annotations

import argparse
import json
from typing import Any

from pytest_ftgate.cli.check import builtin_registries, find_evalsets, find_rootdir
from pytest_ftgate.errors import SettingsError
from pytest_ftgate.indexing import Indexed, index_evalset
from pytest_ftgate.model.evalset import CANDIDATE, EMBEDDER, RECORDED_MODEL
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.reports.numbers import format_count, format_money
from pytest_ftgate.reports.report import make_json_safe
from pytest_ftgate.reports.retrieval_text import describe_index, describe_recall
from pytest_ftgate.reports.searches import describe_search
from pytest_ftgate.reports.tables import wrap_text


def run_index(options: argparse.Namespace) -> int:
    """Index evalsets and show what their searches reach; returns the exit status."""
    registries, found = builtin_registries(), []
    for path in find_evalsets(options.paths):
        settings = Settings(
            rootdir=str(find_rootdir(path)),
            directory=str(options.dir.resolve()),
            # Nobody answers a case here; an evalset may leave its model to the command line.
            ini_models={CANDIDATE: RECORDED_MODEL},
            models={EMBEDDER: options.embedder} if options.embedder else {},
            concurrency=max(1, options.concurrency),
            allow_outside_files=options.allow_outside_files,
        )
        found.append(index_evalset(path, settings, registries, compare=options.compare))
    found = [each for each in found if each.searches]
    if not found:
        raise SettingsError("no arm of kind `retrieval` searches documents there: nothing to index")
    if options.json:
        print(json.dumps(make_json_safe([_as_json(each) for each in found]), indent=2))
    else:
        for each in found:
            print("\n".join(_lines(each)))
    return 0


def _as_json(indexed: Indexed) -> dict[str, Any]:
    return {
        "path": indexed.path,
        "searches": [describe_search(search) for search in indexed.searches],
        "requests_sent": indexed.requests_sent,
        "cost_usd": indexed.cost_usd,
    }


def _lines(indexed: Indexed) -> list[str]:
    lines = [indexed.path]
    for search in map(describe_search, indexed.searches):
        lines += wrap_text(describe_index(search), 80, "  ") + wrap_text(describe_recall(search), 80, "  ")
        lines += [line for note in search["notes"] for line in wrap_text(f"  {note}", 80, "    ")]
    if indexed.requests_sent:
        sent = format_count(indexed.requests_sent, "request")
        lines.append(f"{sent} to the embedder, {format_money(indexed.cost_usd)}")
    return lines

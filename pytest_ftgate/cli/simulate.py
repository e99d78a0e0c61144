"""`pytest-ftgate simulate`: how often the verdict would be right, wrong, or another one the next time.

Exit statuses: 0 done; 1 with these settings `fine_tune_justified` is shown to be false more often than
promised; 2 the command line, the evalset or a file is not usable.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pytest_ftgate.cli.check import builtin_registries, find_rootdir
from pytest_ftgate.errors import SettingsError
from pytest_ftgate.model.evalset import DEFAULT_BAR
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.rejudge import plan_with_bar
from pytest_ftgate.reports.simulation_markdown import render_markdown
from pytest_ftgate.reports.simulation_text import render_text
from pytest_ftgate.simulation.experiment import Experiment, run_experiment
from pytest_ftgate.simulation.outcome import describe_experiment, describe_world
from pytest_ftgate.simulation.setting import REPAIR, keep_judged
from pytest_ftgate.simulation.world import COLUMNS, World
from pytest_ftgate.simulation.worlds import MAIN, list_worlds

DEFAULT_CASES, DEFAULT_REPEATS = 100, 5
MOST_SIZES = 50
ALL = "all"


def run_simulate(options: argparse.Namespace) -> int:
    """Simulate, show, and say whether a promise is broken."""
    known = list_worlds()
    if options.list_worlds:
        return _show_worlds(list(known.values()), as_json=options.json)
    experiment = _make_experiment(options, known)
    jobs = options.jobs or os.cpu_count() or 1
    results = run_experiment(experiment, jobs=jobs, save=options.save, tell=_tell)
    body = describe_experiment(experiment, results)
    if options.markdown is not None:
        _write(options.markdown, _render(body, options))
    print(json.dumps(body, indent=2) if options.json else "\n".join(render_text(body)))
    return 1 if any(promise["is_broken"] for promise in body["promises"]) else 0


def _make_experiment(options: argparse.Namespace, known: dict[str, World]) -> Experiment:
    wanted = _choose_worlds(options.worlds, known)
    plan = None if options.evalset is None else _load(options.evalset, options.bar)
    if plan is not None and options.arms:
        raise SettingsError("--arms is for a made-up evalset; the one that is given has its own")
    arms = options.arms or COLUMNS[1:]
    for name in arms:
        if name not in (*COLUMNS, REPAIR):
            raise SettingsError(f"--arms {name}: not simulated. Known: {', '.join((*COLUMNS[1:], REPAIR))}")
    cases = options.cases or ((len(plan.evalset.cases),) if plan else (DEFAULT_CASES,))
    repeats = options.repeats or ((plan.repeats,) if plan else (DEFAULT_REPEATS,))
    sizes = [(n, k) for n in cases for k in repeats]
    if len(sizes) > MOST_SIZES:
        raise SettingsError(f"--cases x --repeats: {len(sizes)} sizes; wanted: at most {MOST_SIZES}")
    bar = plan.evalset.bar if plan is not None else options.bar or DEFAULT_BAR
    return Experiment(
        worlds=wanted,
        sizes=sizes,
        bar=bar,
        evalsets=options.evalsets,
        limit_evalsets=options.limit_evalsets,
        seed=options.seed,
        arms=arms,
        plan=plan,
        further_repeats=options.further,
    )


def _choose_worlds(names: Sequence[str], known: Mapping[str, World]) -> list[World]:
    """The worlds of those names; a kind stands for all of its worlds."""
    kinds = list(dict.fromkeys(world.kind for world in known.values()))
    wanted: dict[str, World] = {}
    for name in names:
        found = [world for world in known.values() if name in (world.key, world.kind, ALL)]
        if not found:
            raise SettingsError(
                f"--worlds {name}: no such world. Known: {', '.join(known)}; all of a kind: "
                f"{', '.join(kinds)}; {ALL}"
            )
        wanted |= {world.key: world for world in found}
    return list(wanted.values())


def _load(path: Path, bar: float | None) -> Plan:
    """The plan of an evalset, with the cases that are judged. Nothing is asked; a placeholder answers."""
    if not path.is_file():
        raise SettingsError(f"{path}: no evalset is there")
    path = path.resolve()
    rootdir = str(find_rootdir(path))
    settings = Settings(rootdir=rootdir, directory=rootdir, replay=("simulate",))
    plan = plan_with_bar(path, settings, builtin_registries(), bar)
    if not plan.evalset.decision.enabled:
        raise SettingsError(f"{path}: `decision: off` asks no question, so there is no verdict to simulate")
    return keep_judged(plan)


def _show_worlds(worlds: list[World], *, as_json: bool) -> int:
    if as_json:
        print(json.dumps([describe_world(world) for world in worlds], indent=2))
    else:
        for world in worlds:
            print(f"{world.key}{'*' if world.key in MAIN else ''}: {world.title} [{world.kind}]")
        print("* simulated without a choice")
    return 0


def _tell(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else "\r"
        print(f"simulate: {done:,} of {total:,} worlds x sizes", end=end, file=sys.stderr, flush=True)


def _render(body: Mapping[str, Any], options: argparse.Namespace) -> str:
    today = datetime.now(UTC).date().isoformat()
    return render_markdown(body, command=_name_command(options), date=today)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written ({error.strerror or error})") from None


def _name_command(options: argparse.Namespace) -> str:
    """The command that makes the same tables, without what does not change them."""
    words = ["pytest-ftgate", "simulate"]
    if options.evalset is not None:
        words.append(options.evalset.as_posix())
    for name in _TOLD:
        value = getattr(options, name)
        if value is None or value == _DEFAULTS.get(name):
            continue
        text = ",".join(map(str, value)) if isinstance(value, tuple) else f"{value:g}"
        words += [f"--{name.replace('_', '-')}", text]
    if options.markdown is not None:
        words += ["--markdown", options.markdown.as_posix()]
    return shlex.join(words)


_TOLD = ("worlds", "cases", "repeats", "bar", "arms", "further", "evalsets", "limit_evalsets", "seed")
_DEFAULTS = {"worlds": MAIN, "seed": 0}

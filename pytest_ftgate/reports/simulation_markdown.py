"""A simulation as a Markdown document: worlds, error rates, power, flips, and every confusion matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pytest_ftgate.reports.numbers import format_percent
from pytest_ftgate.reports.simulation_text import (
    COLUMNS,
    describe_evalsets,
    describe_size,
    describe_whole,
    format_cell,
    list_cells,
    list_regressions,
    list_shares,
)

Body = Mapping[str, Any]
World = Mapping[str, Any]
Cell = Mapping[str, Any]

_INTRO = """# Simulation: how often is the verdict wrong?

Synthetic worlds of which the truth is known, drawn as records and taken through the package's own code:
`statistics.summarise`, `patterns.find_patterns` with its negative control, the further repeats of suspects,
and `decision.decide`. Not simulated are the looks at which an arm may stop early (the tests of
`tests/simulation` run these through the runner), graders, and vendors.

Diffuse failures are beta-distributed over the cases with an intraclass correlation of 0.5, and correlated by
0.8 between arms; a case-bound pattern hits the same cases under every arm (intraclass correlation 0.95)."""

_FALSE = """## False `fine_tune_justified`, per cent

Tuning is untrue in these worlds: some arm is truly at the bar or above it, or nothing is above the floor in
every arm. Promised is less than 5, and less than 1 where `as_is` is 5 points above the bar or more. The
worlds marked with a dagger sit at a limit, where a false verdict is likeliest."""

_RIGHT = """## Right verdicts, per cent"""

_FLIPS = """## A/A: how often a second run of the same cases comes to another verdict, per cent

In brackets: how often one run fails the gate `accuracy` (by its point estimate) and the other does not."""

_SHARE = """## The share rule

`fine_tune_justified` wants the patterns to be at least half of the failures, `partial_pattern` is said of
less. The share is a point estimate, and its error is measured here, not bounded: per cent of the runs that
came to `fine_tune_justified` / `partial_pattern`."""

_REGRESSION = """## The gate `no_regression`: false alarms and power, per cent

Two models or prompts on the same cases, one-sided alpha as above. The gate alarms where the candidate is
proven worse; promised is at most 5 where the same prompt is asked again (A/A), and for another one that is
as good (a drop of 0). How hard a case is for both correlates as between arms. In brackets: how often a drop
of the margin is ruled out, which `--ftgate-strict` asks for."""

_BLIND = """## What no statistic sees

Wrong expected values that the model answers rightly look like a failure that recurs in every arm. Per cent of
the runs that came to `fine_tune_justified`:"""


def render_markdown(body: Body, *, command: str, date: str) -> str:
    """The document. `command` is what makes it again, `date` when it was made."""
    return "\n\n".join(_list_blocks(body, command, date)) + "\n"


def _list_blocks(body: Body, command: str, date: str) -> Iterator[str]:
    yield _INTRO
    yield f"Made on {date} with version {body['version']} by\n\n    {command}"
    yield _describe_scale(body)
    yield from _describe_worlds(body)
    yield from _table_by_size(body, _FALSE, ("untrue", "at_limit"), _false_cell)
    yield "\n".join(f"- {text}" for text in describe_whole(body))
    yield from _table_by_size(body, _RIGHT, ("untrue", "at_limit", "true", "share"), _right_cell)
    yield from _table_by_size(body, _SHARE, ("share", "true"), _share_cell)
    yield from _table_by_size(body, _FLIPS, ("untrue", "at_limit", "true", "share", "blind"), _flip_cell)
    yield from _table_by_size(body, _BLIND, ("blind",), _false_cell)
    yield from _describe_regressions(body)
    yield "## Confusion matrices, per cent of the runs\n\nA right verdict has a star."
    for size in body["sizes"]:
        yield f"### {_name_size(size)}"
        yield _table(
            ["world", *COLUMNS, "A/A"],
            [[world["key"], *list_shares(world, cell)] for world, cell in list_cells(body, size)],
        )
        yield "\n".join(f"- {text}" for text in describe_size(body, size))


def _describe_scale(body: Body) -> str:
    arms = ", ".join(f"`{arm['arm']}`" for arm in body["arms"] if arm["status"] == "run")
    decision = body["decision"]
    limit = body["limit_evalsets"] or body["evalsets"]
    half = 196 * (0.05 * 0.95 / limit) ** 0.5
    return (
        f"{describe_evalsets(body)}, at each size, each run twice; seed {body['seed']}. The evalset is the "
        f"unit of all intervals. Monte-Carlo error (95 %): at most {98 / body['evalsets'] ** 0.5:.1f} "
        f"points; of a rate of 5 % at the limit at most {half:.1f}. Arms: {arms}; bar "
        f"{format_percent(body['bar'])} unless the world says otherwise; alpha {decision['alpha']:g}, "
        f"alpha_fine_tune {decision['alpha_fine_tune']:g}, "
        f"floor {decision['floor']:g}, share {decision['share']:g}."
    )


def _describe_worlds(body: Body) -> Iterator[str]:
    yield "## The worlds"
    yield (
        "Per cent, in the order of as_is, few_shot, structured, context. *Share*: of the best arm's failures "
        "that the patterns truly make up."
    )
    yield _table(
        ["world", "truth", "accuracy", "patterns", "share", "right verdict"],
        [
            [
                _mark(world),
                world["title"],
                _join(world["accuracy"].values()),
                _describe_patterns(world["patterns"]),
                format_percent(world["share"], 0) if world["patterns"] else "",
                ", ".join(f"`{name}`" for name in world["right"]),
            ]
            for world in body["worlds"]
        ],
    )


def _describe_patterns(patterns: Sequence[Mapping[str, Any]]) -> str:
    if len(patterns) > 3:
        return f"{len(patterns)} signatures of {_join(patterns[0]['rate'].values())} each"
    return "; ".join(f"`{one['signature']}` {_join(one['rate'].values())}" for one in patterns)


def _join(rates: Iterable[float]) -> str:
    texts = [f"{100 * rate:.3g}" for rate in rates]
    return texts[0] if len(set(texts)) == 1 else "/".join(texts)


def _mark(world: World) -> str:
    return f"{world['key']}{' †' if world['kind'] == 'at_limit' else ''}"


def _name_size(size: Mapping[str, Any]) -> str:
    return f"n={size['cases']:,}, k={size['repeats']:,}"


def _table_by_size(
    body: Body, head: str, kinds: Sequence[str], write: Callable[[World, Cell], str]
) -> Iterator[str]:
    """A table of worlds by size, where there is any world of those kinds."""
    chosen = [world for kind in kinds for world in body["worlds"] if world["kind"] == kind]
    if not chosen:
        return
    by_size = [{world["key"]: cell for world, cell in list_cells(body, size)} for size in body["sizes"]]
    yield head
    yield _table(
        ["world", *(_name_size(size) for size in body["sizes"])],
        [[_mark(world), *(write(world, cells[world["key"]]) for cells in by_size)] for world in chosen],
    )


def _describe_regressions(body: Body) -> Iterator[str]:
    yield _REGRESSION
    first = list_regressions(body, body["sizes"][0])
    yield (
        f"From {format_percent(first[0]['accuracy'])}, margin {100 * first[0]['margin']:g} points, "
        f"{first[0]['evalsets']:,} comparisons each:"
    )
    heads = ["A/A" if found["drop"] is None else f"drop {100 * found['drop']:g}" for found in first]
    yield _table(
        ["size", *heads],
        [[_name_size(size), *map(_regression_cell, list_regressions(body, size))] for size in body["sizes"]],
    )


def _regression_cell(found: Mapping[str, Any]) -> str:
    return f"{100 * found['alarms']['value']:.1f} ({100 * found['excluded']['value']:.0f})"


def _false_cell(_world: World, cell: Cell) -> str:
    return f"{100 * cell['fine_tune']['value']:.1f}"


def _right_cell(world: World, cell: Cell) -> str:
    shown = format_cell(cell["right"]["value"], 1)
    first = cell["verdicts"].get(world["right"][0])
    if len(world["right"]) == 1 or first is None:
        return shown
    return f"{shown} (`{world['right'][0]}` {format_cell(first['value'], 1)})"


def _share_cell(world: World, cell: Cell) -> str:
    if not world["patterns"]:
        return ""
    return " / ".join(
        format_cell(cell["verdicts"].get(name, {"value": 0})["value"], 1)
        for name in ("fine_tune_justified", "partial_pattern")
    )


def _flip_cell(_world: World, cell: Cell) -> str:
    return f"{format_cell(cell['flips']['value'], 1)} ({format_cell(cell['build_flips']['value'], 1)})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

"""A simulation in the terminal: the confusion matrix of each size, and what it says of the gate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_ftgate.reports.numbers import format_count, format_percent
from pytest_ftgate.reports.tables import wrap_text

Body = Mapping[str, Any]

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "met": ("bar_met",),
    "fix": ("fix_call",),
    "prompt": ("improve_prompt",),
    "context": ("add_context", "use_rag"),
    "ready?": ("not_ready",),
    "tune": ("fine_tune_justified",),
    "partial": ("partial_pattern",),
    "none": ("no_pattern",),
    "open": ("inconclusive", "incomplete", "not_asked"),
}
"""Heads of the matrix, and the verdicts each stands for."""

ENOUGH = 0.8
WIDTH = 80


def render_text(body: Body) -> list[str]:
    """The lines of a simulation, at most 80 columns wide where the names allow it."""
    arms = ", ".join(arm["arm"] for arm in body["arms"] if arm["status"] == "run")
    lines = [
        f"simulated: {body['evalset'] or 'a made-up evalset'}, bar {format_percent(body['bar'])}",
        *wrap_text(f"arms: {arms}", WIDTH, "  "),
        *wrap_text(
            f"{describe_evalsets(body)}, each run twice; seed "
            f"{body['seed']}. Figures are per cent of the runs; a right verdict has a star; the "
            "last column is how often the second run of the same cases comes to another verdict (A/A).",
            WIDTH,
        ),
    ]
    for size in body["sizes"]:
        lines += [
            "",
            f"{format_count(size['cases'], 'case')} x {format_count(size['repeats'], 'repeat')}",
            "",
        ]
        lines += render_matrix(body, size)
        lines += ["", *(line for text in describe_size(body, size) for line in wrap_text(text, WIDTH, "  "))]
    lines += ["", *(line for text in describe_whole(body) for line in wrap_text(text, WIDTH, "  "))]
    return lines


def describe_evalsets(body: Body) -> str:
    """'100 evalsets of each world, 300 of those at their limit'."""
    text = f"{format_count(body['evalsets'], 'evalset')} of each world"
    more = body["limit_evalsets"]
    return text if more is None else f"{text}, {more:,} of those at their limit"


def list_cells(body: Body, size: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """(world, cell) of one size, in the order of the worlds."""
    worlds = {world["key"]: world for world in body["worlds"]}
    return [
        (worlds[cell["world"]], cell)
        for cell in body["cells"]
        if (cell["cases"], cell["repeats"]) == (size["cases"], size["repeats"])
    ]


def render_matrix(body: Body, size: Mapping[str, Any]) -> Iterator[str]:
    """World x verdict, in per cent of the runs."""
    rows = [[world["key"], *list_shares(world, cell)] for world, cell in list_cells(body, size)]
    table = [["world", *COLUMNS, "A/A"], *rows]
    widths = [max(len(row[place]) for row in table) for place in range(len(table[0]))]
    for row in table:
        cells = [
            row[0].ljust(widths[0]),
            *(text.rjust(w) for text, w in zip(row[1:], widths[1:], strict=True)),
        ]
        yield "  ".join(cells).rstrip()


def list_shares(world: Mapping[str, Any], cell: Mapping[str, Any]) -> list[str]:
    """The cells of a world's row: '93*' where right, '.' where never, and the flips."""
    runs = sum(verdict["runs"] for verdict in cell["verdicts"].values())
    texts = []
    for names in COLUMNS.values():
        count = sum(cell["verdicts"][name]["runs"] for name in names if name in cell["verdicts"])
        star = "*" if any(name in world["right"] for name in names) else ""
        texts.append(f"{format_cell(count, runs)}{star}")
    return [*texts, format_cell(cell["flips"]["value"], 1)]


def format_cell(count: float, total: float) -> str:
    """'93', '2.4', '.': per cent, with a decimal below 10."""
    share = 100 * count / total
    if not count:
        return "."
    return f"{share:.1f}" if share < 9.95 else f"{share:.0f}"


def describe_size(body: Body, size: Mapping[str, Any]) -> list[str]:
    """What the gate can and cannot tell at one size."""
    cells = list_cells(body, size)
    texts = [_describe_undecidable(size), _describe_regressions(body, size)]
    told = [world["key"] for world, cell in cells if cell["right"]["value"] >= ENOUGH]
    if told:
        texts.append(f"Tells (in 80 % of the runs or more): {', '.join(told)}.")
    rest = [
        f"{world['key']} ({format_percent(cell['right']['value'], 0)} right)"
        for world, cell in cells
        if cell["right"]["value"] < ENOUGH and world["kind"] not in ("blind", "share")
    ]
    if rest:
        texts.append(f"Cannot tell well enough: {', '.join(rest)}.")
    if asked := [cell for _, cell in cells if cell["asked_again"]]:
        planned = size["cases"] * size["repeats"] * sum(arm["status"] == "run" for arm in body["arms"])
        most = max(cell["further_a_run"] for cell in asked)
        texts.append(
            f"Further repeats, where only recurrence was lacking: at most {most:,.1f} calls a "
            f"run ({format_percent(most / planned)} of the {planned:,} planned), in {asked_worst(asked)}."
        )
    tunable = [cell for world, cell in cells if world["kind"] == "true"]
    if tunable and not any(cell["fine_tune"]["value"] for cell in tunable):
        texts.append(
            f"fine_tune_justified never comes out here, not even where it is true{_say_why(body, size)}."
        )
    return texts


def list_regressions(body: Body, size: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What was found of the gate `no_regression` at one size: A/A first, then by drop."""
    return [
        found
        for found in body["no_regression"]
        if (found["cases"], found["repeats"]) == (size["cases"], size["repeats"])
    ]


def _describe_regressions(body: Body, size: Mapping[str, Any]) -> str:
    again, *others = list_regressions(body, size)
    alarms = [format_percent(found["alarms"]["value"]) for found in others]
    drops = [f"{100 * found['drop']:g}" for found in others]
    return (
        f"no_regression, from {format_percent(again['accuracy'])}: alarms in "
        f"{format_percent(again['alarms']['value'])} where the same prompt is asked again (A/A); after a "
        f"true drop of {' / '.join(drops)} points in {' / '.join(alarms)}. It rules a drop of "
        f"{100 * again['margin']:g} points out in {format_percent(again['excluded']['value'])} (A/A)."
    )


def asked_worst(cells: Sequence[Mapping[str, Any]]) -> str:
    """The world that asked most further repeats."""
    return str(max(cells, key=lambda cell: cell["further_a_run"])["world"])


def _describe_undecidable(size: Mapping[str, Any]) -> str:
    below, above = size["below"], size["above"]
    low = "0 %" if below is None else format_percent(below)
    high = "100 %" if above is None else format_percent(above)
    return f"An accuracy between {low} and {high} cannot be told from the bar (one arm, power 80 %)."


def _say_why(body: Body, size: Mapping[str, Any]) -> str:
    needed = body["decision"]["min_cases"]
    if size["cases"] < needed:
        return f": it needs {format_count(needed, 'judged case')}"
    kinds = {arm["kind"] for arm in body["arms"] if arm["status"] in ("run", "waived")}
    missing = [kind for kind in ("few_shot", "structured", "context") if kind not in kinds]
    return (
        f": no arm {' or '.join(missing)} is run, see docs/evalset.md on what must have run"
        if missing
        else ""
    )


def describe_whole(body: Body) -> list[str]:
    """The promises, the share rule, and what no statistic sees."""
    texts = [text for promise in body["promises"] if (text := _describe_promise(promise))]
    by_kind = {kind: _list_worst(body, kind) for kind in ("share", "blind")}
    if by_kind["share"]:
        texts.append(
            "The share of the failures is held against one half as a point estimate, of which no error rate "
            f"is promised: fine_tune_justified where the true share is less, {', '.join(by_kind['share'])}."
        )
    if by_kind["blind"]:
        texts.append(
            "No statistic sees a wrong expected value that the model answers rightly: fine_tune_justified in "
            f"{', '.join(by_kind['blind'])}. Read the examples of a pattern before tuning."
        )
    texts += [_describe_again(cell) for cell in body["cells"] if cell["first"] is not None]
    texts += [f"Not simulated: {one['world']}, {one['reason']}." for one in body["skipped"]]
    return texts


def _describe_promise(promise: Mapping[str, Any]) -> str:
    worst = promise["worst"]
    if worst is None:
        return ""
    where = " where as_is is 5 points above the bar or more" if promise["above"] else ""
    broken = " The promise is broken with these settings." if promise["is_broken"] else ""
    return (
        f"False fine_tune_justified{where}: {describe_rate(worst)} at worst ({worst['world']}, "
        f"{worst['cases']:,} x {worst['repeats']:,}), {format_percent(promise['pooled'])} in all runs; "
        f"promised is less than {format_percent(promise['limit'])}.{broken}"
    )


def _describe_again(cell: Mapping[str, Any]) -> str:
    return (
        f"{cell['world']} at {cell['cases']:,} x {cell['repeats']:,} was drawn anew with "
        f"{format_count(cell['evalsets'], 'evalset')}, since the first sample came to "
        f"{format_percent(cell['first'])}: {describe_rate(cell['fine_tune'])}, the first not counted."
    )


def describe_rate(rate: Mapping[str, Any]) -> str:
    """'2.9 % [1.5..5.0]': a rate with the interval of its Monte-Carlo error."""
    return f"{format_percent(rate['value'])} [{100 * rate['low']:.1f}..{100 * rate['high']:.1f}]"


def _list_worst(body: Body, kind: str) -> Sequence[str]:
    """'share-45 32 %': the worlds of a kind, each at its worst size."""
    found: dict[str, float] = {}
    kinds = {world["key"]: world["kind"] for world in body["worlds"]}
    for cell in body["cells"]:
        if kinds[cell["world"]] == kind:
            found[cell["world"]] = max(found.get(cell["world"], 0.0), cell["fine_tune"]["value"])
    return [f"{name} {format_percent(value, 0)}" for name, value in found.items()]

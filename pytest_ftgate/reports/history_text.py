"""The history for a terminal: a table of the points, a chart of them, and what drift says. Plain ASCII."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_ftgate.reports.hostile_text import cut_text, defuse_commands, show_text
from pytest_ftgate.reports.numbers import format_count, format_percent, format_price, format_seconds
from pytest_ftgate.reports.tables import render_rows, wrap_text

WIDTH = 80
_MODEL_CHARS = 22
_SHARES = ("accuracy", "format_failures")
_LEVELS = " .:-=+*#%@"
_MAX_SIGNATURES = 15

Point = Mapping[str, Any]


def render_history(answer: Mapping[str, Any], *, width: int = WIDTH) -> list[str]:
    """The lines of an answer of the history, none wider than `width`."""
    metric = answer["metric"]
    lines: list[str] = []
    for series in answer["series"]:
        lines += [*_render_series(series, metric, width), ""]
    return [cut_text(defuse_commands(line), width) for line in lines[:-1]]


def _render_series(series: Mapping[str, Any], metric: str, width: int) -> list[str]:
    points = series["points"]
    who = f"{series['arm']}" if series["role"] == "candidate" else f"{series['arm']} [{series['role']}]"
    shown = f"{len(points)} of {series['total']}" if len(points) < series["total"] else f"{len(points)}"
    title = f"{show_text(series['path'])}   {show_text(who)}   {show_text(metric)}   {shown} in the history"
    room = width - 2
    if metric == "patterns":
        body = _render_patterns(points, room)
    else:
        body = [*_render_table(points, metric, room), *_render_chart(series, metric, room)]
    drift = [line for text in _describe_drift(series) for line in wrap_text(text, room)]
    blocks = [title, "", *body, *(["", *drift] if drift else [])]
    return [blocks[0], *(f"  {line}".rstrip() for line in blocks[1:])]


# -- table ----------------------------------------------------------------------------------------


def _render_table(points: Sequence[Point], metric: str, room: int) -> list[str]:
    """One row a point; what changed stands below the row that it begins with."""
    rows = [_make_row(point, metric) for point in points]
    head, rule, *lines = render_rows(rows, {_name_column(metric), "95 % interval", "answers"}, room)
    table = [head, rule]
    for line, point in zip(lines, points, strict=True):
        table.append(line)
        for mark in point["marks"]:
            table += wrap_text(f"  ^ {show_text(mark)}", room, "    ")
    return table


def _make_row(point: Point, metric: str) -> dict[str, str]:
    models = ", ".join(point["models"]) or point["requested"] or "-"
    row = {
        "when": _name_time(point),
        "commit": _name_commit(point),
        "model": cut_text(show_text(models), _MODEL_CHARS),
    }
    if metric == "gates":
        failed = [gate["name"] for gate in point["gates"] if gate["outcome"] != "passed"]
        return {**row, "gates": ", ".join(f"{_say_outcome(point, name)}" for name in failed) or "all passed"}
    row[_name_column(metric)] = format_value(point["value"], metric)
    if metric in _SHARES:
        row["95 % interval"] = _format_interval(point)
        row["answers"] = f"{point['cases']} x {_format_repeats(point)}"
    else:
        row["answers"] = f"{point.get('trials', point['answers']):,}"
    return row


def _name_column(metric: str) -> str:
    """A signature is already in the title, and too long for a column."""
    return "share" if metric.startswith("pattern:") else metric


def _say_outcome(point: Point, name: str) -> str:
    outcome = next(gate["outcome"] for gate in point["gates"] if gate["name"] == name)
    return f"{show_text(name)} {show_text(outcome)}"


def _name_time(point: Point) -> str:
    """'2026-11-20 02:00', in UTC; a star where a selection of the cases was run."""
    return f"{show_text(point['at'][:16].replace('T', ' '))}{'*' if point['partial'] else ''}"


def _name_commit(point: Point) -> str:
    if point["revision"] is None:
        return "-"
    return f"{show_text(point['revision'][:7])}{'+' if point['dirty'] else ''}"


def _format_repeats(point: Point) -> str:
    repeats = point["trials"] / point["cases"] if point["cases"] else 0
    return f"{repeats:.1f}".removesuffix(".0")


def _format_interval(point: Point) -> str:
    if point["low"] is None or point["high"] is None:
        return "-"
    return f"{100 * point['low']:.1f} .. {100 * point['high']:.1f}"


def format_value(value: float | None, metric: str) -> str:
    """A metric's value as people read it."""
    if value is None:
        return "-"
    if metric in _SHARES or metric.startswith("pattern:"):
        return format_percent(value)
    if metric.startswith("latency"):
        return format_seconds(value)
    return format_price(value) if metric.startswith("cost") else f"{value:,.0f}"


# -- chart ----------------------------------------------------------------------------------------


def _render_chart(series: Mapping[str, Any], metric: str, room: int) -> list[str]:
    """A line a point: `o` the value, `-` its interval, `:` the bar."""
    points = [point for point in series["points"] if point.get("value") is not None]
    if len(points) < 2:
        return []
    bar = series["bar"] if metric == "accuracy" else None
    ends = [value for point in points for value in _list_ends(point)] + ([bar] if bar is not None else [])
    low, high = min(ends), max(ends)
    if high == low:
        low, high = low - 0.5, high + 0.5
    labels = [_name_time(point) for point in points]
    left = max(map(len, labels))
    columns = room - left - 2
    scale = _Scale(low, high, columns)
    lines = [
        f"{label:{left}} |{_draw(point, bar, scale)}" for label, point in zip(labels, points, strict=True)
    ]
    low_text, high_text = format_value(low, metric), format_value(high, metric)
    gap = max(1, columns - len(low_text) - len(high_text))
    legend = "o value" + (", - 95 % interval" if metric in _SHARES else "") + (", : bar" if bar else "")
    return ["", *lines, f"{'':{left}}  {low_text}{'':{gap}}{high_text}", f"{'':{left}}  {legend}"]


class _Scale:
    """From values to columns, 0 to `columns` - 1."""

    def __init__(self, low: float, high: float, columns: int) -> None:
        self.columns = columns
        self._low, self._step = low, (high - low) / max(1, columns - 1)

    def place(self, value: float) -> int:
        return min(self.columns - 1, max(0, round((value - self._low) / self._step)))


def _list_ends(point: Point) -> list[float]:
    return [point[key] for key in ("value", "low", "high") if point.get(key) is not None]


def _draw(point: Point, bar: float | None, scale: _Scale) -> str:
    row = [" "] * scale.columns
    if bar is not None:
        row[scale.place(bar)] = ":"
    if point.get("low") is not None and point.get("high") is not None:
        for column in range(scale.place(point["low"]), scale.place(point["high"]) + 1):
            row[column] = "-"
        if bar is not None and row[scale.place(bar)] == "-":
            row[scale.place(bar)] = ":"
    row[scale.place(point["value"])] = "o"
    return "".join(row).rstrip()


# -- patterns and drift ---------------------------------------------------------------------------


def _render_patterns(points: Sequence[Point], room: int) -> list[str]:
    """A signature a row, the most frequent of the newest point first, with its share at each point."""
    shares: dict[str, list[float]] = {}
    for index, point in enumerate(points):
        for pattern in point["patterns"]:
            shares.setdefault(pattern["signature"], [0.0] * len(points))[index] = pattern["share"]
    ranked = sorted(shares.items(), key=lambda entry: (-entry[1][-1], -max(entry[1]), entry[0]))
    most = max((max(values) for values in shares.values()), default=0.0)
    trend = min(len(points), room // 3)
    rows = [
        {
            "signature": cut_text(show_text(signature), room - trend - 24),
            "newest": format_percent(values[-1]),
            "most": format_percent(max(values)),
            "over time": "".join(_shade(value, most) for value in values[-trend:]),
        }
        for signature, values in ranked[:_MAX_SIGNATURES]
    ]
    if not rows:
        return ["no failure was seen"]
    rest = len(ranked) - len(rows)
    more = [f"... and {format_count(rest, 'more signature')}"] if rest > 0 else []
    return [*render_rows(rows, {"newest", "most"}, room), *more]


def _shade(value: float, most: float) -> str:
    """From '.' (hardly ever) to '@' (as often as the most frequent ever was); '_' where it was not seen."""
    if not value:
        return "_"
    return _LEVELS[max(1, round((len(_LEVELS) - 1) * value / most))]


def _describe_drift(series: Mapping[str, Any]) -> Iterator[str]:
    drift = series.get("drift")
    if series.get("drift_note"):
        yield f"drift: {series['drift_note']}"
    if drift is None:
        return
    newest = drift["steps"][-1]
    base = f"held against the first {len(drift['baseline_runs'])} runs ({format_percent(newest['baseline'])})"
    if drift["alarm"] is None:
        yield f"drift: none shown; CUSUM {drift['cusum']:.1f} of 3, {base}"
        return
    since = show_text(drift["alarm"]["at"][:16].replace("T", " "))
    run = show_text(drift["alarm"]["run"])
    yield (
        f"DRIFT since {since} (run {run}): with the same cases, prompt and graders the answers got worse; "
        f"CUSUM {drift['cusum']:.1f} is above 3, {base}"
    )
